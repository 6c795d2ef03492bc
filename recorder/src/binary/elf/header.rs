//! The header of an ELF file: whether it is a program or library of a kind that can be observed.

use object::Endianness;
use object::elf;
use object::read::elf::FileHeader;

use super::super::error::Reason;
use super::{Header, damaged};

/// Size of the header in bytes: enough of a file to refuse whatever is not a program.
pub const HEADER_SIZE: usize = size_of::<Header>();

/// Whether a file that starts with these bytes could be a 64-bit x86-64 program or library.
pub fn is_program(start: &[u8]) -> bool {
    read(start).is_ok()
}

/// Reads the header; refuses every file but a 64-bit x86-64 program or library.
pub(super) fn read(bytes: &[u8]) -> Result<(&Header, Endianness), Reason> {
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err(Reason::NotElf(other_format(bytes)));
    }
    match bytes.get(4..6) {
        Some([2, 1]) => {}
        Some([2, 2]) => return Err(Reason::Machine("a big-endian program".into())),
        Some([1, _]) => return Err(Reason::Machine("a 32-bit program".into())),
        _ => return Err(damaged("its identification is cut off")),
    }
    let header = Header::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    match header.e_machine(endian) {
        elf::EM_X86_64 => {}
        elf::EM_AARCH64 => return Err(Reason::Machine("an aarch64 program".into())),
        other => return Err(Reason::Machine(format!("for ELF machine {}", other.0))),
    }
    match header.e_type(endian) {
        elf::ET_EXEC | elf::ET_DYN => Ok((header, endian)),
        elf::ET_REL => Err(Reason::NotLoadable("an object file (.o); link it first")),
        elf::ET_CORE => Err(Reason::NotLoadable("a core dump")),
        _ => Err(Reason::NotLoadable(
            "neither a program nor a shared library",
        )),
    }
}

fn other_format(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "it is empty",
        [b'#', b'!', ..] => "it is a script; name the interpreter or the program that it starts",
        _ => "it does not start with the ELF magic",
    }
}
