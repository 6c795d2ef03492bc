//! Turns ticks into rows: asks every sampler and sends its rows to the writing thread.

use anyhow::Result;
use soakbox_schemas::tables::AnnotationKind;

use super::outbox::Outbox;
use super::report::Report;
use crate::clock::ClockPair;
use crate::sample::{Rows, Sampler, Tick, annotation};

/// The samplers of a recording, and the report that is made of the same ticks.
pub(super) struct Sampling {
    samplers: Vec<Box<dyn Sampler>>,
    outbox: Outbox,
    report: Report,
}

impl Sampling {
    pub(super) fn new(samplers: Vec<Box<dyn Sampler>>, outbox: Outbox, report: Report) -> Self {
        Self {
            samplers,
            outbox,
            report,
        }
    }

    /// Names of the operations.
    pub(super) fn names(&self) -> String {
        self.report.names()
    }

    /// Sends the rows of one tick.
    ///
    /// # Errors
    /// That of a sampler.
    pub(super) fn tick(&mut self, mut tick: Tick) -> Result<()> {
        tick.queue_depth_max = self.outbox.take_depth_max();
        self.report.tick(&tick);
        for sampler in &mut self.samplers {
            for rows in sampler.sample(&tick)? {
                send(&self.outbox, rows, tick.now);
            }
        }
        Ok(())
    }

    /// Sends an annotation of the moment `now`.
    ///
    /// # Errors
    /// Where its row cannot be made.
    pub(super) fn annotate(
        &self,
        now: ClockPair,
        kind: AnnotationKind,
        text: String,
    ) -> Result<()> {
        send(&self.outbox, annotation(now, kind, text)?, now);
        Ok(())
    }

    /// Asks for what is kept in memory to be written.
    pub(super) fn trigger(&self, now: ClockPair, text: String) {
        self.outbox.trigger(text, now);
    }

    /// Waits until everything that was sent is written and durable.
    pub(super) fn flush(&self) {
        self.outbox.flush();
    }

    /// Ends the sampling; returns the report.
    pub(super) fn finish(self) -> Report {
        self.report
    }
}

fn send(outbox: &Outbox, rows: Rows, now: ClockPair) {
    // Where the writing thread has ended, its result tells why.
    let _ = outbox.send(rows, now);
}
