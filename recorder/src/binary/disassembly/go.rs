//! Instructions with a meaning of their own in Go's code: register 14 holds the goroutine.

use iced_x86::{Mnemonic, OpKind, Register};

use super::{Instruction, writes};

/// Offsets of the stack limits in a goroutine: `stackguard0`, and `stackguard1` for the runtime's
/// own threads.
const STACK_LIMITS: [u64; 2] = [0x10, 0x18];

impl Instruction {
    /// Whether it compares a stack pointer with the limit of the goroutine's stack.
    pub fn checks_stack(&self) -> bool {
        let raw = &self.raw;
        raw.mnemonic() == Mnemonic::Cmp
            && raw.memory_base() == Register::R14
            && raw.memory_index() == Register::None
            && STACK_LIMITS.contains(&raw.memory_displacement64())
    }

    /// Whether it writes the register that holds the goroutine.
    pub fn changes_goroutine(&self) -> bool {
        writes(&self.raw, Register::R14)
    }

    /// Whether it jumps if the comparison before it found the stack pointer at or below the limit.
    pub fn jumps_if_below_or_equal(&self) -> bool {
        self.raw.mnemonic() == Mnemonic::Jbe
    }

    /// Whether it jumps through a table of addresses, which is Go's `switch`.
    pub fn jumps_through_table(&self) -> bool {
        let raw = &self.raw;
        raw.mnemonic() == Mnemonic::Jmp
            && raw.op0_kind() == OpKind::Memory
            && raw.memory_index() != Register::None
            && raw.memory_index_scale() == 8
    }
}

/// Most instructions between a load and the use of it.
const WINDOW: usize = 24;

/// The member of a structure that gets the value of a counter, where the code does `one.member =
/// other.counter; other.counter++`: its offset, bytes. `None` where it is not certain.
pub fn member_set_from_counter(code: &[Instruction]) -> Option<u64> {
    let mut found = None;
    for (index, instruction) in code.iter().enumerate() {
        let raw = &instruction.raw;
        let increments = raw.mnemonic() == Mnemonic::Inc
            && raw.op0_kind() == OpKind::Memory
            && raw.memory_size().size() == 8;
        if !increments {
            continue;
        }
        let Some(member) = copied_before(code, index, raw.memory_displacement64()) else {
            continue;
        };
        if found.is_some_and(|found| found != member) {
            return None;
        }
        found = Some(member);
    }
    found
}

/// The offset at which the counter, last loaded before `index`, is stored.
fn copied_before(code: &[Instruction], index: usize, counter: u64) -> Option<u64> {
    let nearby = &code[index.saturating_sub(WINDOW)..index];
    let load = nearby.iter().rposition(|instruction| {
        let raw = &instruction.raw;
        raw.mnemonic() == Mnemonic::Mov
            && raw.op0_kind() == OpKind::Register
            && raw.op0_register().is_gpr64()
            && is_member(raw, 1)
            && raw.memory_displacement64() == counter
    })?;
    let register = nearby[load].raw.op0_register();
    for instruction in &nearby[load + 1..] {
        let raw = &instruction.raw;
        let stores = raw.mnemonic() == Mnemonic::Mov
            && is_member(raw, 0)
            && raw.op1_kind() == OpKind::Register
            && raw.op1_register() == register;
        if stores {
            return Some(raw.memory_displacement64());
        }
        if writes(raw, register) {
            return None;
        }
    }
    None
}

/// Whether operand `op` is a place at a constant distance from a pointer that is not the stack's.
fn is_member(raw: &iced_x86::Instruction, op: u32) -> bool {
    raw.op_kind(op) == OpKind::Memory
        && raw.memory_index() == Register::None
        && raw.memory_base().is_gpr64()
        && raw.memory_base() != Register::RSP
}
