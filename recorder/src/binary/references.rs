//! Everything in a file that leads to a function: the calls and jumps of its code, and whether
//! anything else could.

use std::collections::{BTreeMap, BTreeSet};

use super::disassembly::{self, Next};
use super::elf::Elf;
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
    /// Addresses that other instructions name.
    others: BTreeSet<u64>,
    /// The first address of this code, and one past its last, by the first.
    swept: BTreeMap<u64, u64>,
}

impl References {
    pub(super) fn of(elf: &Elf<'_>, unwind: &Unwind<'_>) -> Self {
        let mut found = Self::default();
        for fde in unwind.fdes() {
            let bytes = elf.bytes_at(fde.start, fde.end - fde.start);
            let Some(Ok(code)) = bytes.map(|bytes| disassembly::sweep(bytes, fde.start)) else {
                continue;
            };
            found.swept.insert(fde.start, fde.end);
            for instruction in code {
                let pointer = instruction.rip_relative_address();
                let (all, target, is_call) = match (instruction.next, pointer) {
                    (Next::Calls(Some(target)), _) => (&mut found.direct, target, true),
                    (Next::Jumps(target) | Next::Branches(target), _) => {
                        (&mut found.direct, target, false)
                    }
                    (Next::Calls(None), Some(pointer)) => {
                        (&mut found.through_pointer, pointer, true)
                    }
                    (Next::JumpsIndirectly, Some(pointer)) => {
                        (&mut found.through_pointer, pointer, false)
                    }
                    _ => {
                        found.others.extend(instruction.mentioned_addresses());
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
        }
        found
    }

    /// All calls and jumps that lead to the function at `start`; `None` where something else could
    /// lead there: another file, a pointer, or code that cannot be read.
    pub(super) fn leading_to(&self, elf: &Elf<'_>, start: u64) -> Option<Vec<Reference>> {
        if elf.is_known_outside(start) || self.others.contains(&start) {
            return None;
        }
        let direct = self.direct.get(&start).cloned().unwrap_or_default();
        let pointers = elf.relocated_to(start);
        let mut all = direct;
        for pointer in &pointers {
            // Nothing writes it, and it is in no table that code reads by an index or an offset.
            elf.constant_pointer(*pointer)?;
            let offsets = elf.section(".got")?;
            let at = pointer.checked_sub(offsets.address)?;
            if at >= offsets.data.len() as u64 {
                return None;
            }
            let through = self.through_pointer.get(pointer).cloned()?;
            let is_read = self.others.contains(pointer) || self.is_named_elsewhere(elf, *pointer);
            if is_read || !elf.relocated_to(*pointer).is_empty() {
                return None;
            }
            all.extend(through);
        }
        (!self.is_named_elsewhere(elf, start)).then_some(all)
    }

    /// Whether anything but the instructions of this code could name the address: a displacement in
    /// other code, or an address in code or data.
    fn is_named_elsewhere(&self, elf: &Elf<'_>, address: u64) -> bool {
        let loaded = elf.sections.iter().filter(|section| section.address != 0);
        for section in loaded {
            if !section.executable {
                let mut words = section.data.chunks_exact(8);
                if words.any(|word| word == address.to_le_bytes()) {
                    return true;
                }
                continue;
            }
            for (at, window) in section.data.windows(4).enumerate() {
                let Ok(bytes) = window.try_into() else {
                    continue;
                };
                let value = u32::from_le_bytes(bytes);
                let end = section.address.wrapping_add(at as u64 + 4);
                let relative = end.wrapping_add_signed(i64::from(value.cast_signed()));
                // The displacement 0 is padding before the address, not a name of it.
                let is_name = relative == address && end != address;
                if (is_name || u64::from(value) == address) && !self.is_swept(end - 4, end) {
                    return true;
                }
            }
        }
        false
    }

    fn is_swept(&self, start: u64, end: u64) -> bool {
        let mut before = self.swept.range(..=start);
        before.next_back().is_some_and(|(_, last)| end <= *last)
    }
}
