//! The procedure linkage table (PLT): the import that a jump into it leads to.

use std::ops::Range;

use super::disassembly;
use super::elf::Elf;

/// The import that a jump to the address leads to: `None` where the address is not in a linkage
/// table, `Some(None)` where it is and the import is not known.
pub(super) fn import_at<'a>(elf: &Elf<'a>, address: u64) -> Option<Option<&'a str>> {
    ranges(elf).find(|range| range.contains(&address))?;
    let slot = elf
        .bytes_from(address)
        .and_then(|code| disassembly::indirect_slot(code, address));
    Some(slot.and_then(|slot| import_of_slot(elf, slot)))
}

/// Address ranges of the linkage tables.
pub(super) fn ranges(elf: &Elf<'_>) -> impl Iterator<Item = Range<u64>> {
    elf.sections
        .iter()
        .filter(|section| section.name.starts_with(".plt"))
        .map(|section| section.address..section.address.saturating_add(section.data.len() as u64))
}

/// The symbol that the dynamic loader puts into a slot of the global offset table.
pub(super) fn import_of_slot<'a>(elf: &Elf<'a>, slot: u64) -> Option<&'a str> {
    let found = |entry: &Relocation<'a>| entry.offset == slot && entry.is_slot();
    relocations(elf).find(found).map(|entry| entry.name)
}

/// A relocation that names a symbol.
struct Relocation<'a> {
    offset: u64,
    kind: u64,
    name: &'a str,
}

impl Relocation<'_> {
    fn is_slot(&self) -> bool {
        const GLOB_DAT: u64 = 6;
        const JUMP_SLOT: u64 = 7;
        matches!(self.kind, GLOB_DAT | JUMP_SLOT)
    }
}

fn relocations<'e, 'a>(elf: &'e Elf<'a>) -> impl Iterator<Item = Relocation<'a>> + use<'e, 'a> {
    let tables = [".rela.plt", ".rela.dyn"]
        .into_iter()
        .filter_map(|name| elf.section(name));
    tables
        .flat_map(|table| table.data.chunks_exact(24))
        .filter_map(|entry| {
            let word = |at: usize| {
                entry[at..at + 8]
                    .try_into()
                    .map(u64::from_le_bytes)
                    .unwrap_or_default()
            };
            let (offset, info) = (word(0), word(8));
            let name = elf
                .dynamic_names
                .get(usize::try_from(info >> 32).ok()?)
                .copied()?;
            (!name.is_empty()).then_some(Relocation {
                offset,
                kind: info & 0xffff_ffff,
                name,
            })
        })
}

/// The slots that the dynamic loader fills with one of these symbols.
pub(super) fn slots_of<'a>(elf: &Elf<'a>, names: &[&str]) -> Vec<(u64, &'a str)> {
    relocations(elf)
        .filter(|entry| entry.is_slot() && names.contains(&entry.name))
        .map(|entry| (entry.offset, entry.name))
        .collect()
}

/// One of these names whose address the loader writes elsewhere than into a slot: a pointer that
/// any code may call.
pub(super) fn address_in_data<'a>(elf: &Elf<'a>, names: &[&str]) -> Option<&'a str> {
    relocations(elf)
        .find(|entry| !entry.is_slot() && names.contains(&entry.name))
        .map(|entry| entry.name)
}
