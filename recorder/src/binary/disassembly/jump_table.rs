//! Recognises the computed jumps that compilers emit for `switch` and computed `goto`.
//!
//! Looks at instructions only; `control_flow` reads the table's entries and checks that they stay
//! in the function.

use iced_x86::{Mnemonic, OpKind, Register};

use super::{Instruction, Next, writes};

/// How a table's entries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries {
    /// Signed 32-bit offsets from the table's own address.
    Offsets,
    /// 64-bit addresses.
    Pointers,
}

/// A jump through a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableJump {
    /// The table's address, where it is loaded near the jump.
    pub table: Option<u64>,
    /// How its entries are read.
    pub entries: Entries,
    /// Number of entries, where a bounds check precedes the jump.
    pub count: Option<u64>,
}

/// Most instructions before a jump that are searched for its loads and its bounds check.
const WINDOW: usize = 40;

/// The jump at `index`, where it has the shape of a table jump.
pub fn recognise(code: &[Instruction], index: usize) -> Option<TableJump> {
    let jump = &code.get(index)?.raw;
    match jump.op0_kind() {
        OpKind::Memory => pointer_table(code, index, jump),
        OpKind::Register => through_register(code, index, jump.op0_register().full_register()),
        _ => None,
    }
}

/// Addresses that the code loads into registers: candidates for a table whose address is loaded far
/// from the jump.
pub fn loaded_addresses(code: &[Instruction]) -> impl Iterator<Item = u64> {
    code.iter()
        .filter_map(|instruction| loaded_address(&instruction.raw))
}

fn loaded_address(raw: &iced_x86::Instruction) -> Option<u64> {
    let relative = raw.mnemonic() == Mnemonic::Lea && raw.is_ip_rel_memory_operand();
    if relative {
        return Some(raw.ip_rel_memory_address());
    }
    // Non-PIC code: mov $table,%reg.
    let constant = raw.mnemonic() == Mnemonic::Mov
        && raw.op0_kind() == OpKind::Register
        && matches!(
            raw.op1_kind(),
            OpKind::Immediate32 | OpKind::Immediate64 | OpKind::Immediate32to64
        );
    constant.then(|| raw.immediate(1))
}

fn through_register(code: &[Instruction], index: usize, register: Register) -> Option<TableJump> {
    let (at, raw) = last_write(code, index, register)?;
    match raw.mnemonic() {
        Mnemonic::Mov if raw.op1_kind() == OpKind::Memory => pointer_table(code, at, raw),
        Mnemonic::Mov if raw.op1_kind() == OpKind::Register => {
            through_register(code, at, raw.op1_register().full_register())
        }
        Mnemonic::Add if raw.op1_kind() == OpKind::Register => {
            let other = raw.op1_register().full_register();
            offset_table(code, at, register, other)
                .or_else(|| offset_table(code, at, other, register))
        }
        // No compiler emits an add with base and offset in one memory operand for a switch: add
        // (%rdx,%rax,8),%rdx.
        _ => None,
    }
}

/// `offset` must be a sign-extended load; `base` is the table, if it is loaded near the jump.
fn offset_table(
    code: &[Instruction],
    at: usize,
    offset: Register,
    base: Register,
) -> Option<TableJump> {
    let load = sign_extended_load(code, at, offset)?;
    let table = last_write(code, at, base).and_then(|(_, raw)| loaded_address(raw));
    Some(TableJump {
        table,
        entries: Entries::Offsets,
        count: entry_count(code, load),
    })
}

fn sign_extended_load(code: &[Instruction], at: usize, register: Register) -> Option<usize> {
    let (found, raw) = last_write(code, at, register)?;
    match raw.mnemonic() {
        Mnemonic::Movsxd if raw.op1_kind() == OpKind::Memory => Some(found),
        Mnemonic::Movsxd => narrow_load(code, found, raw.op1_register().full_register()),
        Mnemonic::Cdqe => narrow_load(code, found, Register::RAX),
        _ => None,
    }
}

fn narrow_load(code: &[Instruction], at: usize, register: Register) -> Option<usize> {
    let (found, raw) = last_write(code, at, register)?;
    let load = raw.mnemonic() == Mnemonic::Mov
        && raw.op1_kind() == OpKind::Memory
        && raw.op0_register().is_gpr32();
    load.then_some(found)
}

