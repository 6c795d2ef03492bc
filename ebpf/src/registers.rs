//! The registers at a probe. The only file that depends on architectures and calling conventions.

use aya_ebpf::bindings::pt_regs;

#[cfg(bpf_target_arch = "x86_64")]
mod arch {
    use super::pt_regs;

    /// Reads a register by an instruction of its own: of two that are chosen between, the compiler
    /// would make one read at a computed offset, which the verifier does not allow.
    macro_rules! read {
        ($regs:expr, $name:ident) => {{
            let value: u64;
            unsafe {
                core::arch::asm!(
                    "{value} = *(u64 *)({regs} + {offset})",
                    value = out(reg) value,
                    regs = in(reg) $regs,
                    offset = const core::mem::offset_of!(pt_regs, $name),
                    options(nostack, readonly, preserves_flags),
                );
            }
            value
        }};
    }

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

    /// The register at this place among those for the integer results of Go functions.
    #[inline(always)]
    pub fn go_result(regs: *mut pt_regs, place: u32) -> u64 {
        match place {
            0 => read!(regs, rax),
            1 => read!(regs, rbx),
            2 => read!(regs, rcx),
            3 => read!(regs, rdi),
            4 => read!(regs, rsi),
            5 => read!(regs, r8),
            6 => read!(regs, r9),
            7 => read!(regs, r10),
            _ => read!(regs, r11),
        }
    }

    #[inline(always)]
    pub fn frame_pointer(regs: *mut pt_regs) -> u64 {
        read!(regs, rbp)
    }

    #[inline(always)]
    pub fn flags(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).eflags }
    }

    /// The register of that number in instructions.
    #[inline(always)]
    pub fn numbered(regs: *mut pt_regs, number: u8) -> u64 {
        match number {
            0 => read!(regs, rax),
            1 => read!(regs, rcx),
            2 => read!(regs, rdx),
            3 => read!(regs, rbx),
            4 => read!(regs, rsp),
            5 => read!(regs, rbp),
            6 => read!(regs, rsi),
            7 => read!(regs, rdi),
            8 => read!(regs, r8),
            9 => read!(regs, r9),
            10 => read!(regs, r10),
            11 => read!(regs, r11),
            12 => read!(regs, r12),
            13 => read!(regs, r13),
            14 => read!(regs, r14),
            _ => read!(regs, r15),
        }
    }

    #[inline(always)]
    pub fn instruction_pointer(regs: *mut pt_regs) -> u64 {
        read!(regs, rip)
    }

    /// Whether it is 64-bit code of a process, and no debugger waits for its next instruction.
    #[inline(always)]
    pub fn is_plain(regs: *mut pt_regs) -> bool {
        const USER_CODE_64: u64 = 0x33;
        const TRAP: u64 = 1 << 8;
        read!(regs, cs) as u16 as u64 == USER_CODE_64 && flags(regs) & TRAP == 0
    }

    /// The effect of a RET that finds `address` on the stack. Linux 6.18 lets programs write
    /// registers, and executes nothing at a probe whose program has changed the instruction
    /// pointer.
    #[inline(always)]
    pub fn return_to(regs: *mut pt_regs, address: u64) {
        let above = stack_pointer(regs).wrapping_add(8);
        unsafe {
            core::arch::asm!(
                "*(u64 *)({regs} + {rsp}) = {above}",
                "*(u64 *)({regs} + {rip}) = {address}",
                regs = in(reg) regs,
                above = in(reg) above,
                address = in(reg) address,
                rsp = const core::mem::offset_of!(pt_regs, rsp),
                rip = const core::mem::offset_of!(pt_regs, rip),
                options(nostack, preserves_flags),
            );
        }
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

    #[inline(always)]
    pub fn instruction_pointer(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).pc }
    }

    /// No return of this architecture is carried out by a program yet.
    #[inline(always)]
    pub fn is_plain(_regs: *mut pt_regs) -> bool {
        false
    }

    #[inline(always)]
    pub fn return_to(_regs: *mut pt_regs, _address: u64) {}

    /// No finish of this architecture is observed before the return yet.
    #[inline(always)]
    pub fn frame_pointer(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).regs[29] }
    }

    #[inline(always)]
    pub fn flags(_regs: *mut pt_regs) -> u64 {
        0
    }

    #[inline(always)]
    pub fn numbered(regs: *mut pt_regs, _number: u8) -> u64 {
        return_value(regs)
    }

    /// Where Go code keeps the address of its goroutine.
    #[inline(always)]
    pub fn goroutine(regs: *mut pt_regs) -> u64 {
        unsafe { (*regs).regs[28] }
    }

    /// No Go program of this architecture is observed yet.
    #[inline(always)]
    pub fn go_result(regs: *mut pt_regs, _place: u32) -> u64 {
        return_value(regs)
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
