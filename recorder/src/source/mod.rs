//! Where finished operations and their counts come from: one trait, one file per source.

mod probes;
mod reorder;
pub mod synthetic;

use std::time::Duration;

use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::event::OperationEvent;
use soakbox_schemas::tables::histogram::SparseHistogram;

pub use crate::kernel::Drained;
pub use probes::ProbeSource;
pub use reorder::{REORDER_WINDOW_NS, Reorder};

/// A source of finished operations, and of the counts of all operations, including those whose
/// event was lost. Sources are probes, a synthetic service, or the ring buffer of another program.
///
/// One value gives both events and counts, so that they are about the same operations: counts that
/// are read after the last event of an interval include all events of that interval.
pub trait Source: Send {
    /// Waits until events may be ready, at most `timeout`.
    fn wait(&mut self, timeout: Duration);

    /// Appends the events of at most `limit` records to `batch`, nearly in order of their finish.
    /// It appends none if none are ready.
    fn drain(&mut self, batch: &mut Vec<OperationEvent>, limit: usize) -> Drained;

    /// Reads the counts of each operation in `interval`, by index, and sets them to 0; counts that
    /// come late are in the result of the next call for the same interval. The counts of the last
    /// [`SLOTS`](soakbox_schemas::counters::SLOTS) intervals are kept separately; those of an older
    /// interval are added to a later one, never lost.
    fn take_counts(&mut self, interval: u64) -> Vec<CounterValues>;

    /// Reads the durations of the operations that finished in `interval`, by operation, and sets
    /// them to nothing, with or without events. Only the last
    /// [`SLOTS`](soakbox_schemas::durations::SLOTS) intervals are kept separately; what comes later
    /// is in the durations of a later interval.
    fn take_durations(&mut self, interval: u64) -> Vec<SparseHistogram>;

    /// When the oldest operation in flight began, ns of the boot clock, by operation; `None` where
    /// none is in flight. None at all where it cannot be read.
    fn oldest_in_flight(&mut self) -> Vec<Option<u64>> {
        Vec::new()
    }

    /// Reads and resets the number of processes that were not followed because the map of the
    /// kernel side was full.
    fn take_unfollowed(&mut self) -> u64 {
        0
    }
}
