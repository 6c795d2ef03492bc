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

/// A source of finished operations and of the counts of all operations, including those that it
/// could not give: probes, a made-up service, the ring of another program.
///
/// Events and counts come from one value, so that both are of the same operations: counts that are
/// taken after the last event of an interval are those of the events.
pub trait Source: Send {
    /// Waits until there is reason to look, at most `timeout`.
    fn wait(&mut self, timeout: Duration);

    /// Appends the events of at most `limit` records to `batch`, nearly in order of their finish;
    /// no records where there are none at the moment.
    fn drain(&mut self, batch: &mut Vec<OperationEvent>, limit: usize) -> Drained;

    /// Takes the counts of each operation, by index, in the interval `interval`, and sets them to
    /// 0: counts that come late are given by the next call for the same interval. The counts of the
    /// last [`SLOTS`](soakbox_schemas::counters::SLOTS) intervals are kept apart; those of an older
    /// one are given with a later one, never lost.
    fn take_counts(&mut self, interval: u64) -> Vec<CounterValues>;

    /// Takes the number of processes that were to be observed and that there was no room for.
    fn take_unfollowed(&mut self) -> u64 {
        0
    }
}
