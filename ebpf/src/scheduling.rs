//! Context switches: how long threads are off the CPU, and how long those of the target are on it.

use aya_ebpf::bindings::task_struct;

use crate::target_cpu;
use crate::task::{self, THREADS};

/// A context switch on this CPU.
#[inline(always)]
pub fn switched(previous: *mut task_struct, next: *mut task_struct) {
    if let Some(thread) = THREADS.lookup(previous, 0) {
        thread.switched_out_ns = task::now();
        target_cpu::switched_out(thread, previous);
    }
    let thread = THREADS.lookup(next, 0);
    target_cpu::switched_in(thread.as_deref());
    if let Some(thread) = thread
        && thread.switched_out_ns != 0
    {
        thread.off_cpu_ns += task::now().saturating_sub(thread.switched_out_ns);
        thread.switched_out_ns = 0;
    }
}
