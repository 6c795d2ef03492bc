//! Keeps programs on the stack of the thread that they run in.
//!
//! From Linux 6.13 on, the kernel gives programs of this type a stack for each CPU. The program of a
//! uprobe can be preempted, and a thread that runs the same program on the same CPU meanwhile writes
//! to the same stack: the kernel then follows wild pointers (seen with 7.2, on kernels built for lazy
//! or full preemption). A program that could make a tail call does not get such a stack.

use crate::settings::setting;

/// Must be called by each program that runs at an instruction of a process. It does nothing: the
/// verifier sees that a page is never empty and removes the tail call, but it has counted it before.
#[inline(always)]
pub fn refuse() {
    if setting!(page_bytes) == 0 {
        unsafe {
            core::arch::asm!(
                // bpf_tail_call
                "call 12",
                out("r0") _,
                out("r1") _,
                out("r2") _,
                out("r3") _,
                out("r4") _,
                out("r5") _,
            );
        }
    }
}
