//! Jumps through tables: all their targets, or a refusal where they are not certain.

use std::collections::BTreeSet;

use super::super::disassembly;
use super::super::disassembly::jump_table::{self, Entries, TableJump};
use super::super::error::Reason;
use super::super::plt;
use super::Walk;

/// Most entries of one jump table.
const MOST_ENTRIES: u64 = 65_536;

impl Walk<'_, '_> {
    pub(super) fn follow_table(&mut self, part: usize, index: usize) -> Result<(), Reason> {
        let code = &self.parts[part].code;
        let at = code[index].address;
        let Some(jump) = jump_table::recognise(code, index) else {
            // Through a slot of the global offset table: a tail call to an import.
            let slot = self
                .elf
                .bytes_from(at)
                .and_then(|code| disassembly::indirect_slot(code, at));
            let callee = slot.and_then(|slot| plt::import_of_slot(self.elf, slot));
            return Err(Reason::TailCall {
                at,
                callee: callee.map(ToOwned::to_owned),
            });
        };
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
        let mut found = false;
        for table in candidates {
            let targets = match jump.count {
                Some(count) => self.whole_table(&jump, table, count, at),
                None => self.table_start(&jump, table),
            };
            found |= !targets.is_empty();
            for target in targets {
                self.follow(at, target)?;
            }
        }
        match (found, jump.entries) {
            (true, _) => Ok(()),
            (false, Entries::Pointers) => Err(Reason::TailCall { at, callee: None }),
            (false, Entries::Offsets) => Err(Reason::UnknownJump {
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

    /// The targets up to the first that is not provably the function's own.
    fn table_start(&self, jump: &TableJump, table: u64) -> Vec<u64> {
        (0..MOST_ENTRIES)
            .map_while(|entry| self.entry_target(jump, table, entry))
            .take_while(|target| {
                self.is_instruction_boundary(*target) || self.is_named_part(*target)
            })
            .collect()
    }

    fn entry_target(&self, jump: &TableJump, table: u64, entry: u64) -> Option<u64> {
        match jump.entries {
            Entries::Offsets => self.elf.offset_entry(table, entry),
            Entries::Pointers => self.elf.pointer_entry(table, entry),
        }
    }
}