/// A memory operand that indexes eight-byte entries.
fn pointer_table(
    code: &[Instruction],
    at: usize,
    raw: &iced_x86::Instruction,
) -> Option<TableJump> {
    if raw.memory_index() == Register::None || raw.memory_index_scale() != 8 {
        return None;
    }
    let displacement = raw.memory_displacement64();
    let table = match raw.memory_base() {
        Register::None => Some(displacement),
        base => last_write(code, at, base.full_register())
            .and_then(|(_, write)| loaded_address(write))
            .map(|address| address.wrapping_add(displacement)),
    };
    Some(TableJump {
        table,
        entries: Entries::Pointers,
        count: entry_count(code, at),
    })
}

/// The last instruction before `index`, in a straight line, that writes the register.
fn last_write(
    code: &[Instruction],
    index: usize,
    register: Register,
) -> Option<(usize, &iced_x86::Instruction)> {
    for at in (index.saturating_sub(WINDOW)..index).rev() {
        let instruction = &code[at];
        match instruction.next {
            Next::Falls | Next::Branches(_) => {}
            Next::Calls(_) if is_callee_saved(register) => {}
            _ => return None,
        }
        if writes(&instruction.raw, register) {
            return Some((at, &instruction.raw));
        }
    }
    None
}

/// Callee-saved registers: a called function preserves them.
fn is_callee_saved(register: Register) -> bool {
    matches!(
        register,
        Register::RBX
            | Register::RBP
            | Register::R12
            | Register::R13
            | Register::R14
            | Register::R15
    )
}

/// The register or memory that holds the index into the table, at a point before the load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Register(Register),
    Memory(Register, u64),
}

/// The number of entries, where `cmp $n; ja …` or `and $n` before the load provably bounds the
/// index.
fn entry_count(code: &[Instruction], load: usize) -> Option<u64> {
    let mut value = Value::Register(scaled_index(&code[load].raw)?);
    let mut beyond = None;
    for at in (load.saturating_sub(WINDOW)..load).rev() {
        let raw = &code[at].raw;
        match code[at].next {
            Next::Falls => {}
            Next::Branches(_) if beyond.is_none() => {
                beyond = match raw.mnemonic() {
                    Mnemonic::Ja => Some(1),
                    Mnemonic::Jae => Some(0),
                    _ => return None,
                };
                continue;
            }
            _ => return None,
        }
        if raw.mnemonic() == Mnemonic::Cmp && operand(raw, 0) == Some(value) {
            return small_immediate(raw)?.checked_add(beyond?);
        }
        match value {
            Value::Memory(..) if raw.op_count() > 0 && operand(raw, 0) == Some(value) => {
                return None;
            }
            Value::Register(register) if writes(raw, register) => match raw.mnemonic() {
                Mnemonic::And if operand(raw, 0) == Some(value) => {
                    return small_immediate(raw)?.checked_add(1);
                }
                Mnemonic::Mov | Mnemonic::Movzx => value = operand(raw, 1)?,
                // lea 0(,%rax,4),%rdx: the index of unoptimised code.
                Mnemonic::Lea if raw.memory_base() == Register::None => {
                    value = Value::Register(raw.memory_index().full_register());
                }
                _ => return None,
            },
            _ => {}
        }
    }
    None
}

/// The register that selects the entry in a table's load.
fn scaled_index(raw: &iced_x86::Instruction) -> Option<Register> {
    let (base, index) = (raw.memory_base(), raw.memory_index());
    match (index, raw.memory_index_scale()) {
        (Register::None, _) => None,
        // Base and index are interchangeable: the address that was scaled before is the base in
        // gcc's -O0 code.
        (_, 1) => (base != Register::None).then(|| base.full_register()),
        _ => Some(index.full_register()),
    }
}

fn operand(raw: &iced_x86::Instruction, op: u32) -> Option<Value> {
    match raw.op_kind(op) {
        OpKind::Register => Some(Value::Register(raw.op_register(op).full_register())),
        OpKind::Memory if raw.memory_index() == Register::None => Some(Value::Memory(
            raw.memory_base(),
            raw.memory_displacement64(),
        )),
        _ => None,
    }
}

fn small_immediate(raw: &iced_x86::Instruction) -> Option<u64> {
    const MOST: u64 = 1 << 16;
    let value = match raw.op1_kind() {
        OpKind::Immediate8
        | OpKind::Immediate16
        | OpKind::Immediate32
        | OpKind::Immediate8to16
        | OpKind::Immediate8to32
        | OpKind::Immediate8to64
        | OpKind::Immediate32to64 => raw.immediate(1),
        _ => return None,
    };
    (value < MOST).then_some(value)
}
