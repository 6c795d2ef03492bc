//! The thread that drains the source: puts events in order, turns them into rows of
//! `operation_log`, and reads the counts of each interval after its last event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::{Receiver, Sender, bounded};
use soakbox_schemas::counters::SLOTS;
use soakbox_schemas::event::OperationEvent;
use soakbox_schemas::tables::{OperationLogBuilder, Table};

use super::ages::Ages;
use super::event::Event;
use super::interval::{Due, IntervalClock};
use super::outbox::{Outbox, Unsent};
use crate::clock::{Clock, ClockPair};
use crate::sample::{EventCounts, IntervalCounts, Rows, Tick};
use crate::source::{Reorder, Source};

/// Longest time between two drains of the source. A wakeup per event would cost more than the
/// event.
const LONGEST_WAIT: Duration = Duration::from_millis(10);
/// Most records that are drained before the events among them are put in order.
const MOST_RECORDS: usize = 16_384;
/// Number of rows at which a batch is sent before its time is over.
const BATCH_ROWS: usize = 8_192;
/// Ticks that may wait to be sampled; each is an interval.
const TICKS: usize = 4;
/// An event and its header in the ring.
const RECORD_BYTES: usize = size_of::<OperationEvent>() + 8;

/// Turns the events and counts of a source into rows and ticks.
pub(super) struct Collector {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    outbox: Outbox,
    reorder: Reorder,
    log: OperationLogBuilder,
    /// Longest time that a row waits in `log`, ns.
    hold_ns: u64,
    /// When the first row in `log` came, ns of the boot clock.
    held_since_ns: u64,
    intervals: IntervalClock,
    ages: Ages,
    events: EventCounts,
    /// For how long the host has been suspended, as in earlier ticks, ns.
    suspended_ns: u64,
}

impl Collector {
    /// Drains `source` into `log`, which must be for the same operations. A row is sent at most a
    /// quarter of `flush_interval` later. Then it waits for the disk, and both waits together must
    /// fit into one flush interval.
    pub(super) fn new(
        source: Box<dyn Source>,
        log: OperationLogBuilder,
        interval_ns: u64,
        flush_interval: Duration,
        outbox: Outbox,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let boot_ns = clock.now().boot_ns;
        Self {
            suspended_ns: clock.suspended_ns(),
            source,
            clock,
            outbox,
            reorder: Reorder::default(),
            log,
            hold_ns: (flush_interval / 4).as_nanos() as u64,
            held_since_ns: boot_ns,
            intervals: IntervalClock::new(interval_ns, SLOTS, boot_ns),
            ages: Ages::new(interval_ns, boot_ns),
            events: EventCounts::default(),
        }
    }

    /// Drains the source, and sends the rows that are due.
    ///
    /// # Errors
    /// Where the writing thread has ended, or a batch cannot be made.
    pub(super) fn drain(&mut self, is_last: bool) -> Result<(), CollectError> {
        let (mut drained_bytes, mut is_full) = (0, true);
        while is_full {
            let drained = self.source.drain(self.reorder.incoming(), MOST_RECORDS);
            is_full = drained.records == MOST_RECORDS;
            drained_bytes += (drained.records * RECORD_BYTES) as u64;
            self.events.received += drained.records as u64;
            self.events.dropped += drained.unreadable as u64;
            let now = self.clock.now();
            let events = if is_last && !is_full {
                self.reorder.release_all()
            } else {
                self.reorder.release(now.boot_ns)
            };
            self.append(&events, now)?;
        }
        self.events.late += self.reorder.take_late();
        self.events.drained_bytes_max = self.events.drained_bytes_max.max(drained_bytes);
        let now = self.clock.now();
        if is_last || now.boot_ns.saturating_sub(self.held_since_ns) >= self.hold_ns {
            self.send(now)?;
        }
        Ok(())
    }

