//! The procedure linkage table: which import a jump into it means.

use super::elf::Elf;
use super::x86;

/// `None` where the address is not in a linkage table; otherwise the import's name, where it can be told.
pub(super) fn import_at<'a>(elf: &Elf<'a>, address: u64) -> Option<Option<&'a str>> {
    let within = |section: &&super::elf::Section<'_>| {
        section.name.starts_with(".plt")
            && address
                .checked_sub(section.address)
                .is_some_and(|at| at < section.data.len() as u64)
    };
    elf.sections.iter().find(within)?;
    let slot = elf
        .bytes_from(address)
        .and_then(|code| x86::indirect_slot(code, address));
    Some(slot.and_then(|slot| import_of_slot(elf, slot)))
}

/// The symbol that the dynamic loader puts into a slot of the global offset table.
pub(super) fn import_of_slot<'a>(elf: &Elf<'a>, slot: u64) -> Option<&'a str> {
    const GLOB_DAT: u64 = 6;
    const JUMP_SLOT: u64 = 7;
    let tables = [".rela.plt", ".rela.dyn"];
    for table in tables.iter().filter_map(|name| elf.section(name)) {
        for entry in table.data.chunks_exact(24) {
            let word = |at: usize| {
                entry[at..at + 8]
                    .try_into()
                    .map(u64::from_le_bytes)
                    .unwrap_or_default()
            };
            let (offset, info) = (word(0), word(8));
            if offset == slot && matches!(info & 0xffff_ffff, GLOB_DAT | JUMP_SLOT) {
                let index = usize::try_from(info >> 32).ok()?;
                return elf
                    .dynamic_names
                    .get(index)
                    .copied()
                    .filter(|name| !name.is_empty());
            }
        }
    }
    None
}
