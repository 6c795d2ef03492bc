//! The effect of each instruction on the stack pointer.

use iced_x86::{Mnemonic, OpKind, Register};

use super::{Instruction, Next, writes};

/// The effect of an instruction on the stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackEffect {
    /// Adds this many bytes (pushes are negative).
    Moves(i64),
    /// It depends on values at run time.
    Unknown,
}

impl Instruction {
    /// Its effect on the stack pointer (a call leaves it as it was).
    pub fn stack_effect(&self) -> StackEffect {
        if matches!(self.next, Next::Calls(_)) {
            return StackEffect::Moves(0);
        }
        let raw = &self.raw;
        if let Some(moved) = constant_adjustment(raw) {
            return StackEffect::Moves(moved);
        }
        if raw.is_stack_instruction() {
            let written = raw.op_count() > 0
                && raw.op0_kind() == OpKind::Register
                && raw.op0_register().full_register() == Register::RSP
                && raw.mnemonic() == Mnemonic::Pop;
            if written || matches!(raw.mnemonic(), Mnemonic::Leave | Mnemonic::Enter) {
                return StackEffect::Unknown;
            }
            return StackEffect::Moves(i64::from(raw.stack_pointer_increment()));
        }
        if writes_stack_pointer(raw) {
            StackEffect::Unknown
        } else {
            StackEffect::Moves(0)
        }
    }

    /// Whether a return right after it would go to an address that it wrote.
    pub fn places_return_address(&self) -> bool {
        let raw = &self.raw;
        let to_top = raw.op_count() > 0
            && raw.op0_kind() == OpKind::Memory
            && raw.memory_base() == Register::RSP
            && raw.mnemonic() == Mnemonic::Mov;
        raw.mnemonic() == Mnemonic::Push || to_top
    }

    /// Whether it loads the stack pointer from elsewhere than this frame, which is how code
    /// switches stacks.
    pub fn switches_stack(&self) -> bool {
        let raw = &self.raw;
        if raw.mnemonic() == Mnemonic::Xchg && (0..2).any(|op| is_stack_register(raw, op)) {
            return true;
        }
        if raw.mnemonic() == Mnemonic::Iretq {
            return true;
        }
        if raw.is_stack_instruction() {
            return raw.mnemonic() == Mnemonic::Pop && is_stack_register(raw, 0);
        }
        if !writes_stack_pointer(raw) || constant_adjustment(raw).is_some() {
            return false;
        }
        match raw.mnemonic() {
            Mnemonic::Mov => raw.op1_register() != Register::RBP,
            Mnemonic::Lea => !matches!(
                (raw.memory_base(), raw.memory_index()),
                (
                    Register::RBP | Register::RSP | Register::R10,
                    Register::None
                )
            ),
            // Alignment, and alloca.
            Mnemonic::And => raw.op1_kind() == OpKind::Register,
            Mnemonic::Sub => raw.op1_kind() != OpKind::Register,
            _ => true,
        }
    }
}

/// `add`/`sub` of a constant, and `lea n(%rsp),%rsp`.
fn constant_adjustment(raw: &iced_x86::Instruction) -> Option<i64> {
    if raw.op_count() != 2 || !is_stack_register(raw, 0) {
        return None;
    }
    let immediate = || match raw.op1_kind() {
        OpKind::Immediate8to64 | OpKind::Immediate32to64 => Some(raw.immediate(1).cast_signed()),
        _ => None,
    };
    match raw.mnemonic() {
        Mnemonic::Add => immediate(),
        Mnemonic::Sub => immediate().and_then(i64::checked_neg),
        Mnemonic::Lea
            if raw.memory_base() == Register::RSP && raw.memory_index() == Register::None =>
        {
            Some(raw.memory_displacement64().cast_signed())
        }
        _ => None,
    }
}

fn is_stack_register(raw: &iced_x86::Instruction, op: u32) -> bool {
    raw.op_count() > op
        && raw.op_kind(op) == OpKind::Register
        && raw.op_register(op).full_register() == Register::RSP
}

/// Whether it has the stack pointer as an operand and writes it; `push` has no such operand.
fn writes_stack_pointer(raw: &iced_x86::Instruction) -> bool {
    (0..raw.op_count()).any(|op| is_stack_register(raw, op)) && writes(raw, Register::RSP)
}
