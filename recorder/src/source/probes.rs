//! Operations observed by probes of our own: the kernel side's ring.

use std::time::Duration;

use soakbox_schemas::event::OperationEvent;

use super::Source;
use crate::kernel::Ring;

/// Drains the ring.
pub struct ProbeSource {
    ring: Ring,
}

impl ProbeSource {
    /// Reads from `ring`.
    pub fn new(ring: Ring) -> Self {
        Self { ring }
    }
}

impl Source for ProbeSource {
    fn wait(&mut self, timeout: Duration) {
        self.ring.wait(timeout);
    }

    fn fill(&mut self, batch: &mut Vec<OperationEvent>, limit: usize) -> usize {
        self.ring.drain(batch, limit)
    }
}
