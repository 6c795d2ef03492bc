//! A return instruction that the program carries out itself, since the kernel would single-step it.
//! It is carried out only where nothing but the two registers changes by it.

use aya_ebpf::bindings::pt_regs;
use aya_ebpf::helpers::bpf_probe_read_user;
use soakbox_schemas::control::ReturnCookie;

use crate::{registers, task};

/// One past the highest address of a process, with page tables of four levels.
const END_OF_PROCESS: u64 = (1 << 47) - 4096;

/// The stack pointer at the return instruction, which is that of the function's entry. The thread
/// goes on behind the instruction, if that is safe; otherwise the kernel executes it.
///
/// Several programs may run at one instruction, those of another recorder too: the first one
/// carries it out, and the others see the registers after it. Then the word below the stack is the
/// address where the thread goes on. Before it, that word is the instruction's own address only
/// where the function was just called from right in front of it.
#[inline(always)]
pub fn carry_out(packed: u64, regs: *mut pt_regs) -> u64 {
    let at = registers::instruction_pointer(regs);
    let stack = registers::stack_pointer(regs);
    let below = stack.wrapping_sub(8);
    if at & ((1 << ReturnCookie::PAGE_BITS) - 1) != ReturnCookie::in_page(packed) {
        return below;
    }
    let Ok([before, address]) = (unsafe { bpf_probe_read_user(below as *const [u64; 2]) }) else {
        return stack;
    };
    if before == at {
        return below;
    }
    if registers::is_plain(regs) && address < END_OF_PROCESS && !task::may_have_shadow_stack() {
        registers::return_to(regs, address);
    }
    stack
}
