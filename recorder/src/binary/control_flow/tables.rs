//! Jumps through tables: all their targets, or a refusal where they are not certain.

use std::collections::BTreeSet;

use super::super::disassembly::jump_table::{self, Code, Entries, Entry, TableJump};
use super::super::disassembly::{self, Instruction, Next};
use super::super::error::Reason;
use super::super::plt;
use super::super::unwind::{Cfa, Fde};
use super::leaving::LeadsTo;
use super::{Part, Walk};

/// Most entries of one jump table.
const MOST_ENTRIES: u64 = 65_536;

impl Walk<'_, '_> {
    /// Follows every computed jump, as far as the targets that are known so far tell.
    pub(super) fn follow_tables(&mut self) -> Result<(), Reason> {
        self.open_table = false;
        let mut jumps = Vec::new();
        for number in 0..self.parts.len() {
            let part = &self.parts[number];
            let computed = |index: &usize| part.code[*index].next == Next::JumpsIndirectly;
            let computed: Vec<usize> = (0..part.code.len()).filter(computed).collect();
            if computed.is_empty() {
                continue;
            }
            let entries = self.entries_of(part);
            for index in computed {
                let at = self.parts[number].code[index].address;
                let tables = self.table_jumps(number, index, &entries)?;
                jumps.extend(tables.into_iter().map(|jump| (at, jump)));
            }
        }
        for (at, jump) in jumps {
            self.follow_table(at, &jump)?;
        }
        Ok(())
    }

    /// The tables of the computed jump at `index` of a part; none where it is a tail call.
    fn table_jumps(
        &mut self,
        part: usize,
        index: usize,
        entries: &Entries,
    ) -> Result<Vec<TableJump>, Reason> {
        let code = &self.parts[part].code;
        let at = code[index].address;
        let recognise = |entries| {
            let code = Code {
                instructions: code,
                entries,
            };
            jump_table::recognise(code, index)
        };
        if let Some(jumps) = recognise(entries) {
            return Ok(jumps);
        }
        if recognise(&Entries::default()).is_some() {
            return Err(Reason::UnknownJump {
                at,
                why: "another path leads in between the load of its address and the jump",
            });
        }
        // Through a slot of the global offset table: a tail call, of an import or of a function of
        // this file.
        let slot = self
            .elf
            .bytes_from(at)
            .and_then(|code| disassembly::indirect_slot(code, at));
        let constant = slot.and_then(|slot| self.elf.constant_pointer(slot));
        if let Some(target) = constant.filter(|target| self.is_function(*target)) {
            self.tails.insert(at, target);
            return Ok(Vec::new());
        }
        let callee = slot.and_then(|slot| plt::import_of_slot(self.elf, slot));
        let callee = callee.map(ToOwned::to_owned);
        if self.may_leave {
            let to = callee.map_or(LeadsTo::Pointer, |name| LeadsTo::Import(Some(name)));
            self.leave(at, to);
            return Ok(Vec::new());
        }
        Err(Reason::TailCall { at, callee })
    }

    /// From where the instructions of the part are reached, as far as the targets that are known so
    /// far tell.
    pub(super) fn entries_of(&self, part: &Part<'_>) -> Entries {
        let mut others = self.inner_names(part);
        others.extend(self.far_targets.range(part.start..part.end));
        Entries::new(&part.code, others)
    }

