//! The file's bytes by virtual address, as the program's loader places them in memory.

use std::collections::HashMap;
use std::ops::Range;

use super::{Elf, Segment};

impl<'a> Elf<'a> {
    /// The file offset of a virtual address; `None` where no segment maps it from the file.
    pub fn file_offset(&self, address: u64) -> Option<u64> {
        let segment = self.segment_of(address)?;
        Some(segment.file_offset + (address - segment.address))
    }

    /// Whether code at the address may run.
    pub fn is_executable(&self, address: u64) -> bool {
        self.segment_of(address)
            .is_some_and(|segment| segment.executable)
    }

    /// Whether the address lies in a section of code (read-only data may share an executable
    /// segment with code).
    pub fn is_code(&self, address: u64) -> bool {
        self.sections.iter().any(|section| {
            let at = address.checked_sub(section.address);
            section.executable && at.is_some_and(|at| at < section.data.len() as u64)
        })
    }

    /// The `length` bytes at `address`; `None` where one segment of the file does not hold all of
    /// them.
    pub fn bytes_at(&self, address: u64, length: u64) -> Option<&'a [u8]> {
        let segment = self.segment_of(address)?;
        let skip = address - segment.address;
        if length > segment.file_size - skip {
            return None;
        }
        let start = usize::try_from(segment.file_offset + skip).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.bytes.get(start..end)
    }

    /// The bytes from `address` to the end of its segment.
    pub fn bytes_from(&self, address: u64) -> Option<&'a [u8]> {
        let segment = self.segment_of(address)?;
        self.bytes_at(address, segment.file_size - (address - segment.address))
    }

    /// The address of entry `index` in a table of signed 32-bit offsets from its own start.
    pub fn offset_entry(&self, table: u64, index: u64) -> Option<u64> {
        let at = table.checked_add(index.checked_mul(4)?)?;
        let offset = i32::from_le_bytes(self.bytes_at(at, 4)?.try_into().ok()?);
        Some(table.wrapping_add_signed(i64::from(offset)))
    }

    /// The address of entry `index` in a table of addresses, after the dynamic loader has relocated
    /// it.
    pub fn pointer_entry(&self, table: u64, index: u64) -> Option<u64> {
        let at = table.checked_add(index.checked_mul(8)?)?;
        let stored = u64::from_le_bytes(self.bytes_at(at, 8)?.try_into().ok()?);
        let relative = self.relative.get_or_init(|| self.relative_relocations());
        Some(relative.get(&at).copied().unwrap_or(stored))
    }

    /// The address that eight bytes hold from the start of the program to its end, because the
    /// loader writes it there before they become read-only; `None` where that is not certain.
    pub fn constant_pointer(&self, address: u64) -> Option<u64> {
        let end = address.checked_add(8)?;
        let later = &self.read_only_later;
        let relative = self.relative.get_or_init(|| self.relative_relocations());
        (later.start <= address && end <= later.end)
            .then(|| relative.get(&address).copied())
            .flatten()
    }

    /// Where the dynamic loader writes addresses of this file, each with the address.
    pub fn relocations(&self) -> impl Iterator<Item = (u64, u64)> {
        let relative = self.relative.get_or_init(|| self.relative_relocations());
        relative.iter().map(|(at, value)| (*at, *value))
    }

    /// Whether other files or the loader may call code at the address: it is exported, or where the
    /// program or library is entered.
    pub fn is_known_outside(&self, address: u64) -> bool {
        self.entered.contains(&address)
    }

    /// The addresses in the range at which other files or the loader may call code.
    pub fn known_outside(&self, range: Range<u64>) -> impl Iterator<Item = u64> {
        self.entered.range(range).copied()
    }

    /// The functions that the dynamic loader calls to learn which implementation a pointer is to have.
    pub fn resolvers(&self) -> impl Iterator<Item = u64> {
        const IRELATIVE: u64 = 37;
        let sections = [".rela.dyn", ".rela.plt", ".rela"].into_iter();
        let entries = sections.flat_map(|name| self.relocation_entries(name));
        let is_resolver = |(_, info, _): &(u64, u64, u64)| *info & 0xffff_ffff == IRELATIVE;
        entries.filter(is_resolver).map(|(_, _, addend)| addend)
    }

    /// Whether the dynamic loader writes this address anywhere.
    pub fn is_relocation_value(&self, address: u64) -> bool {
        let relative = self.relative.get_or_init(|| self.relative_relocations());
        relative.values().any(|value| *value == address)
    }

    /// The text at the address, up to its zero byte.
    pub(super) fn c_string(&self, address: u64) -> Option<&'a str> {
        const LONGEST: u64 = 4096;
        let segment = self.segment_of(address)?;
        let rest = (segment.file_size - (address - segment.address)).min(LONGEST);
        let bytes = self.bytes_at(address, rest)?;
        let end = bytes.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&bytes[..end]).ok()
    }

    fn relative_relocations(&self) -> HashMap<u64, u64> {
        const RELATIVE: u64 = 8;
        // Go's own linker calls the section `.rela`.
        let sections = [".rela.dyn", ".rela"].into_iter();
        let entries = sections.flat_map(|name| self.relocation_entries(name));
        entries
            .filter(|(_, info, _)| *info == RELATIVE)
            .map(|(offset, _, addend)| (offset, addend))
            .collect()
    }

    /// Offset, info and addend of each relocation in a section.
    fn relocation_entries(&self, section: &str) -> impl Iterator<Item = (u64, u64, u64)> + use<'a> {
        let data = self
            .section(section)
            .map_or(&[][..], |section| section.data);
        data.chunks_exact(24).map(|entry| {
            let word = |at: usize| {
                entry[at..at + 8]
                    .try_into()
                    .map(u64::from_le_bytes)
                    .unwrap_or_default()
            };
            (word(0), word(8), word(16))
        })
    }

    fn segment_of(&self, address: u64) -> Option<&Segment> {
        let end = self
            .segments
            .partition_point(|segment| segment.address <= address);
        let segment = self.segments[..end].last()?;
        (address - segment.address < segment.file_size).then_some(segment)
    }
}
