//! The bytes of a program, with those of the file that has its symbols where it was stripped.

use super::elf::Elf;
use super::error::Reason;

/// A program's bytes; borrows them.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// The symbols that were found elsewhere.
    pub symbols: Option<Symbols<'a>>,
}

/// A whole ELF file that has the symbols of a stripped program.
#[derive(Clone, Copy, Debug)]
pub enum Symbols<'a> {
    /// All of them, as a distribution keeps them apart (`.debug`).
    All(&'a [u8]),
    /// Names of functions, decompressed from the program itself (`.gnu_debugdata`). A code part
    /// may be without one.
    Names(&'a [u8]),
}

impl<'a> Image<'a> {
    /// Parses the program. The function symbols of the other file are added to its own only where
    /// that file belongs to it, by its build id. A file of another build or a damaged one adds
    /// nothing.
    pub(super) fn parse(self) -> Result<Elf<'a>, Reason> {
        let mut elf = Elf::parse(self.bytes)?;
        let (bytes, are_all) = match self.symbols {
            None => return Ok(elf),
            Some(Symbols::All(bytes)) => (bytes, true),
            Some(Symbols::Names(bytes)) => (bytes, false),
        };
        let other = Elf::parse(bytes).ok();
        if let Some(other) = other.filter(|other| other.build_id() == elf.build_id()) {
            elf.add_symbols(&other, are_all);
        }
        Ok(elf)
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Image<'a> {
    fn from(bytes: &'a T) -> Self {
        let bytes = bytes.as_ref();
        Self {
            bytes,
            symbols: None,
        }
    }
}
