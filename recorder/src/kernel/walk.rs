//! Walks over all threads of the host: a program of the kernel side that the kernel runs for each of
//! them, when the recorder asks.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use aya::programs::Iter;
use aya::{Btf, Ebpf};
use aya_obj::generated::{bpf_attach_type, bpf_cmd};

use super::KernelError;
use super::error::{attach_error, load_error};
use super::point;
use super::system_call::{CreateIterator, CreateLink, call};
use crate::plan::ProgramId;

/// Most reads of one walk. The kernel interrupts it after each million of threads.
const MOST_READS: usize = 16;

/// Loads the program, and makes the link that walks start from.
pub(super) fn link(
    ebpf: &mut Ebpf,
    types: &Btf,
    program: ProgramId,
) -> Result<OwnedFd, KernelError> {
    let walker: &mut Iter = point::program(ebpf, program)?;
    let loaded = walker.load("task", types).and_then(|()| walker.fd());
    let loaded = loaded.map_err(|error| load_error(Some(program), &error))?;
    let request = CreateLink {
        program: loaded.as_fd().as_raw_fd().cast_unsigned(),
        attach_type: bpf_attach_type::BPF_TRACE_ITER as u32,
        ..CreateLink::default()
    };
    // SAFETY: the request has no address; the command's result is a descriptor.
    let link = unsafe { call(bpf_cmd::BPF_LINK_CREATE, &request) };
    link.map_err(|error| attach_error(&"the threads of this host", &error))
}

/// Walks once. `over_all`: over all threads; otherwise the program ends the walk itself.
pub(super) fn run(link: &OwnedFd, over_all: bool) -> io::Result<()> {
    let request = CreateIterator {
        link: link.as_raw_fd().cast_unsigned(),
        ..CreateIterator::default()
    };
    // SAFETY: the request has no address; the command's result is a descriptor.
    let mut walk = File::from(unsafe { call(bpf_cmd::BPF_ITER_CREATE, &request) }?);
    for _ in 0..MOST_READS {
        match walk.read(&mut [0; 8]) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if !over_all {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::TimedOut.into())
}
