//! Jumps through tables: all their targets, or a refusal where they are not certain.

use std::collections::BTreeSet;

use super::super::disassembly::jump_table::{self, Code, Entries, Entry, TableJump};
use super::super::disassembly::{self, Next};
use super::super::error::Reason;
use super::super::plt;
use super::{Part, Walk};

/// Most entries of one jump table.
const MOST_ENTRIES: u64 = 65_536;

impl Walk<'_, '_> {
    /// Follows every computed jump, as far as the targets that are known so far tell.
    pub(super) fn follow_tables(&mut self) -> Result<(), Reason> {
        let mut jumps = Vec::new();
        for part in &self.parts {
            let computed = |index: &usize| part.code[*index].next == Next::JumpsIndirectly;
            let computed: Vec<usize> = (0..part.code.len()).filter(computed).collect();
            if computed.is_empty() {
                continue;
            }
            let mut others = self.inner_names(part);
            others.extend(self.far_targets.range(part.start..part.end));
            let entries = Entries::new(&part.code, others);
            for index in computed {
                let at = part.code[index].address;
                let tables = self.table_jumps(part, index, &entries)?;
                jumps.extend(tables.into_iter().map(|jump| (at, jump)));
            }
        }
        for (at, jump) in jumps {
            self.follow_table(at, &jump)?;
        }
        Ok(())
    }

    fn table_jumps(
        &self,
        part: &Part<'_>,
        index: usize,
        entries: &Entries,
    ) -> Result<Vec<TableJump>, Reason> {
        let at = part.code[index].address;
        let recognise = |entries| {
            let code = Code {
                instructions: &part.code,
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
        // Through a slot of the global offset table: a tail call to an import.
        let slot = self
            .elf
            .bytes_from(at)
            .and_then(|code| disassembly::indirect_slot(code, at));
        let callee = slot.and_then(|slot| plt::import_of_slot(self.elf, slot));
        Err(Reason::TailCall {
            at,
            callee: callee.map(ToOwned::to_owned),
        })
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
        let mut found = false;
        for table in candidates {
            let targets = match jump.count {
                Some(count) => self.whole_table(jump, table, count, at),
                None => self.table_start(jump, table),
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
        match jump.entry {
            Entry::Offset => self.elf.offset_entry(table, entry),
            Entry::Pointer => self.elf.pointer_entry(table, entry),
        }
    }
}
