//! The ring of finished operations: drained in batches, without a wakeup per event.

use std::os::fd::AsFd;
use std::time::Duration;

use aya::maps::{Map, MapData, MapError, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use soakbox_schemas::event::OperationEvent;

/// The reading end of the kernel's ring buffer.
pub struct Ring {
    ring: RingBuf<MapData>,
}

/// Number of records that one call read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Records, readable or not.
    pub records: usize,
    /// Records among them that are not an event.
    pub unreadable: usize,
}

impl Ring {
    pub(super) fn new(map: Map) -> Result<Self, MapError> {
        RingBuf::try_from(map).map(|ring| Self { ring })
    }

    /// Appends the events of at most `limit` records to `batch`.
    pub fn drain(&mut self, batch: &mut Vec<OperationEvent>, limit: usize) -> Drained {
        let mut drained = Drained::default();
        while drained.records < limit {
            let Some(item) = self.ring.next() else { break };
            drained.records += 1;
            match OperationEvent::from_bytes(&item) {
                Some(event) => batch.push(event),
                // Not expected: the loader has checked the wire format.
                None => drained.unreadable += 1,
            }
        }
        drained
    }

    /// Waits until the kernel side wakes the recorder (the ring is half full), or until `timeout`
    /// has passed.
    pub fn wait(&self, timeout: Duration) {
        let mut descriptors = [PollFd::from_borrowed_fd(self.ring.as_fd(), PollFlags::IN)];
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        // Interrupted or not: the caller reads the ring next.
        let _ = poll(&mut descriptors, Some(&timeout));
    }
}
