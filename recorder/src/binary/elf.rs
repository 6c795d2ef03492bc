//! One ELF file as bytes: its segments, sections, function symbols, imports and identity.
//!
//! Owns every read of the container format. It does no I/O, trusts no offset or size in the file,
//! and draws no conclusion about probes.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};

use super::error::Reason;

mod compressed;
mod header;
mod memory;
mod notes;
mod tables;

pub use header::{HEADER_SIZE, is_program};

/// The header of a 64-bit file; names the file class for the `object` crate.
pub type Header = elf::FileHeader64<Endianness>;

/// Bytes of a page of memory.
const PAGE: u64 = 4096;

/// A loadable segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First virtual address.
    pub address: u64,
    /// Offset of its bytes in the file.
    pub file_offset: u64,
    /// Number of bytes that come from the file.
    pub file_size: u64,
    /// Whether code in it may run.
    pub executable: bool,
    /// Whether it may be written to.
    pub writable: bool,
}

/// A named section. Section headers may be missing: the loader does not need them.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Name, such as `.text`.
    pub name: &'a str,
    /// First virtual address, 0 where it is not loaded.
    pub address: u64,
    /// Its bytes in the file: none for `.bss` and for compressed sections.
    pub data: &'a [u8],
    /// The bytes in the file of a compressed section, with their header; none for others.
    pub compressed: &'a [u8],
    /// Whether code in it may run.
    pub executable: bool,
    /// Alignment in bytes.
    pub alignment: u64,
}

/// A function symbol that this file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Name without a version.
    pub name: &'a str,
    /// Virtual address.
    pub address: u64,
    /// Size in bytes, 0 where unknown.
    pub size: u64,
    /// The address is that of a resolver, which picks the implementation at run time (IFUNC).
    pub indirect: bool,
    /// Visible to other files under this name, as the version that they link to by default.
    pub default_version: bool,
}

/// How the program's loader may place the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program at a fixed address.
    Executable,
    /// A program that runs at any address (it names an interpreter).
    PositionIndependent,
    /// A shared library, or a static position-independent program.
    Shared,
}

/// A parsed file; borrows the bytes.
#[derive(Clone, Debug)]
pub struct Elf<'a> {
    /// Program or library.
    pub kind: Kind,
    /// Whether it names a program interpreter (`ld.so`).
    pub interpreter: bool,
    /// Path of the interpreter, empty without one.
    pub interpreter_path: &'a [u8],
    /// Whether its stack is marked as not executable (`PT_GNU_STACK`).
    pub non_executable_stack: bool,
    /// Whether it names an unwind table for the unwinder (`PT_GNU_EH_FRAME`).
    pub has_unwind_header: bool,
    /// Addresses that the loader makes read-only once it has relocated them (`PT_GNU_RELRO`).
    pub read_only_later: Range<u64>,
    /// Loadable segments by address.
    pub segments: Vec<Segment>,
    /// Sections in the order of the file.
    pub sections: Vec<Section<'a>>,
    /// Function symbols that it defines, by address, then name; without duplicates.
    pub symbols: Vec<Symbol<'a>>,
    /// Whether there is a full symbol table (`.symtab`).
    pub has_symtab: bool,
    /// Whether its functions have names, apart from those that it exports: in a full symbol table,
    /// or in an incomplete one (`.gnu_debugdata`).
    pub has_names: bool,
    /// Names in the dynamic symbol table, by the index that relocations use.
    pub dynamic_names: Vec<&'a str>,
    /// Symbols that other files define.
    pub imports: BTreeSet<&'a str>,
    /// The library that each dynamic symbol of another file is from, by the symbol's version; `None`
    /// where it has no version. Data that the loader copies into this file is among them.
    pub origins: BTreeMap<&'a str, Option<&'a str>>,
    /// The first function that it exports to other files.
    pub exported: Option<&'a str>,
    /// Addresses that it exports, and those at which the loader calls it.
    entered: BTreeSet<u64>,
    /// Libraries that it is linked to, and the loader's audit libraries.
    pub needed: Vec<&'a str>,
    bytes: &'a [u8],
    /// Values of the relative relocations (`R_X86_64_RELATIVE`), which the dynamic loader writes,
    /// by address; read when first needed.
    relative: OnceCell<HashMap<u64, u64>>,
}

