//! When the oldest operation in flight began: a program of the kernel side that the kernel runs for
//! each thread, when the recorder asks.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use super::mapping::Mapping;
use super::walk;
use crate::plan::ProgramId;

pub(super) const PROGRAM: ProgramId = ProgramId::new("oldest_in_flight");
/// In the map: no operation is in flight.
const NONE: u64 = u64::MAX;

/// Reads when the oldest operations in flight began.
#[derive(Debug)]
pub struct OldestInFlight {
    link: OwnedFd,
    oldest: Mapping<AtomicU64>,
    operations: u32,
    /// Otherwise the walk ends before the first thread.
    walks_threads: bool,
}

impl OldestInFlight {
    pub(super) fn new(
        link: OwnedFd,
        map: BorrowedFd<'_>,
        operations: u32,
        walks_threads: bool,
    ) -> io::Result<Self> {
        Ok(Self {
            link,
            oldest: Mapping::new(map, operations)?,
            operations,
            walks_threads,
        })
    }

    /// The boot clock at the begin of the oldest operation in flight, by operation; `None` where
    /// none is in flight. Threads that the recorder's PID namespace does not have are not seen.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&mut self) -> io::Result<Vec<Option<u64>>> {
        let all = || (0..self.operations).map(|operation| self.oldest.get(operation));
        for begun_ns in all() {
            begun_ns.store(NONE, Ordering::Relaxed);
        }
        walk::run(&self.link, self.walks_threads)?;
        let begun = all().map(|begun_ns| begun_ns.load(Ordering::Relaxed));
        Ok(begun
            .map(|begun_ns| (begun_ns != NONE).then_some(begun_ns))
            .collect())
    }
}
