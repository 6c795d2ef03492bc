//! When the oldest operation in flight began: a program of the kernel side that the kernel runs for
//! each thread, when the recorder asks.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use aya::programs::Iter;
use aya::{Btf, Ebpf};
use aya_obj::generated::{bpf_attach_type, bpf_cmd};

use super::KernelError;
use super::error::{attach_error, load_error};
use super::mapping::Mapping;
use super::point;
use super::system_call::{CreateIterator, CreateLink, call};
use crate::plan::ProgramId;

const PROGRAM: ProgramId = ProgramId::new("oldest_in_flight");
/// In the map: no operation is in flight.
const NONE: u64 = u64::MAX;
/// Most reads of one walk. The kernel interrupts it after each million of threads.
const MOST_READS: usize = 16;

/// Loads the program, and makes the link that walks start from.
pub(super) fn link(ebpf: &mut Ebpf, types: &Btf) -> Result<OwnedFd, KernelError> {
    let program: &mut Iter = point::program(ebpf, PROGRAM)?;
    let loaded = program.load("task", types).and_then(|()| program.fd());
    let loaded = loaded.map_err(|error| load_error(Some(PROGRAM), &error))?;
    let request = CreateLink {
        program: loaded.as_fd().as_raw_fd().cast_unsigned(),
        attach_type: bpf_attach_type::BPF_TRACE_ITER as u32,
        ..CreateLink::default()
    };
    // SAFETY: the request has no address; the command's result is a descriptor.
    let link = unsafe { call(bpf_cmd::BPF_LINK_CREATE, &request) };
    link.map_err(|error| attach_error(&"the threads of this host", &error))
}

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
    ) -> Result<Self, String> {
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
        self.walk()?;
        let begun = all().map(|begun_ns| begun_ns.load(Ordering::Relaxed));
        Ok(begun
            .map(|begun_ns| (begun_ns != NONE).then_some(begun_ns))
            .collect())
    }

    fn walk(&self) -> io::Result<()> {
        let request = CreateIterator {
            link: self.link.as_raw_fd().cast_unsigned(),
            ..CreateIterator::default()
        };
        // SAFETY: the request has no address; the command's result is a descriptor.
        let mut walk = File::from(unsafe { call(bpf_cmd::BPF_ITER_CREATE, &request) }?);
        for _ in 0..MOST_READS {
            match walk.read(&mut [0; 8]) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.walks_threads {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::TimedOut.into())
    }
}