impl<'a> Elf<'a> {
    /// Parses a whole file; refuses every file but a 64-bit x86-64 program or library.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let (header, endian) = header::read(bytes)?;
        let programs = header.program_headers(endian, bytes).map_err(damaged)?;
        let mut segments = Vec::new();
        let mut interpreter = false;
        let mut interpreter_path: &[u8] = &[];
        let mut non_executable_stack = false;
        let mut has_unwind_header = false;
        let mut read_only_later = 0..0;
        let mut dynamic: &[u8] = &[];
        for program in programs {
            match program.p_type(endian) {
                elf::PT_LOAD => {
                    let flags = program.p_flags(endian).0;
                    let segment = Segment {
                        address: program.p_vaddr(endian),
                        file_offset: program.p_offset(endian),
                        file_size: program.p_filesz(endian),
                        executable: flags & elf::PF_X.0 != 0,
                        writable: flags & elf::PF_W.0 != 0,
                    };
                    let fits = segment.address.checked_add(segment.file_size).is_some()
                        && segment.file_offset.checked_add(segment.file_size).is_some();
                    if !fits {
                        return Err(damaged("a segment's size overflows"));
                    }
                    segments.push(segment);
                }
                elf::PT_INTERP => {
                    interpreter = true;
                    let path = program.data(endian, bytes).unwrap_or_default();
                    interpreter_path = path.strip_suffix(&[0]).unwrap_or(path);
                }
                elf::PT_GNU_STACK => {
                    non_executable_stack = program.p_flags(endian).0 & elf::PF_X.0 == 0
                }
                elf::PT_GNU_EH_FRAME => has_unwind_header = true,
                elf::PT_GNU_RELRO => {
                    // The rest of the last page stays as it was.
                    let end = program
                        .p_vaddr(endian)
                        .saturating_add(program.p_memsz(endian));
                    read_only_later = program.p_vaddr(endian)..end & !(PAGE - 1);
                }
                elf::PT_DYNAMIC => dynamic = program.data(endian, bytes).unwrap_or_default(),
                _ => {}
            }
        }
        segments.sort_by_key(|segment| segment.address);
        let kind = match header.e_type(endian) {
            elf::ET_EXEC => Kind::Executable,
            elf::ET_DYN if interpreter && !tables::is_soname_library(dynamic) => {
                Kind::PositionIndependent
            }
            _ => Kind::Shared,
        };
        let mut parsed = Self {
            kind,
            interpreter,
            interpreter_path,
            non_executable_stack,
            has_unwind_header,
            read_only_later,
            segments,
            sections: Vec::new(),
            symbols: Vec::new(),
            has_symtab: false,
            has_names: false,
            dynamic_names: Vec::new(),
            imports: BTreeSet::new(),
            origins: BTreeMap::new(),
            exported: None,
            entered: BTreeSet::from([header.e_entry(endian)]),
            needed: Vec::new(),
            bytes,
            relative: OnceCell::new(),
        };
        parsed.read_sections(header, endian)?;
        parsed.read_symbols(header, endian)?;
        parsed.read_needed(dynamic);
        Ok(parsed)
    }

    /// The first section of that name.
    pub fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Symbols that start exactly at the address.
    pub fn symbols_at(&self, address: u64) -> impl Iterator<Item = &Symbol<'a>> {
        let first = self
            .symbols
            .partition_point(|symbol| symbol.address < address);
        self.symbols[first..]
            .iter()
            .take_while(move |symbol| symbol.address == address)
    }

    /// Symbols that start in the address range.
    pub fn symbols_between(&self, start: u64, end: u64) -> &[Symbol<'a>] {
        let before = |bound| {
            self.symbols
                .partition_point(|symbol| symbol.address < bound)
        };
        &self.symbols[before(start)..before(end)]
    }

    /// The symbol that the address belongs to: the last one at or below it that covers it.
    pub fn symbol_covering(&self, address: u64) -> Option<&Symbol<'a>> {
        let end = self
            .symbols
            .partition_point(|symbol| symbol.address <= address);
        // Nested symbols are rare: the enclosing one is among the few before.
        self.symbols[..end]
            .iter()
            .rev()
            .take(16)
            .find(|symbol| symbol.address == address || address - symbol.address < symbol.size)
    }

    /// Whether it is a Go program or holds Go code, whose stacks move while it runs.
    pub fn is_go(&self) -> bool {
        [
            ".gopclntab",
            ".data.rel.ro.gopclntab",
            ".go.buildinfo",
            ".note.go.buildid",
        ]
        .iter()
        .any(|name| self.section(name).is_some())
    }

    /// The whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

fn damaged(reason: impl ToString) -> Reason {
    Reason::Damaged(reason.to_string())
}
