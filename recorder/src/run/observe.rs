//! The loop on the caller's thread: takes the kernel's counts each interval, waits for the command, a signal or the
//! end of the duration, and says what a person should know.

use std::process::Child;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use soakbox_schemas::counters::SLOTS;
use soakbox_schemas::tables::{Annotation, AnnotationKind, OperationMetrics, RecorderHealth};

use super::ledger::Ledger;
use super::message::{Message, say};
use super::outbox::Outbox;
use super::own::OwnUsage;
use super::signals::Signals;
use super::{command, write};
use crate::clock::{Clock, ClockPair};
use crate::kernel::Counters;
use crate::plan::{ProcessFilter, RecordPlan};

const LOOK: Duration = Duration::from_millis(20);
/// An interval is taken this long after its end, when no CPU still counts in it. What does is booked late.
const GRACE_NS: u64 = 250_000_000;
/// An interval is looked at once more after this many others.
const LATE: u64 = SLOTS as u64 / 2;

pub(super) struct Observer<'a> {
    plan: &'a RecordPlan,
    counters: Arc<Counters>,
    outbox: Option<Outbox>,
    clock: &'a dyn Clock,
    ledger: Ledger,
    own: OwnUsage,
    next_interval: u64,
    /// Some processes of the command are not observed.
    is_incomplete: bool,
}

/// Names of the plan's operations, for people.
pub(super) fn names(plan: &RecordPlan) -> String {
    let names: Vec<&str> = plan
        .operations
        .iter()
        .map(|operation| operation.info.name.as_str())
        .collect();
    names.join(", ")
}

impl<'a> Observer<'a> {
    pub(super) fn new(
        plan: &'a RecordPlan,
        counters: Arc<Counters>,
        outbox: Outbox,
        clock: &'a dyn Clock,
    ) -> Self {
        let interval_ns = plan.interval_ns();
        Self {
            plan,
            counters,
            outbox: Some(outbox),
            clock,
            ledger: Ledger::new(plan.infos()),
            own: OwnUsage::default(),
            next_interval: clock.now().boot_ns / interval_ns,
            is_incomplete: false,
        }
    }

    /// Watches until there is a reason to stop.
    ///
    /// # Errors
    /// Where the command cannot be started. A writing thread that ended early ends the watch; its own result says why.
    pub(super) fn watch<T, U>(
        &mut self,
        signals: &Signals,
        writing: &JoinHandle<T>,
        collecting: &JoinHandle<U>,
    ) -> Result<()> {
        self.annotate(AnnotationKind::RecordingStarted, names(self.plan));
        let mut child = match &self.plan.processes {
            ProcessFilter::Command(words) => Some(self.start(words)?),
            ProcessFilter::All | ProcessFilter::Process(_) => None,
        };
        let deadline = self.plan.duration.map(|duration| Instant::now() + duration);
        while !signals.stop_requested()
            && !writing.is_finished()
            && !collecting.is_finished()
            && deadline.is_none_or(|deadline| Instant::now() < deadline)
            && !self.has_ended(&mut child)
        {
            self.take_due();
            thread::sleep(LOOK);
        }
        Ok(())
    }

    fn start(&mut self, words: &[std::ffi::OsString]) -> Result<Child> {
        let child = command::start(words)?;
        let shown: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        self.annotate(AnnotationKind::TargetStarted, shown.join(" "));
        Ok(child)
    }

    /// Whether what is observed has ended.
    fn has_ended(&mut self, child: &mut Option<Child>) -> bool {
        if let ProcessFilter::Process(process) = &self.plan.processes {
            let ended = process.has_ended();
            if ended {
                self.annotate(
                    AnnotationKind::TargetExited,
                    format!("process {} has ended", process.pid()),
                );
            }
            return ended;
        }
        let Some(running) = child else { return false };
        match running.try_wait() {
            Ok(None) => false,
            Ok(Some(status)) => {
                let text = command::describe(status);
                if !status.success() {
                    say(format_args!(
                        "the command ended with {text}; the recording is complete"
                    ));
                }
                self.annotate(AnnotationKind::TargetExited, text);
                true
            }
            Err(error) => {
                say(format_args!("cannot wait for the command: {error}"));
                true
            }
        }
    }

    /// Takes every interval that is over.
    fn take_due(&mut self) {
        let now = self.clock.now();
        let interval_ns = self.plan.interval_ns();
        let over = now.boot_ns.saturating_sub(GRACE_NS) / interval_ns;
        if over <= self.next_interval {
            return;
        }
        self.skip_what_a_stall_merged(over);
        while self.next_interval < over {
            let rows = self.take_interval(self.next_interval);
            self.warn_of_loss(&rows);
            self.send(Message::Metrics(rows));
            self.take_late(self.next_interval.saturating_sub(LATE));
            self.next_interval += 1;
        }
        self.take_unfollowed();
        self.send_health(now);
    }