    fn append(&mut self, events: &[OperationEvent], now: ClockPair) -> Result<(), CollectError> {
        let offset_ns = now.offset_ns();
        for event in events {
            if self.log.is_empty() {
                self.held_since_ns = now.boot_ns;
            }
            if !self.log.push(event, offset_ns) {
                self.events.dropped += 1;
            }
            if self.log.len() >= BATCH_ROWS {
                self.send(now)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, now: ClockPair) -> Result<(), CollectError> {
        if self.log.is_empty() {
            return Ok(());
        }
        let rows = Rows(Table::OPERATION_LOG, self.log.finish()?);
        Ok(self.outbox.send(rows, now)?)
    }

    /// Looks for the oldest operations in flight where an interval has ended since the last look.
    fn look(&mut self) {
        let now_ns = self.clock.now().boot_ns;
        if self.ages.is_due(now_ns) {
            self.ages.add(now_ns, self.source.oldest_in_flight());
        }
    }

    /// The tick of the intervals that are over; `None` until there is one.
    pub(super) fn tick(&mut self) -> Option<Tick> {
        let now = self.clock.now();
        let due = self.intervals.due(now.boot_ns)?;
        Some(self.count(due, now))
    }

    /// The last tick, when nothing is counted any more and everything is drained.
    pub(super) fn last_tick(&mut self) -> Tick {
        let now = self.clock.now();
        self.ages.add(now.boot_ns, self.source.oldest_in_flight());
        let due = self.intervals.rest(now.boot_ns);
        self.count(due, now)
    }

    fn count(&mut self, due: Due, now: ClockPair) -> Tick {
        let ended = due.ended.into_iter().map(|interval| (interval, false));
        let late = due.late.into_iter().map(|interval| (interval, true));
        let counts = ended.chain(late).map(|(interval, is_late)| IntervalCounts {
            interval,
            at_ns: now.utc_of(self.intervals.start_ns(interval)),
            counted: self.source.take_counts(interval),
            // A late interval's slot belongs to another one by now.
            durations: match is_late {
                true => Vec::new(),
                false => self.source.take_durations(interval),
            },
            oldest_in_flight_ns: match is_late {
                true => Vec::new(),
                false => self.ages.at_the_end_of(interval),
            },
            is_late,
        });
        let suspended_ns = self.clock.suspended_ns();
        let before_ns = std::mem::replace(&mut self.suspended_ns, suspended_ns);
        Tick {
            counts: counts.collect(),
            now,
            suspended_ns: suspended_ns.saturating_sub(before_ns),
            interval: self.intervals.interval(now.boot_ns),
            merged_intervals: due.merged,
            unfollowed: self.source.take_unfollowed(),
            events: std::mem::take(&mut self.events),
            queue_depth_max: 0,
        }
    }

    /// Drains and sends ticks until `stop`. Returns the last tick, after everything is drained.
    fn run(mut self, ticks: &Sender<Tick>, ticked: &Event, stop: &AtomicBool) -> Result<Tick> {
        loop {
            // Read before the source is: the last drain then has everything that finished before
            // the stop.
            let is_last = stop.load(Ordering::Acquire);
            if !is_last {
                self.source.wait(LONGEST_WAIT);
            }
            match self.step(is_last, ticks, ticked) {
                // The writing thread's result tells why.
                Err(CollectError::WriterGone) => return Ok(self.last_tick()),
                Err(CollectError::Rows(error)) => return Err(error.into()),
                Ok(()) => {}
            }
            if is_last {
                return Ok(self.last_tick());
            }
        }
    }

    /// Drains once, and sends the tick that is due.
    fn step(
        &mut self,
        is_last: bool,
        ticks: &Sender<Tick>,
        ticked: &Event,
    ) -> Result<(), CollectError> {
        self.drain(is_last)?;
        if is_last {
            return Ok(());
        }
        self.look();
        // While the channel is full, the counts stay in the source.
        if !ticks.is_full()
            && let Some(tick) = self.tick()
        {
            // The rows of an interval are written before its counts, so that a kill never leaves
            // counts of rows that it cut off.
            self.send(self.clock.now())?;
            let _ = ticks.try_send(tick);
            ticked.set();
        }
        Ok(())
    }
}

/// Why nothing more can be collected.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    #[error("the writing thread has ended")]
    WriterGone,
    #[error(transparent)]
    Rows(#[from] arrow::error::ArrowError),
}

impl From<Unsent> for CollectError {
    fn from(_: Unsent) -> Self {
        Self::WriterGone
    }
}

/// The collecting thread, until it is finished or dropped.
pub(super) struct CollectorThread {
    stop: Arc<AtomicBool>,
    ticks: Receiver<Tick>,
    ticked: Arc<Event>,
    thread: Option<JoinHandle<Result<Tick>>>,
}

impl CollectorThread {
    /// Starts the thread; `ended` is set when it ends, for whatever reason.
    ///
    /// # Errors
    /// Where no thread or descriptor can be created.
    pub(super) fn start(collector: Collector, ended: &Arc<Event>) -> Result<Self> {
        let (sender, ticks) = bounded(TICKS);
        let (stop, ticked) = (Arc::new(AtomicBool::new(false)), Arc::new(Event::new()?));
        let thread = {
            let (stop, ticked, ended) = (stop.clone(), ticked.clone(), ended.clone());
            thread::Builder::new()
                .name("soakbox-collect".into())
                .spawn(move || {
                    let _ended = ended.set_on_drop();
                    collector.run(&sender, &ticked, &stop)
                })?
        };
        Ok(Self {
            stop,
            ticks,
            ticked,
            thread: Some(thread),
        })
    }

    /// Set when there may be a tick.
    pub(super) fn ticked(&self) -> &Event {
        &self.ticked
    }

    /// The next tick that waits to be sampled.
    pub(super) fn next_tick(&self) -> Option<Tick> {
        self.ticked.clear();
        self.ticks.try_recv().ok()
    }

    /// Drains the rest; returns the last tick.
    ///
    /// # Errors
    /// Those of the thread.
    pub(super) fn finish(&mut self) -> Result<Tick> {
        self.stop.store(true, Ordering::Release);
        let thread = self.thread.take();
        let ended = thread.map(JoinHandle::join);
        match ended {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(anyhow::anyhow!("the collecting thread panicked")),
        }
    }
}

impl Drop for CollectorThread {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;
    use crate::clock::ManualClock;
    use crate::source::synthetic::{SECOND_NS, SyntheticSource};

    #[test]
    fn a_suspend_is_in_the_next_tick_only() {
        let clock = Arc::new(ManualClock::new(ClockPair {
            boot_ns: 100 * SECOND_NS,
            utc_ns: 0,
        }));
        // From before the recording.
        clock.suspend(7 * SECOND_NS);
        let (outbox, _receiver) = Outbox::new(1);
        let mut collector = Collector::new(
            Box::new(SyntheticSource::new(1, false, 107, clock.clone())),
            OperationLogBuilder::new(&[]),
            SECOND_NS,
            Duration::from_secs(1),
            outbox,
            clock.clone(),
        );
        let mut suspended = |awake_ns, asleep_ns| {
            clock.advance(awake_ns);
            clock.suspend(asleep_ns);
            collector.tick().unwrap().suspended_ns
        };
        assert_eq!(suspended(2 * SECOND_NS, 0), 0);
        assert_eq!(suspended(SECOND_NS, 60 * SECOND_NS), 60 * SECOND_NS);
        assert_eq!(suspended(SECOND_NS, 0), 0);
        assert_eq!(collector.last_tick().suspended_ns, 0);
    }
}
