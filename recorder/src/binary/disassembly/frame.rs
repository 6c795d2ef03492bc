//! Where the stack pointer and the frame pointer are relative to the stack pointer at the
//! function's entry, from one instruction to the next.

use iced_x86::{Mnemonic, OpKind, Register};

use super::{Instruction, Next, StackEffect, writes};

/// Bytes that each pointer is below the stack pointer of the entry; `None` where that is not known
/// or differs by the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The stack pointer.
    pub stack: Option<i64>,
    /// The register `rbp`.
    pub frame: Option<i64>,
}

impl Frame {
    /// At the entry: `rbp` is the caller's.
    pub const ENTRY: Self = Self {
        stack: Some(0),
        frame: None,
    };

    /// Where two paths meet: each pointer that both agree on.
    pub fn join(self, other: Self) -> Self {
        let agreed = |one: Option<i64>, two: Option<i64>| one.filter(|_| one == two);
        Self {
            stack: agreed(self.stack, other.stack),
            frame: agreed(self.frame, other.frame),
        }
    }
}

impl Instruction {
    /// The pointers after it.
    pub fn frame_after(&self, before: Frame) -> Frame {
        Frame {
            stack: self.stack_after(before),
            frame: self.frame_pointer_after(before),
        }
    }

    fn stack_after(&self, before: Frame) -> Option<i64> {
        if let StackEffect::Moves(moved) = self.stack_effect() {
            return before.stack?.checked_sub(moved);
        }
        let raw = &self.raw;
        match raw.mnemonic() {
            Mnemonic::Leave => before.frame?.checked_sub(8),
            Mnemonic::Mov if moves(raw, Register::RSP, Register::RBP) => before.frame,
            Mnemonic::Lea if raw.op0_register() == Register::RSP => {
                offset_from(raw, Register::RBP).and_then(|up| before.frame?.checked_sub(up))
            }
            _ => None,
        }
    }

    fn frame_pointer_after(&self, before: Frame) -> Option<i64> {
        let raw = &self.raw;
        // A called function preserves it.
        if matches!(self.next, Next::Calls(_)) || !writes(raw, Register::RBP) {
            return before.frame;
        }
        match raw.mnemonic() {
            Mnemonic::Mov if moves(raw, Register::RBP, Register::RSP) => before.stack,
            Mnemonic::Lea if raw.op0_register() == Register::RBP => {
                offset_from(raw, Register::RSP).and_then(|up| before.stack?.checked_sub(up))
            }
            _ => None,
        }
    }
}

fn moves(raw: &iced_x86::Instruction, to: Register, from: Register) -> bool {
    raw.op0_kind() == OpKind::Register
        && raw.op1_kind() == OpKind::Register
        && (raw.op0_register(), raw.op1_register()) == (to, from)
}

/// The displacement of a memory operand that is `base` and nothing else.
pub(super) fn offset_from(raw: &iced_x86::Instruction, base: Register) -> Option<i64> {
    let plain = raw.memory_base() == base
        && raw.memory_index() == Register::None
        && raw.segment_prefix() == Register::None;
    plain.then(|| raw.memory_displacement64().cast_signed())
}
