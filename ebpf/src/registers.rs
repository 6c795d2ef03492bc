//! The registers at a probe. The only file that depends on architectures and calling conventions.

use aya_ebpf::bindings::pt_regs;

#[cfg(bpf_target_arch = "x86_64")]
mod arch {
    use super::pt_regs;

    #[inline(always)]
    pub fn stack_pointer(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).rsp }
    }

    /// RET took the return address off the stack.
    #[inline(always)]
    pub fn stack_pointer_before_return(regs: *mut pt_regs) -> u64 {
        stack_pointer(regs).wrapping_sub(8)
    }

    #[inline(always)]
    pub fn return_value(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).rax }
    }

    /// Where Go code keeps the address of its goroutine.
    #[inline(always)]
    pub fn goroutine(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).r14 }
    }

    #[inline(always)]
    pub fn argument_0(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).rdi }
    }

    #[inline(always)]
    pub fn argument_1(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).rsi }
    }

    #[inline(always)]
    pub fn argument_2(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).rdx }
    }
}

#[cfg(bpf_target_arch = "aarch64")]
mod arch {
    use super::pt_regs;

    #[inline(always)]
    pub fn stack_pointer(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).sp }
    }

    /// The return address is in a register.
    #[inline(always)]
    pub fn stack_pointer_before_return(regs: *mut pt_regs) -> u64 {
        stack_pointer(regs)
    }

    #[inline(always)]
    pub fn return_value(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).regs[0] }
    }

    /// Where Go code keeps the address of its goroutine.
    #[inline(always)]
    pub fn goroutine(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).regs[28] }
    }

    #[inline(always)]
    pub fn argument_0(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).regs[0] }
    }

    #[inline(always)]
    pub fn argument_1(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).regs[1] }
    }

    #[inline(always)]
    pub fn argument_2(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).regs[2] }
    }
}

pub use arch::*;
