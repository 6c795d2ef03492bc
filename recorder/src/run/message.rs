//! What the recorder's threads tell one another, and how the recorder speaks to people: on stderr, a line at a time.

use std::fmt;
use std::io::Write;

use soakbox_schemas::event::OperationEvent;
use soakbox_schemas::tables::{Annotation, OperationMetrics, RecorderHealth};

use crate::clock::ClockPair;

/// To the writing thread.
#[derive(Debug)]
pub(super) enum Message {
    /// Finished operations, in order of finish.
    Events {
        /// The events.
        events: Vec<OperationEvent>,
        /// The clocks when they were released.
        now: ClockPair,
        /// How many of them were late.
        late: u64,
        /// Most bytes that were taken from the ring at once.
        ring_bytes: u64,
    },
    /// What the kernel counted.
    Metrics(Vec<OperationMetrics>),
    /// The recorder about itself; the writing thread adds its own figures.
    Health(RecorderHealth),
    /// Something worth remembering.
    Annotation(Annotation),
}

/// Says a line to the person at the terminal. A closed stderr is no reason to stop recording.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "soakbox-recorder: {line}");
}
