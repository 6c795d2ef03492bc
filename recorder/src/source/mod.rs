//! Where finished operations and their counts come from: one trait, one file per source.

mod probes;
mod reorder;
pub mod synthetic;

use std::time::Duration;

use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::event::OperationEvent;

pub use crate::kernel::Drained;
pub use probes::ProbeSource;
pub use reorder::{REORDER_WINDOW_NS, Reorder};

/// Gives finished operations, and what was counted of them whether or not they were given: probes,
/// a made-up service, a ring of somebody else.
///
/// Both come from one hand, so that who asks for the counts of an interval after its last event has
/// both sides of the same account.
pub trait Source: Send {
    /// Waits until there is reason to look, at most `timeout`.
    fn wait(&mut self, timeout: Duration);

    /// Appends the events of at most `limit` records to `batch`, nearly in order of their finish;
    /// no records where there are none at the moment.
    fn drain(&mut self, batch: &mut Vec<OperationEvent>, limit: usize) -> Drained;

    /// Takes what was counted of each operation, by index, in the interval `interval` since it was
    /// last taken: what is counted late comes with the next call for the same interval. Counts of
    /// the last [`SLOTS`](soakbox_schemas::counters::SLOTS) intervals are kept apart; those of an
    /// older one are given with a later one, never lost.
    fn take_counts(&mut self, interval: u64) -> Vec<CounterValues>;

    /// Takes the number of processes that were to be observed and that there was no room for.
    fn take_unfollowed(&mut self) -> u64 {
        0
    }

    /// Whether no event will ever come again. What was given before may still wait to be drained.
    fn has_ended(&self) -> bool {
        false
    }
}
