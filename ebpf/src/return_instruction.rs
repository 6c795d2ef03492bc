//! A return instruction that a program carries out itself, since the kernel would single-step it.
//! It is carried out only where nothing but two registers changes by it.

use aya_ebpf::bindings::pt_regs;
use aya_ebpf::helpers::bpf_probe_read_user;
use soakbox_schemas::control::ReturnCookie;

use crate::{registers, task};

/// One past the highest address of a process, with page tables of four levels.
const END_OF_PROCESS: u64 = (1 << 47) - 4096;

/// No return address: the kernel executes the return, or a program has carried it out.
const NONE: u64 = u64::MAX;

/// The stack pointer before the return, which is that of the function's entry, and the address to
/// return to, or [`NONE`].
///
/// Several programs may run at one instruction, those of another recorder too. The first one carries
/// it out, and the others see the registers after it. Then the instruction pointer is elsewhere, and
/// the word below the stack is the address in it. Before it, that word is the instruction's own
/// address only where the function was called from right in front of it: no cookie of such a return
/// has its address.
#[inline(always)]
fn inspect(packed: u64, regs: *mut pt_regs) -> (u64, u64) {
    let stack = registers::stack_pointer(regs);
    let Some(in_page) = ReturnCookie::in_page(packed) else {
        return (stack, NONE);
    };
    let at = registers::instruction_pointer(regs);
    let below = stack.wrapping_sub(8);
    if at & ((1 << ReturnCookie::PAGE_BITS) - 1) != in_page {
        return (below, NONE);
    }
    match unsafe { bpf_probe_read_user(below as *const [u64; 2]) } {
        Ok([before, _]) if before == at => (below, NONE),
        Ok([_, address]) => (stack, address),
        Err(_) => (stack, NONE),
    }
}

/// The stack pointer at the function's entry, at a return that is left to the kernel.
#[inline(always)]
pub fn entry(packed: u64, regs: *mut pt_regs) -> u64 {
    inspect(packed, regs).0
}

/// The stack pointer at the function's entry. The thread goes on behind the return, where that is
/// safe; otherwise the kernel executes it.
#[inline(always)]
pub fn carry_out(packed: u64, regs: *mut pt_regs) -> u64 {
    let (entry, address) = inspect(packed, regs);
    if address < END_OF_PROCESS && registers::is_plain(regs) && !task::may_have_shadow_stack() {
        registers::return_to(regs, address);
    }
    entry
}
