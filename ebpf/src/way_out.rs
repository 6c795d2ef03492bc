//! A finish before the return: whether the operation ends here, where it was entered, and the value
//! that it will return.

use aya_ebpf::bindings::pt_regs;
use aya_ebpf::helpers::bpf_probe_read_user;
use soakbox_schemas::control::{Base, Cookie, Returned, When};

use crate::event::ReturnValue;
use crate::finish;
use crate::registers;

/// Whether control leaves by the way that the cookie is about.
#[inline(always)]
pub fn is_out(cookie: Cookie, regs: *mut pt_regs) -> bool {
    match cookie.way_out.when {
        When::Always => true,
        When::Holds(condition) => condition.holds(registers::flags(regs)),
        When::HoldsNot(condition) => !condition.holds(registers::flags(regs)),
    }
}

/// The stack pointer at the entry of the function.
#[inline(always)]
pub fn entry(cookie: Cookie, regs: *mut pt_regs) -> u64 {
    let base = match cookie.way_out.base {
        Base::StackPointer => registers::stack_pointer(regs),
        Base::FramePointer => registers::frame_pointer(regs),
    };
    base.wrapping_add_signed(cookie.stack_delta as i64)
}

#[inline(always)]
pub fn finish(packed: u64, regs: *mut pt_regs) {
    let cookie = Cookie::unpack(packed);
    if !is_out(cookie, regs) {
        return;
    }
    let entry = entry(cookie, regs);
    finish::finish_function(
        packed,
        entry,
        returned(cookie.way_out.returned, entry, regs),
    );
}

/// The value that the function will return; not known where its frame cannot be read.
#[inline(always)]
fn returned(place: Returned, entry: u64, regs: *mut pt_regs) -> ReturnValue {
    match place {
        Returned::Register { number, part } => {
            ReturnValue::known(part.of(registers::numbered(regs, number)))
        }
        Returned::Constant(value) => ReturnValue::known(value as i64 as u64),
        Returned::Unknown => ReturnValue::UNKNOWN,
        Returned::Frame { offset, part } => {
            let address = entry.wrapping_add_signed(offset as i64) as *const u64;
            match unsafe { bpf_probe_read_user(address) } {
                Ok(word) => ReturnValue::known(part.of(word)),
                Err(_) => ReturnValue::UNKNOWN,
            }
        }
    }
}
