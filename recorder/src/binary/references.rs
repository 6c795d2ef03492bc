//! Everything in a file that leads to a function: the calls and jumps of its code, and whether
//! anything else could.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::disassembly::{self, Instruction, Next};
use super::elf::{Elf, Kind, Section};
use super::hazards::RETURN_TWICE;
use super::unwind::{Fde, Unwind};

/// A call or a jump to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Address of the instruction.
    pub(super) at: u64,
    /// One past its last byte.
    pub(super) end: u64,
    pub(super) is_call: bool,
    /// The code that it is in.
    pub(super) from: Fde,
}

/// The calls and jumps of all code that the unwind table knows, by the address that they name: that
/// of the code, or that of a pointer to it.
#[derive(Debug, Default)]
pub(super) struct References {
    direct: BTreeMap<u64, Vec<Reference>>,
    through_pointer: BTreeMap<u64, Vec<Reference>>,
    /// Addresses that other instructions of this code name, and that anything in other code or in
    /// data could name: addresses of code, and of pointers in the global offset table.
    named: BTreeSet<u64>,
    /// There are more than [`MOST_NAMES`] of them.
    is_incomplete: bool,
    /// Whether a number in the file can be an address: the program is loaded where it was linked to,
    /// or a compact table of relocations (RELR) leaves the addresses in the data.
    has_absolute_addresses: bool,
    /// Where the loader writes an address, by that address.
    pointers: BTreeMap<u64, Vec<u64>>,
    /// The global offset table: only instructions that name a pointer in it read that pointer.
    offsets: Range<u64>,
    /// A function returns a second time to a frame of its caller.
    pub(super) returns_twice: bool,
}

/// Most addresses that are kept.
const MOST_NAMES: usize = 1 << 22;

impl References {
    pub(super) fn of(elf: &Elf<'_>, unwind: &Unwind<'_>) -> Self {
        let offsets = elf.section(".got").map(|section| {
            let size = section.data.len() as u64;
            section.address..section.address.saturating_add(size)
        });
        let mut symbols = elf.symbols.iter().map(|symbol| symbol.name);
        let mut names = RETURN_TWICE.iter();
        let mut found = Self {
            offsets: offsets.unwrap_or_default(),
            has_absolute_addresses: elf.kind == Kind::Executable
                || elf.section(".relr.dyn").is_some(),
            returns_twice: names.any(|name| elf.imports.contains(name))
                || symbols.any(|symbol| RETURN_TWICE.contains(&symbol)),
            ..Self::default()
        };
        for (pointer, address) in elf.relocations() {
            found.pointers.entry(address).or_default().push(pointer);
        }
        for resolver in elf.resolvers() {
            found.add_name(elf, resolver);
        }
        let mut swept = BTreeMap::new();
        let mut last = 0;
        for fde in unwind.fdes() {
            // Of entries that overlap only the first is read.
            if fde.start >= last && found.add_code(elf, fde).is_some() {
                swept.insert(fde.start, fde.end);
                last = fde.end;
            }
        }
        for section in elf.sections.iter().filter(|section| section.address != 0) {
            if section.executable {
                found.add_other_code(elf, section, &swept);
            } else {
                found.add_data(elf, section);
            }
        }
        found
    }

    /// Adds the instructions of the entry's code; `None` where it cannot be read.
    fn add_code(&mut self, elf: &Elf<'_>, fde: &Fde) -> Option<()> {
        let bytes = elf.bytes_at(fde.start, fde.end - fde.start)?;
        for instruction in disassembly::sweep(bytes, fde.start).ok()? {
            let pointer = instruction.rip_relative_address();
            let (all, target, is_call) = match (instruction.next, pointer) {
                (Next::Calls(Some(target)), _) => (&mut self.direct, target, true),
                (Next::Jumps(target) | Next::Branches(target), _) => {
                    (&mut self.direct, target, false)
                }
                (Next::Calls(None), Some(pointer)) => (&mut self.through_pointer, pointer, true),
                (Next::JumpsIndirectly, Some(pointer)) => {
                    (&mut self.through_pointer, pointer, false)
                }
                _ => {
                    for address in instruction.relative_addresses() {
                        self.add_name(elf, address);
                    }
                    for number in instruction.constants() {
                        self.add_number(elf, number);
                    }
                    continue;
                }
            };
            all.entry(target).or_default().push(Reference {
                at: instruction.address,
                end: instruction.end,
                is_call,
                from: *fde,
            });
        }
        Some(())
    }

