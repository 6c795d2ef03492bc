//! Recognises the computed jumps that compilers emit for `switch` and computed `goto`.
//!
//! Looks at instructions only; `control_flow` reads the table's entries and checks that they stay
//! in the function.

use std::collections::BTreeSet;

use iced_x86::{Mnemonic, OpKind, Register};

use super::{Instruction, Next, writes};

mod bounds;
mod entries;

pub use entries::Entries;

/// How a table's entries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A signed 32-bit offset from the table's own address.
    Offset,
    /// A 64-bit address.
    Pointer,
}

/// A jump through a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableJump {
    /// The table's address, where it is loaded near the jump.
    pub table: Option<u64>,
    /// How each of its entries is read.
    pub entry: Entry,
    /// Number of entries, where every path to the jump passes a bounds check.
    pub count: Option<u64>,
}

/// Most instructions before a load of an entry that are searched for its bounds check.
const WINDOW: usize = 40;
/// Most instructions, on all paths to a use of a register, that are searched for its writes.
const MOST_SEARCHED: usize = 256;
/// Most times that an entry is copied from register to register.
const MOST_COPIES: u32 = 8;

/// Code without a gap, such as one part of a function.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// All of it, in the order of the addresses.
    pub instructions: &'a [Instruction],
    /// The places, other than the preceding instruction, from which an instruction is reached.
    pub entries: &'a Entries,
}

impl<'a> Code<'a> {
    /// The instructions before `index` that every path to it passes right before it, the last one
    /// first.
    fn before(self, index: usize) -> impl Iterator<Item = (usize, &'a Instruction)> {
        (index.saturating_sub(WINDOW)..index)
            .rev()
            .take_while(move |at| !self.entries.lead_to(&self.instructions[at + 1]))
            .map(move |at| (at, &self.instructions[at]))
    }

    /// The instructions that can be executed right before `index`; `None` where some are not known.
    pub(super) fn predecessors(self, index: usize) -> Option<Vec<usize>> {
        let instruction = &self.instructions[index];
        let jumps = self.entries.jumps_to(instruction)?;
        let preceding = index.checked_sub(1)?;
        let goes_on = matches!(
            self.instructions[preceding].next,
            Next::Falls | Next::Branches(_) | Next::Calls(_)
        );
        let jumps = jumps.iter().copied();
        Some(jumps.chain(goes_on.then_some(preceding)).collect())
    }

    /// Whether nothing but a call leads to the first instruction.
    pub(super) fn is_entered_at_start_only(self) -> bool {
        let first = self.instructions.first();
        first.is_some_and(|first| !self.entries.lead_to(first))
    }
}

