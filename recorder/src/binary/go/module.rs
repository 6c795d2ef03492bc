//! Where the code of a Go file starts: the address that its function table counts from.

use super::super::elf::Elf;
use super::super::error::Reason;

/// Offset of the pointer to the function table in `moduledata`, bytes.
const TABLE: u64 = 0;
/// Offset of the first address of code in `moduledata`, bytes: after that pointer, six slices and
/// three pointers.
const TEXT: u64 = 0xb0;
/// Offset of the same address in the header of the function table, up to Go 1.25.
const TEXT_IN_TABLE: u64 = 24;

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
