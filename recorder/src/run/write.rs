//! The thread that owns the recording's files: appends rows, flushes each interval, rotates, and
//! seals at the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use soakbox_schemas::tables::Table;

use super::event::Event;
use super::last::LastRows;
use super::outbox::Message;
use super::room::DiskRoom;
use crate::clock::{Clock, ClockPair, Timer};
use crate::message;
use crate::plan::{Room, WhenFull};
use crate::sample::Rows;
use crate::segment::RecordingWriter;

/// Rows that were written, by table.
pub(super) type RowCounts = HashMap<Table, u64>;

/// How rows are written.
#[derive(Debug)]
pub(super) struct WriteSettings {
    /// Longest time that rows exist only in memory.
    pub(super) flush_interval: Duration,
    /// Room on the disk.
    pub(super) room: Room,
    /// What is kept in memory until a trigger; `None` where everything is written.
    pub(super) last: Option<LastRows>,
}

/// The writing thread, until it is finished or dropped. It owns the files from the start and writes
/// nothing before [`WriteGate::open`], so that a start that fails elsewhere leaves nothing.
pub(super) struct WriterThread {
    thread: Option<JoinHandle<Result<RowCounts>>>,
}

/// Holds back the writing until it is opened. Dropped unopened, it ends the thread with nothing
/// written.
pub(super) struct WriteGate(Sender<()>);

impl WriteGate {
    /// From now on everything that is sent is written.
    pub(super) fn open(self) {
        // Where the thread has ended, its result tells why.
        let _ = self.0.send(());
    }
}

impl WriterThread {
    /// Starts the thread; `ended` is set when it ends, for whatever reason. Where `rotate` is set,
    /// the open files are sealed within half a flush interval.
    ///
    /// # Errors
    /// Where no thread can be created.
    pub(super) fn start(
        writer: RecordingWriter,
        receiver: Receiver<Message>,
        settings: WriteSettings,
        clock: Arc<dyn Clock>,
        ended: &Arc<Event>,
        rotate: Arc<AtomicBool>,
    ) -> Result<(Self, WriteGate)> {
        let (gate, opened) = bounded(1);
        let ended = ended.clone();
        let thread = thread::Builder::new()
            .name("soakbox-write".into())
            .spawn(move || {
                let _ended = ended.set_on_drop();
                match opened.recv() {
                    Ok(()) => write(writer, &receiver, settings, &*clock, &rotate),
                    Err(_) => Ok(RowCounts::default()),
                }
            })?;
        let thread = Some(thread);
        Ok((Self { thread }, WriteGate(gate)))
    }

    /// Waits until everything is sealed. Every sender must be gone.
    ///
    /// # Errors
    /// The first failure to write. Every row that was written by then is in the recording, sealed
    /// or in journals.
    pub(super) fn finish(mut self) -> Result<RowCounts> {
        self.join()
    }

    fn join(&mut self) -> Result<RowCounts> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(anyhow::anyhow!("the writing thread panicked")),
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.join();
        }
    }
}

/// Runs until every sender is gone, then seals.
fn write(
    mut writer: RecordingWriter,
    receiver: &Receiver<Message>,
    mut settings: WriteSettings,
    clock: &dyn Clock,
    rotate: &AtomicBool,
) -> Result<RowCounts> {
    if settings.room.when_full == WhenFull::DropOldest {
        match writer.drop_oldest_when_full() {
            // It is tried again when something was deleted.
            Err(error) if !error.is_disk_full() => return Err(error.into()),
            _ => {}
        }
    }
    let mut rows = RowWriter {
        writer,
        room: DiskRoom::new(settings.room, clock.now()),
        counts: RowCounts::default(),
    };
    let last = &mut settings.last;
    // Twice an interval, because a row has already waited when it arrives here.
    let period = settings.flush_interval / 2;
    let mut due = Timer::after(period);
    loop {
        match receiver.recv_timeout(due.remaining()) {
            Ok(Message::Rows(made, now)) => rows.take(last, made, now)?,
            Ok(Message::Observes(file)) => rows.writer.observes(&file),
            Ok(Message::Trigger(text, now)) => rows.trigger(last, &text, now)?,
            Ok(Message::Flush(done)) => {
                rows.flush(clock.now())?;
                // The thread that waited may be gone.
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if due.is_over() {
            let now = clock.now();
            rows.flush(now)?;
            let completes = last.as_mut().is_some_and(|last| last.completes(now));
            rows.tick(
                rotate.swap(false, Ordering::Relaxed) || completes,
                clock.now(),
            );
            due = Timer::after(period);
        }
    }
    rows.finish(last, clock.now())
}

/// The recording's files, as long as there is room.
struct RowWriter {
    writer: RecordingWriter,
    room: DiskRoom,
    counts: RowCounts,
}

impl RowWriter {
    /// Writes rows, or keeps them in memory.
    fn take(&mut self, last: &mut Option<LastRows>, rows: Rows, now: ClockPair) -> Result<()> {
        let Some(last) = last else {
            return self.append(&rows, now);
        };
        match last.take(rows, now)? {
            Some(rows) => self.append(&rows, now),
            None => Ok(()),
        }
    }

    /// Writes what is kept in memory.
    fn trigger(&mut self, last: &mut Option<LastRows>, text: &str, now: ClockPair) -> Result<()> {
        let Some(last) = last else {
            return Ok(());
        };
        let goes_on = last.is_writing(now);
        for (rows, now) in last.trigger(text, now)? {
            self.append(&rows, now)?;
        }
        if !goes_on {
            message::line(format_args!(
                "trigger {text}: writing what was kept in memory"
            ));
        }
        while let Some((rows, now)) = last.next_due()? {
            self.append(&rows, now)?;
        }
        Ok(())
    }

    fn append(&mut self, rows: &Rows, now: ClockPair) -> Result<()> {
        if self.room.append(&mut self.writer, rows, now)? {
            *self.counts.entry(rows.0).or_default() += rows.1.num_rows() as u64;
        }
        Ok(())
    }

    fn flush(&mut self, now: ClockPair) -> Result<()> {
        self.room.flush(&mut self.writer, now)
    }

    /// Rotates where that is due or asked for.
    fn tick(&mut self, rotate: bool, now: ClockPair) {
        let rotated = if rotate { self.writer.rotate() } else { Ok(()) };
        if let Err(error) = rotated.and_then(|()| self.writer.tick(now))
            && !(self.room.is_paused() && error.is_disk_full())
        {
            // No row is lost by a seal that failed: its journal is kept, and the seal is tried
            // again.
            message::line(format_args!("warning: {error}"));
        }
    }

    fn finish(mut self, last: &mut Option<LastRows>, now: ClockPair) -> Result<RowCounts> {
        if let Some(last) = last {
            for (rows, now) in last.finish(now)? {
                self.append(&rows, now)?;
            }
        }
        self.room.finish(&mut self.writer, now)?;
        self.writer.finish()?;
        Ok(self.counts)
    }
}
