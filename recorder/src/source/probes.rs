//! Operations that Soakbox's own probes observe: the kernel side's ring and counters.

use std::time::Duration;

use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::event::OperationEvent;
use soakbox_schemas::tables::histogram::SparseHistogram;

use super::{Drained, Source};
use crate::kernel::{Counters, OldestInFlight, Ring};

/// Drains the ring and reads the counters.
pub struct ProbeSource {
    ring: Ring,
    counters: Counters,
    oldest: Option<OldestInFlight>,
}

impl ProbeSource {
    /// Reads from these, which must be of the same [`Kernel`](crate::kernel::Kernel). `oldest` is
    /// `None` where this kernel does not let it be read.
    pub fn new(ring: Ring, counters: Counters, oldest: Option<OldestInFlight>) -> Self {
        Self {
            ring,
            counters,
            oldest,
        }
    }
}

impl Source for ProbeSource {
    fn wait(&mut self, timeout: Duration) {
        self.ring.wait(timeout);
    }

    fn drain(&mut self, batch: &mut Vec<OperationEvent>, limit: usize) -> Drained {
        self.ring.drain(batch, limit)
    }

    fn take_counts(&mut self, interval: u64) -> Vec<CounterValues> {
        let operations = 0..self.counters.operations();
        operations
            .map(|operation| self.counters.take(operation, interval))
            .collect()
    }

    fn take_durations(&mut self, interval: u64) -> Vec<SparseHistogram> {
        let operations = 0..self.counters.operations();
        operations
            .map(|operation| self.counters.take_durations(operation, interval))
            .collect()
    }

    fn oldest_in_flight(&mut self) -> Vec<Option<u64>> {
        let read = self.oldest.as_mut().map(OldestInFlight::read);
        read.and_then(Result::ok).unwrap_or_default()
    }

    fn take_unfollowed(&mut self) -> u64 {
        self.counters.take_unfollowed()
    }
}
