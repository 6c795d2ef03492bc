//! The bytes of a program, with those of the file that has its symbols where it was stripped.

use super::elf::Elf;
use super::error::Reason;

/// A program's bytes; borrows them.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// The whole file of its symbols (`.debug`), as a distribution keeps it apart.
    pub debug: Option<&'a [u8]>,
}

impl<'a> Image<'a> {
    /// Parses the program. The function symbols of the other file are added to its own only where
    /// that file belongs to it, by its build id; another one, and one that is damaged, adds nothing.
    pub(super) fn parse(self) -> Result<Elf<'a>, Reason> {
        let mut elf = Elf::parse(self.bytes)?;
        let debug = self.debug.and_then(|debug| Elf::parse(debug).ok());
        if let Some(debug) = debug.filter(|debug| debug.build_id() == elf.build_id()) {
            elf.add_symbols(&debug);
        }
        Ok(elf)
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Image<'a> {
    fn from(bytes: &'a T) -> Self {
        let bytes = bytes.as_ref();
        Self { bytes, debug: None }
    }
}