    /// Adds all that the code between that which was read could name. `swept` are the address ranges of
    /// that which was.
    fn add_other_code(&mut self, elf: &Elf<'_>, section: &Section<'_>, swept: &BTreeMap<u64, u64>) {
        let end = section.address.saturating_add(section.data.len() as u64);
        let read = swept.range(section.address..end);
        let read = read.map(|(start, after)| (*start, *after));
        let mut gap = section.address;
        for (start, after) in read.chain([(end, end)]) {
            self.add_gap(elf, gap, start);
            gap = after;
        }
    }

    /// Adds what code without an entry in the unwind table could name. It may contain data, so that
    /// instructions are read from every byte on; between them is padding, which names nothing.
    fn add_gap(&mut self, elf: &Elf<'_>, start: u64, end: u64) {
        let Some(bytes) = elf.bytes_at(start, end.saturating_sub(start)) else {
            return;
        };
        let code = disassembly::sweep(bytes, start).unwrap_or_default();
        let filler = code.iter().filter(|instruction| instruction.is_filler());
        let filler: BTreeMap<u64, u64> = filler.map(|code| (code.address, code.end)).collect();
        for (at, rest) in (start..end).zip((0..bytes.len()).map(|skip| &bytes[skip..])) {
            let mut before = filler.range(..=at);
            if before.next_back().is_some_and(|(_, end)| at < *end) {
                continue;
            }
            let instruction = disassembly::first(rest, at);
            for address in instruction.iter().flat_map(Instruction::relative_addresses) {
                self.add_name(elf, address);
            }
            if let Some(word) = rest.first_chunk() {
                self.add_number(elf, u64::from(u32::from_le_bytes(*word)));
            }
        }
    }

    fn add_data(&mut self, elf: &Elf<'_>, section: &Section<'_>) {
        for word in section.data.chunks_exact(8) {
            if let Ok(word) = word.try_into() {
                self.add_number(elf, u64::from_le_bytes(word));
            }
        }
    }

    /// Adds a number that may be an address.
    fn add_number(&mut self, elf: &Elf<'_>, number: u64) {
        if self.has_absolute_addresses {
            self.add_name(elf, number);
        }
    }

    fn add_name(&mut self, elf: &Elf<'_>, address: u64) {
        if !elf.is_executable(address) && !self.offsets.contains(&address) {
            return;
        }
        if self.named.len() < MOST_NAMES {
            self.named.insert(address);
        } else {
            self.is_incomplete = true;
        }
    }

    /// Whether anything but jumps and calls of the function itself could lead to an instruction of its
    /// `parts` other than the first one: another file, a pointer, a name in the code, or a jump of other
    /// code.
    pub(super) fn may_lead_inside(&self, elf: &Elf<'_>, parts: &[(u64, u64)]) -> bool {
        let first = parts.first().map(|(start, _)| *start);
        let is_own = |at: u64| {
            parts
                .iter()
                .any(|(start, end)| (*start..*end).contains(&at))
        };
        let is_inside = |address: &u64| Some(*address) != first;
        self.is_incomplete
            || parts.iter().any(|(start, end)| {
                let mut jumps = self.direct.range(start..end);
                let mut pointers = self.pointers.range(start..end).map(|(to, _)| to);
                self.named.range(start..end).any(is_inside)
                    || pointers.any(is_inside)
                    || elf
                        .known_outside(*start..*end)
                        .any(|address| is_inside(&address))
                    || !elf.symbols_between(start + 1, *end).is_empty()
                    || jumps.any(|(to, from)| {
                        is_inside(to) && from.iter().any(|reference| !is_own(reference.at))
                    })
            })
    }

    /// All calls and jumps that lead to the function at `start`; `None` where something else could
    /// lead there: another file, a pointer, or code that cannot be read.
    pub(super) fn leading_to(&self, elf: &Elf<'_>, start: u64) -> Option<Vec<Reference>> {
        let is_named = self.is_incomplete || self.named.contains(&start);
        if is_named || elf.is_known_outside(start) {
            return None;
        }
        let mut all = self.direct.get(&start).cloned().unwrap_or_default();
        for pointer in self.pointers.get(&start).into_iter().flatten() {
            // Nothing writes it, and only calls and jumps read it.
            elf.constant_pointer(*pointer)?;
            let is_elsewhere = !self.offsets.contains(pointer)
                || self.named.contains(pointer)
                || self.pointers.contains_key(pointer);
            if is_elsewhere {
                return None;
            }
            all.extend(self.through_pointer.get(pointer)?);
        }
        Some(all)
    }
}