/// The jump at `index`, where it has the shape of a table jump on every path: all tables that it
/// may go through.
pub fn recognise(code: Code<'_>, index: usize) -> Option<Vec<TableJump>> {
    let jump = &code.instructions.get(index)?.raw;
    match jump.op0_kind() {
        OpKind::Memory => pointer_tables(code, index, jump),
        OpKind::Register => through_register(
            code,
            index,
            jump.op0_register().full_register(),
            MOST_COPIES,
        ),
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

fn through_register(
    code: Code<'_>,
    index: usize,
    register: Register,
    copies_left: u32,
) -> Option<Vec<TableJump>> {
    let copies_left = copies_left.checked_sub(1)?;
    let mut tables = Vec::new();
    for at in last_writes(code, index, register)? {
        let raw = &code.instructions[at].raw;
        let found = match raw.mnemonic() {
            Mnemonic::Mov if raw.op1_kind() == OpKind::Memory => pointer_tables(code, at, raw),
            Mnemonic::Mov if raw.op1_kind() == OpKind::Register => {
                through_register(code, at, raw.op1_register().full_register(), copies_left)
            }
            Mnemonic::Add if raw.op1_kind() == OpKind::Register => {
                let other = raw.op1_register().full_register();
                offset_tables(code, at, register, other)
                    .or_else(|| offset_tables(code, at, other, register))
            }
            // No compiler emits an add with base and offset in one memory operand for a switch: add
            // (%rdx,%rax,8),%rdx.
            _ => None,
        };
        tables.extend(found?);
    }
    Some(tables)
}

/// `offset` must be a sign-extended load; `base` is the table, if it is loaded near the jump.
fn offset_tables(
    code: Code<'_>,
    at: usize,
    offset: Register,
    base: Register,
) -> Option<Vec<TableJump>> {
    let mut found = Vec::new();
    for load in sign_extended_loads(code, at, offset)? {
        let count = bounds::entry_count(code, load);
        for table in table_addresses(code, at, base) {
            found.push(TableJump {
                table,
                entry: Entry::Offset,
                count,
            });
        }
    }
    Some(found)
}

fn sign_extended_loads(code: Code<'_>, at: usize, register: Register) -> Option<Vec<usize>> {
    let mut loads = Vec::new();
    for found in last_writes(code, at, register)? {
        let raw = &code.instructions[found].raw;
        match raw.mnemonic() {
            Mnemonic::Movsxd if raw.op1_kind() == OpKind::Memory => loads.push(found),
            Mnemonic::Movsxd => {
                loads.extend(narrow_loads(
                    code,
                    found,
                    raw.op1_register().full_register(),
                )?);
            }
            Mnemonic::Cdqe => loads.extend(narrow_loads(code, found, Register::RAX)?),
            _ => return None,
        }
    }
    Some(loads)
}

fn narrow_loads(code: Code<'_>, at: usize, register: Register) -> Option<Vec<usize>> {
    let loads = last_writes(code, at, register)?;
    let is_load = |found: &usize| {
        let raw = &code.instructions[*found].raw;
        raw.mnemonic() == Mnemonic::Mov
            && raw.op1_kind() == OpKind::Memory
            && raw.op0_register().is_gpr32()
    };
    loads.iter().all(is_load).then_some(loads)
}

/// A memory operand that indexes eight-byte entries.
fn pointer_tables(
    code: Code<'_>,
    at: usize,
    raw: &iced_x86::Instruction,
) -> Option<Vec<TableJump>> {
    if raw.memory_index() == Register::None || raw.memory_index_scale() != 8 {
        return None;
    }
    let displacement = raw.memory_displacement64();
    let tables = match raw.memory_base() {
        Register::None => vec![Some(displacement)],
        base => table_addresses(code, at, base.full_register())
            .into_iter()
            .map(|table| Some(table?.wrapping_add(displacement)))
            .collect(),
    };
    let count = bounds::entry_count(code, at);
    let jump = |table| TableJump {
        table,
        entry: Entry::Pointer,
        count,
    };
    Some(tables.into_iter().map(jump).collect())
}

/// The addresses that the register can hold; one `None` where some path does not load one.
fn table_addresses(code: Code<'_>, at: usize, register: Register) -> Vec<Option<u64>> {
    let address = |at: &usize| loaded_address(&code.instructions[*at].raw);
    let loaded: Option<Vec<u64>> =
        last_writes(code, at, register).and_then(|writes| writes.iter().map(address).collect());
    loaded.map_or(vec![None], |all| all.into_iter().map(Some).collect())
}

/// The instructions that write the register last before `index`, one for each path; `None` where
/// that is not certain for some path.
fn last_writes(code: Code<'_>, index: usize, register: Register) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut pending = vec![index];
    while let Some(at) = pending.pop() {
        for before in code.predecessors(at)? {
            if !seen.insert(before) {
                continue;
            }
            if seen.len() > MOST_SEARCHED {
                return None;
            }
            let instruction = &code.instructions[before];
            if matches!(instruction.next, Next::Calls(_)) && !is_callee_saved(register) {
                return None;
            }
            if writes(&instruction.raw, register) {
                found.push(before);
            } else {
                pending.push(before);
            }
        }
    }
    (!found.is_empty()).then_some(found)
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