    /// The recorder about itself since the last such row; the writing thread adds its own figures.
    fn send_health(&mut self, now: ClockPair) {
        let mut health = RecorderHealth {
            at_ns: now.utc_ns,
            boot_ns: now.boot_ns,
            interval: now.boot_ns / self.plan.interval_ns(),
            queue_depth_max: self.outbox.as_ref().map_or(0, Outbox::take_depth_max),
            ..Default::default()
        };
        self.own.fill(&mut health);
        self.send(Message::Health(health));
    }

    /// After a stall the counts of older intervals lie in the slots of newer ones: they are booked there, and said.
    fn skip_what_a_stall_merged(&mut self, over: u64) {
        let oldest = over.saturating_sub(u64::from(SLOTS) - 1);
        if oldest > self.next_interval {
            let text = format!(
                "the recorder stalled: counts of the {} intervals before are booked in later ones",
                oldest - self.next_interval
            );
            say(format_args!("warning: {text}"));
            self.annotate(AnnotationKind::Note, text);
            self.next_interval = oldest;
        }
    }

    /// What was counted in `interval` after it was taken, before its slot serves again.
    fn take_late(&mut self, interval: u64) {
        let mut rows = self.take_interval(interval);
        rows.retain(|row| {
            row.begun + row.finished + row.abandoned + row.unmatched + row.recorded > 0
        });
        if !rows.is_empty() {
            self.send(Message::Metrics(rows));
        }
    }

    fn take_interval(&mut self, interval: u64) -> Vec<OperationMetrics> {
        let interval_ns = self.plan.interval_ns();
        let at_ns = self.clock.now().utc_of(interval * interval_ns);
        (0..self.ledger.len())
            .map(|operation| {
                let counted = self.counters.take(operation, interval);
                self.ledger.book(operation, interval, at_ns, counted)
            })
            .collect()
    }

    /// Processes of the command that are not observed, as long as they live: from then on there is a gap.
    fn take_unfollowed(&mut self) {
        let unfollowed = self.counters.take_unfollowed();
        if unfollowed == 0 {
            return;
        }
        say(format_args!(
            "warning: more processes than are followed: {unfollowed} of the command will not be observed; hint: raise --processes {}",
            self.plan.limits.processes
        ));
        if !std::mem::replace(&mut self.is_incomplete, true) {
            self.annotate(AnnotationKind::Gap, "processes not followed".to_owned());
        }
    }

    fn warn_of_loss(&self, rows: &[OperationMetrics]) {
        let lost: Vec<String> = rows
            .iter()
            .filter(|row| row.lost() > 0)
            .map(|row| format!("{} of {} {}", row.lost(), row.finished, row.operation))
            .collect();
        if !lost.is_empty() {
            say(format_args!(
                "lost in one interval: {}; the counts are in operation_metrics",
                lost.join(", ")
            ));
        }
    }

    /// After the last probe is gone and the last event is handed over: the rest of the counts, and goodbye.
    pub(super) fn finish(&mut self) {
        let current = self.clock.now().boot_ns / self.plan.interval_ns();
        let first = self
            .next_interval
            .max(current.saturating_sub(u64::from(SLOTS) - 1));
        self.take_unfollowed();
        for interval in first..=current {
            let rows = self.take_interval(interval);
            self.warn_of_loss(&rows);
            self.send(Message::Metrics(rows));
        }
        // Every other slot holds at most what was counted late.
        for interval in current.saturating_sub(u64::from(SLOTS) - 1)..first {
            self.take_late(interval);
        }
        self.annotate(AnnotationKind::RecordingStopped, names(self.plan));
        // Every event is with the writing thread by now: the rows' `events_received` add up to those of the log.
        self.send_health(self.clock.now());
        self.outbox = None;
    }

    /// What came of it, in a line per operation.
    pub(super) fn report(&self, rows: write::Rows) {
        for (info, total, in_flight) in self.ledger.totals() {
            let lost = total.finished - total.recorded - total.filtered - total.sampled_out;
            let name = &info.name;
            if total.begun == 0 && total.finished == 0 {
                say(format_args!(
                    "warning: {name}: attached, but nothing was seen; hint: is it called at all, or inlined everywhere? a symbol proves nothing"
                ));
                continue;
            }
            say(format_args!(
                "{name}: {} finished, {} recorded, {lost} lost, {} abandoned, {in_flight} in flight",
                total.finished, total.recorded, total.abandoned
            ));
        }
        say(format_args!(
            "sealed {} rows of operation_log into {}",
            rows.operation_log,
            self.plan.output.display()
        ));
    }

    fn annotate(&self, kind: AnnotationKind, text: String) {
        let at_ns = self.clock.now().utc_ns;
        self.send(Message::Annotation(Annotation {
            at_ns,
            until_ns: None,
            kind,
            text,
        }));
    }

    fn send(&self, message: Message) {
        if let Some(outbox) = &self.outbox {
            // Where the writing thread is gone, its result says why.
            let _ = outbox.send(message);
        }
    }
}
