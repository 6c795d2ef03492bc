//! Where finished operations come from: one trait, one room per source.

mod probes;
mod reorder;
pub mod synthetic;

use std::time::Duration;

use soakbox_schemas::event::OperationEvent;

pub use probes::ProbeSource;
pub use reorder::{REORDER_WINDOW_NS, Reorder};

/// Fills batches with finished operations.
pub trait Source: Send {
    /// Waits until there is reason to look, at most `timeout`.
    fn wait(&mut self, timeout: Duration);

    /// Appends at most `limit` events to `batch`; how many it took, 0 where there are none at the moment.
    fn fill(&mut self, batch: &mut Vec<OperationEvent>, limit: usize) -> usize;
}
