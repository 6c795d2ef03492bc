//! The system call `bpf`, for the commands that aya does not make as they are needed here.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use aya_obj::generated::bpf_cmd;

/// The members of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Default)]
pub(super) struct LoadProgram {
    pub(super) kind: u32,
    pub(super) instruction_count: u32,
    pub(super) instructions: u64,
    pub(super) license: u64,
    pub(super) log_level: u32,
    pub(super) log_size: u32,
    pub(super) log: u64,
    pub(super) kernel_version: u32,
    pub(super) flags: u32,
    pub(super) name: [u8; 16],
    pub(super) interface: u32,
    pub(super) attach_type: u32,
    pub(super) types: u32,
    pub(super) function_size: u32,
    pub(super) functions: u64,
    pub(super) function_count: u32,
    pub(super) reserved: u32,
}

/// The members of `union bpf_attr` for `BPF_BTF_LOAD`.
#[repr(C)]
#[derive(Default)]
pub(super) struct LoadTypes {
    pub(super) types: u64,
    pub(super) log: u64,
    pub(super) size: u32,
    pub(super) log_size: u32,
    pub(super) log_level: u32,
    pub(super) reserved: u32,
}

/// The members of `union bpf_attr` for `BPF_LINK_CREATE` of many uprobes.
#[repr(C)]
#[derive(Default)]
pub(super) struct CreateLink {
    pub(super) program: u32,
    pub(super) target: u32,
    pub(super) attach_type: u32,
    pub(super) link_flags: u32,
    pub(super) path: u64,
    pub(super) offsets: u64,
    pub(super) reference_counters: u64,
    pub(super) cookies: u64,
    pub(super) count: u32,
    pub(super) flags: u32,
    pub(super) process: u32,
    pub(super) reserved: u32,
}

/// The members of `union bpf_attr` for `BPF_ITER_CREATE`.
#[repr(C)]
#[derive(Default)]
pub(super) struct CreateIterator {
    pub(super) link: u32,
    pub(super) flags: u32,
}

/// Calls `bpf`, and returns the new descriptor.
///
/// # Safety
/// The addresses in `request` must be those of live values, and the command's result a descriptor.
pub(super) unsafe fn call<T>(command: bpf_cmd, request: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise; the size is that of the request.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_long,
            std::ptr::from_ref(request),
            size_of::<T>(),
        )
    };
    let descriptor = i32::try_from(result).map_err(|_| io::ErrorKind::InvalidData)?;
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened it for this call, with close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
