//! The runtime's `moduledata`: the address that the function table counts from (where the code of the
//! file starts), and the parts of the table.

use super::super::elf::Elf;
use super::super::error::Reason;

/// Offset of the pointer to the function table in `moduledata`, bytes.
const TABLE: u64 = 0;
/// Offset of the first address of code in `moduledata`, bytes: after that pointer, six slices and
/// three pointers.
const TEXT: u64 = 0xb0;
/// Offset of the same address in the header of the function table, up to Go 1.25.
const TEXT_IN_TABLE: u64 = 24;

/// The parts of the function table that `moduledata` points to: number of the pointer (each but the
/// first begins a slice: pointer, length, capacity) and of the word of the table's header with the
/// same place, counted from the table. The last two are the same place.
const PARTS: [(u64, u64); 6] = [(1, 4), (4, 5), (7, 6), (10, 7), (13, 8), (16, 8)];
/// Numbers of the words in `moduledata`: bytes of the last part, and entries of its list of functions
/// with the one that ends it.
const LENGTH: u64 = 14;
const ENTRIES: u64 = 17;
/// Number of the word with the number of functions in the header.
const COUNT: u64 = 1;

/// Bytes of the function table at `table`, if what is at `module` describes this very table: the
/// places of all of its parts, the number of its functions and, where both have it, the start of the
/// code. `None` where anything of that differs.
pub(super) fn table_size(elf: &Elf<'_>, module: u64, table: u64) -> Option<u64> {
    let pointer = |number| elf.pointer_entry(module, number);
    let header = |number| elf.pointer_entry(table, number);
    if pointer(TABLE / 8)? != table {
        return None;
    }
    for (number, word) in PARTS {
        if pointer(number)? != table.checked_add(header(word)?)? {
            return None;
        }
    }
    if pointer(ENTRIES)? != header(COUNT)?.checked_add(1)? {
        return None;
    }
    let text = header(TEXT_IN_TABLE / 8)?;
    if text != 0 && pointer(TEXT / 8)? != text {
        return None;
    }
    let last = header(PARTS[PARTS.len() - 1].1)?;
    last.checked_add(pointer(LENGTH)?)
}

/// The address that the function table at `table` counts from (`runtime.text`).
///
/// # Errors
/// Where neither the section `.go.module` (since Go 1.26) nor the table has it.
pub(super) fn text(elf: &Elf<'_>, table: u64) -> Result<u64, Reason> {
    let damaged = |why: &str| Reason::GoTables(why.to_owned());
    let pointer = |at: u64| elf.pointer_entry(at, 0).filter(|address| *address != 0);
    let text = match elf.section(".go.module") {
        Some(section) => {
            if pointer(section.address + TABLE) != Some(table) {
                return Err(damaged(
                    "the section .go.module names another function table",
                ));
            }
            pointer(section.address.wrapping_add(TEXT))
        }
        None => pointer(table.wrapping_add(TEXT_IN_TABLE)),
    };
    let text = text.ok_or_else(|| damaged("the start of its code is not known"))?;
    if !elf.is_executable(text) {
        return Err(damaged("its code is not in executable memory"));
    }
    Ok(text)
}