    fn follow_table(&mut self, at: u64, jump: &TableJump) -> Result<(), Reason> {
        // The table's address is not always loaded near the jump: then any address that the
        // function loads may be it.
        let candidates: Vec<u64> = match jump.table {
            Some(table) => vec![table],
            None => {
                let loaded: BTreeSet<u64> = self
                    .parts
                    .iter()
                    .flat_map(|part| jump_table::loaded_addresses(&part.code))
                    .filter(|address| !self.elf.is_code(*address))
                    .collect();
                loaded.into_iter().collect()
            }
        };
        self.guessed |= jump.count.is_none();
        // Where the table is not known, its end is not either.
        self.open_table |= jump.count.is_none() && jump.table.is_none();
        let mut found = false;
        for table in candidates {
            let targets = match jump.count {
                Some(count) => self.whole_table(jump, table, count, at),
                None => {
                    let (targets, has_ended) = self.table_start(jump, table, at);
                    self.open_table |= !has_ended;
                    targets
                }
            };
            found |= !targets.is_empty();
            for target in targets {
                self.follow(at, target)?;
                self.tables.entry(at).or_default().push(target);
                self.far_targets.insert(target);
            }
        }
        match (found, jump.entry) {
            (true, _) => Ok(()),
            (false, Entry::Pointer) if self.may_leave => {
                self.leave(at, LeadsTo::Pointer);
                Ok(())
            }
            (false, Entry::Pointer) => Err(Reason::TailCall { at, callee: None }),
            (false, Entry::Offset) => Err(Reason::UnknownJump {
                at,
                why: "no jump table that stays in the function was found",
            }),
        }
    }

    /// All `count` targets; none where one of them is not the function's own, because then the
    /// table is of another kind.
    fn whole_table(&mut self, jump: &TableJump, table: u64, count: u64, at: u64) -> Vec<u64> {
        let mut targets = BTreeSet::new();
        for entry in 0..count.min(MOST_ENTRIES) {
            let Some(target) = self.entry_target(jump, table, entry) else {
                return Vec::new();
            };
            let known = targets.contains(&target) || self.is_instruction_boundary(target);
            if !known && self.own_part(at, target).is_err() {
                return Vec::new();
            }
            targets.insert(target);
        }
        targets.into_iter().collect()
    }

    /// The targets up to the first that is not provably the function's own, and whether that one
    /// is provably not: then it is no entry, since a table leads only to its function.
    fn table_start(&self, jump: &TableJump, table: u64, at: u64) -> (Vec<u64>, bool) {
        let mut targets = Vec::new();
        for entry in 0..MOST_ENTRIES {
            let Some(target) = self.entry_target(jump, table, entry) else {
                return (targets, true);
            };
            if !self.is_instruction_boundary(target) && !self.is_named_part(target) {
                return (targets, self.is_foreign(at, target));
            }
            targets.push(target);
        }
        (targets, false)
    }

    /// Whether the address is provably not an instruction that the jump at `source` leads to within
    /// its function.
    fn is_foreign(&self, source: u64, target: u64) -> bool {
        // A block without instructions that is never entered may be at the end of a part.
        if self.parts.iter().any(|part| part.end == target) {
            return false;
        }
        let is_elsewhere = !self.elf.is_executable(target)
            || self.contains(target)
            || self.elf.symbol_covering(target).is_some()
            || plt::import_at(self.elf, target).is_some();
        if is_elsewhere {
            return true;
        }
        let Some(fde) = self.unwind.fde_at(target) else {
            return false;
        };
        self.is_inside_an_instruction(fde, target)
            || has_another_frame(self.cfa_at(source), self.unwind.cfa_at(target))
    }

    /// Whether the code of the entry, decoded in a straight line, has no instruction at the address.
    fn is_inside_an_instruction(&self, fde: &Fde, address: u64) -> bool {
        let bytes = self.elf.bytes_at(fde.start, fde.end - fde.start);
        let Some(Ok(code)) = bytes.map(|bytes| disassembly::sweep(bytes, fde.start)) else {
            return false;
        };
        // A jump may skip a prefix of one byte.
        let is_there = |code: &Instruction| code.address == address || code.address + 1 == address;
        !code.iter().any(is_there)
    }

    fn entry_target(&self, jump: &TableJump, table: u64, entry: u64) -> Option<u64> {
        match jump.entry {
            Entry::Offset => self.elf.offset_entry(table, entry),
            Entry::Pointer => self.elf.pointer_entry(table, entry),
        }
    }
}

/// Whether two rules for the frame cannot both hold where a jump leads from one to the other.
fn has_another_frame(from: Option<Cfa>, to: Option<Cfa>) -> bool {
    match (from, to) {
        (Some(Cfa::StackPointer(from)), Some(Cfa::StackPointer(to))) => from != to,
        (Some(Cfa::Register(one, from)), Some(Cfa::Register(other, to))) => {
            one == other && from != to
        }
        _ => false,
    }
}
