//! Hazards of a program: whether it could switch stacks, unwind, or read its own return addresses,
//! which makes a probe dangerous or a conclusion wrong. Each answer is the reason in words; `None`
//! only where the hazard is excluded, so that in doubt there is a reason.

use super::elf::Elf;

mod certain;
mod libraries;
mod memory;
mod recursion;
mod stack_switch;
mod unwinding;

pub(in crate::binary) use certain::RETURN_TWICE;
pub use certain::certain_harm;
pub use recursion::may_reenter;
pub use stack_switch::stack_switch;
pub use unwinding::uretprobe;

fn imports_any(elf: &Elf<'_>, names: &[&'static str]) -> Option<&'static str> {
    names
        .iter()
        .copied()
        .find(|name| elf.imports.contains(name))
}
