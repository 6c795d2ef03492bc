//! A walk over all threads of the host, which the recorder asks for: what the kernel gives the program
//! at each step.

use aya_ebpf::bindings::task_struct;

/// The kernel's `bpf_iter_meta`.
#[repr(C)]
pub struct Meta {
    output: u64,
    session: u64,
    /// Number of steps before this one.
    pub steps: u64,
}

/// The kernel's `bpf_iter__task`: a step of a walk over all threads.
#[repr(C)]
pub struct Step {
    pub meta: *const Meta,
    /// Null after the last thread.
    pub task: *mut task_struct,
}

/// The kernel ends the walk there.
pub const STOP: i32 = 1;
