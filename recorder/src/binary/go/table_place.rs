//! Where the function table of a file is: in a section of its own or, where the C linker has merged
//! that section into others, at the one place that the runtime's `moduledata` describes as its table.

use std::collections::BTreeSet;

use super::super::elf::Elf;
use super::super::error::Reason;
use super::module;

/// The function table of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct TablePlace<'a> {
    /// Virtual address of its first byte.
    pub(super) address: u64,
    /// Its bytes.
    pub(super) data: &'a [u8],
}

/// Names of the section, by the ways of linking.
const SECTIONS: [&str; 2] = [".gopclntab", ".data.rel.ro.gopclntab"];
/// Bytes of the header.
pub(super) const HEADER: u64 = 72;
/// First word of the table, by the layouts that are read.
pub(super) const GO_1_18: u32 = 0xffff_fff0;
/// The same since Go 1.20.
pub(super) const GO_1_20: u32 = 0xffff_fff1;

/// Finds the table.
///
/// # Errors
/// Where there is none, or it is not certain which one it is.
pub(super) fn find<'a>(elf: &Elf<'a>) -> Result<TablePlace<'a>, Reason> {
    if let Some(section) = SECTIONS.iter().find_map(|name| elf.section(name)) {
        return Ok(TablePlace {
            address: section.address,
            data: section.data,
        });
    }
    let damaged = |why: &str| Reason::GoTables(why.to_owned());
    let mut seen = BTreeSet::new();
    let mut found = pointers(elf)
        .filter(|(_, table)| is_header(elf, *table))
        .filter(|place| seen.insert(*place))
        .filter_map(|(at, table)| described(elf, at, table));
    let Some(first) = found.next() else {
        return Err(damaged(
            "there is no section .gopclntab, and its data describes no function table",
        ));
    };
    let same = |other: TablePlace<'_>| {
        (other.address, other.data.len()) == (first.address, first.data.len())
    };
    if found.all(same) {
        Ok(first)
    } else {
        Err(damaged("its data describes several function tables"))
    }
}

/// The pointers in the file's data, each after its place: those that the loader relocates, and those
/// that are in their places from the start.
fn pointers<'e>(elf: &'e Elf<'_>) -> impl Iterator<Item = (u64, u64)> + 'e {
    let segments = elf.segments.iter().filter(|segment| segment.writable);
    let stored = segments.flat_map(|segment| {
        let aligned = segment.address.checked_next_multiple_of(8);
        let aligned = aligned.unwrap_or(segment.address);
        let words = elf.bytes_from(aligned).unwrap_or_default().chunks_exact(8);
        words.enumerate().map(move |(index, word)| {
            let value = word.try_into().map(u64::from_le_bytes);
            (
                aligned.wrapping_add(8 * index as u64),
                value.unwrap_or_default(),
            )
        })
    });
    elf.relocations().chain(stored)
}

fn is_header(elf: &Elf<'_>, address: u64) -> bool {
    let header = elf.bytes_at(address, HEADER);
    header.is_some_and(|header| {
        [GO_1_18, GO_1_20].iter().any(|layout| header.starts_with(&layout.to_le_bytes()))
            // Two bytes of zero, and the sizes of an instruction's unit and of a pointer.
            && header.get(4..8) == Some(&[0, 0, 1, 8])
    })
}

/// The table at `table`, if the `moduledata` at `at` has the same parts of it as its own header.
fn described<'a>(elf: &Elf<'a>, at: u64, table: u64) -> Option<TablePlace<'a>> {
    let size = module::table_size(elf, at, table)?;
    Some(TablePlace {
        address: table,
        data: elf.bytes_at(table, size)?,
    })
}
