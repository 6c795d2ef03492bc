//! When the begins of each operation are observed: memory that the kernel side reads.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;

use soakbox_schemas::observation::Observation;

use super::mapping::Mapping;

/// The observed times of all operations, mapped. Moments are those of the boot clock, ns.
#[derive(Debug)]
pub struct ObservedTimes {
    operations: Mapping<Observation>,
}

impl ObservedTimes {
    /// Maps the memory. All operations are observed from now on.
    pub(super) fn map(map: BorrowedFd<'_>, operations: u32) -> io::Result<Self> {
        let times = Self {
            operations: Mapping::new(map, operations)?,
        };
        for operation in 0..operations {
            times.observe(operation, 0, None);
        }
        Ok(times)
    }

    /// Begins of an operation that is not observed are, from `from_ns`, which has not come yet, to
    /// `until_ns`; without the latter until [`Self::end`].
    pub fn observe(&self, operation: u32, from_ns: u64, until_ns: Option<u64>) {
        let times = self.operations.get(operation);
        times.from_ns.store(from_ns, Ordering::Release);
        let until_ns = until_ns.unwrap_or(u64::MAX);
        times.until_ns.store(until_ns, Ordering::Release);
    }

    /// Begins are not observed any more.
    pub fn end(&self, operation: u32, at_ns: u64) {
        let times = self.operations.get(operation);
        times.until_ns.store(at_ns, Ordering::Release);
    }

    /// From now on finishes may be missed: it is not known how an operation ends that is in flight.
    pub fn miss_finishes(&self, operation: u32, now_ns: u64) {
        let times = self.operations.get(operation);
        times.blind_ns.store(now_ns, Ordering::Release);
    }
}
