//! The number of a jump table's entries, from the code that bounds the index.
//!
//! Follows the index backwards, from the load of the entry to the check. Whatever could make the
//! checked value another one than the index ends the search without a number.

use iced_x86::{InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register, RflagsBits};

use super::super::{Next, writes};
use super::Code;

/// The register or memory that holds the index into the table, at a point before the load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Register(Register),
    /// At this base register, with this displacement.
    Memory(Register, u64),
}

/// The index into the table, at a point before the load.
#[derive(Clone, Copy)]
struct Index {
    place: Place,
    /// Its low bytes; those above are zero. A 64-bit register counts as 4: whatever is compared as
    /// 32 bits was zero-extended by its last write.
    bytes: usize,
}

/// The number of entries, where `cmp $n; ja …` or `and $n` before the load provably bounds the
/// index.
pub(super) fn entry_count(code: Code<'_>, load: usize) -> Option<u64> {
    let mut index = Index {
        place: Place::Register(scaled_index(&code.instructions[load].raw)?),
        bytes: 4,
    };
    // The number of entries minus the number that the index is compared with.
    let mut beyond = None;
    // A check of fewer bytes than the index has: their number, and the number of entries.
    let mut narrow: Option<(usize, u64)> = None;
    for (_, instruction) in code.before(load) {
        let raw = &instruction.raw;
        match instruction.next {
            Next::Falls => {}
            Next::Branches(_) if narrow.is_some() => continue,
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
        let is_index = place(raw, 0) == Some(index.place);
        if raw.mnemonic() == Mnemonic::Cmp && is_index && narrow.is_none() {
            let count = small_immediate(raw)?.checked_add(beyond?)?;
            let bytes = size(raw, 0);
            if bytes >= index.bytes {
                return Some(count);
            }
            narrow = Some((bytes, count));
            continue;
        }
        if index.is_changed_by(raw) {
            if !is_index || size(raw, 0) < index.bytes {
                return None;
            }
            match raw.mnemonic() {
                Mnemonic::And if is_index => return small_immediate(raw)?.checked_add(1),
                Mnemonic::Movzx if narrow.is_some() => {
                    let (bytes, count) = narrow?;
                    return (size(raw, 1) <= bytes).then_some(count);
                }
                Mnemonic::Mov | Mnemonic::Movzx if narrow.is_none() => {
                    index = Index {
                        place: place(raw, 1)?,
                        bytes: size(raw, 1).min(index.bytes),
                    };
                }
                // lea 0(,%rax,4),%rdx: the index of unoptimised code.
                Mnemonic::Lea if raw.memory_base() == Register::None && narrow.is_none() => {
                    index.place = Place::Register(raw.memory_index().full_register());
                }
                _ => return None,
            }
        }
        let compares = raw.rflags_modified() & (RflagsBits::CF | RflagsBits::ZF) != 0;
        if compares && beyond.is_some() && narrow.is_none() {
            return None;
        }
    }
    None
}

impl Index {
    /// Whether the instruction writes to its place, or could.
    fn is_changed_by(self, raw: &iced_x86::Instruction) -> bool {
        match self.place {
            Place::Register(register) => writes(raw, register),
            Place::Memory(base, _) => writes(raw, base) || writes_memory(raw),
        }
    }
}

fn writes_memory(raw: &iced_x86::Instruction) -> bool {
    let mut factory = InstructionInfoFactory::new();
    factory.info(raw).used_memory().iter().any(|used| {
        !matches!(
            used.access(),
            OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess
        )
    })
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

fn place(raw: &iced_x86::Instruction, op: u32) -> Option<Place> {
    match raw.op_kind(op) {
        OpKind::Register => Some(Place::Register(raw.op_register(op).full_register())),
        OpKind::Memory if raw.memory_index() == Register::None => Some(Place::Memory(
            raw.memory_base(),
            raw.memory_displacement64(),
        )),
        _ => None,
    }
}

/// Size of a register or memory operand, in bytes; 0 for other operands.
fn size(raw: &iced_x86::Instruction, op: u32) -> usize {
    match raw.op_kind(op) {
        OpKind::Register => raw.op_register(op).size(),
        OpKind::Memory => raw.memory_size().size(),
        _ => 0,
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
