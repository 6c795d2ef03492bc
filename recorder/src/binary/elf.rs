//! One ELF file as bytes: its segments, sections, function symbols, imports and identity.
//!
//! Owns every read of the container format. It does no I/O, trusts no offset or size in the file, and decides
//! nothing: what a file means for a probe is decided in the rooms beside it.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use object::Endianness;
use object::elf;

use object::read::elf::{FileHeader, ProgramHeader};

use super::error::Reason;

mod read;

type Header = elf::FileHeader64<Endianness>;

/// A loadable segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First virtual address.
    pub address: u64,
    /// Where its bytes start in the file.
    pub file_offset: u64,
    /// Bytes that come from the file.
    pub file_size: u64,
    /// Whether code in it may run.
    pub executable: bool,
    /// Whether it may be written to.
    pub writable: bool,
}

/// A section of the file.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a str,
    /// First virtual address, 0 where it is not loaded.
    pub address: u64,
    /// Its bytes (empty for `.bss` and its like).
    pub data: &'a [u8],
    /// Whether code in it may run.
    pub executable: bool,
}

/// A function symbol that this file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its name, without a version.
    pub name: &'a str,
    /// Virtual address.
    pub address: u64,
    /// Size in bytes, 0 where unknown.
    pub size: u64,
    /// The address is a resolver that picks the implementation at run time (IFUNC).
    pub indirect: bool,
    /// Visible to other files under this name, as the version that they link to by default.
    pub default_version: bool,
}

/// How a file is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program at a fixed address.
    Executable,
    /// A program that runs anywhere (it names an interpreter).
    PositionIndependent,
    /// A shared library, or a static position-independent program.
    Shared,
}

/// A parsed file; borrows the bytes.
#[derive(Clone, Debug)]
pub struct Elf<'a> {
    /// How it is run.
    pub kind: Kind,
    /// It names a program interpreter (`ld.so`).
    pub interpreter: bool,
    /// The interpreter's path.
    pub interpreter_path: &'a [u8],
    /// Its stack is marked as memory that holds no code.
    pub plain_stack: bool,
    /// Loadable segments by address.
    pub segments: Vec<Segment>,
    /// All sections.
    pub sections: Vec<Section<'a>>,
    /// Function symbols that it defines, by address, then name; without duplicates.
    pub symbols: Vec<Symbol<'a>>,
    /// Whether there is a full symbol table (`.symtab`).
    pub has_symtab: bool,
    /// Names in the dynamic symbol table, by index; what relocations refer to.
    pub dynamic_names: Vec<&'a str>,
    /// Names that it imports.
    pub imports: BTreeSet<&'a str>,
    /// A function that it exports to other files, if there is one.
    pub exported: Option<&'a str>,
    /// Libraries that it asks for.
    pub needed: Vec<&'a str>,
    /// GNU build id.
    pub build_id: Option<&'a [u8]>,
    /// Where the program starts.
    pub entry: u64,
    bytes: &'a [u8],
    relative: OnceCell<HashMap<u64, u64>>,
}

impl<'a> Elf<'a> {
    /// Parses `bytes`; refuses what is not a 64-bit x86-64 program or library.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        if !bytes.starts_with(&elf::ELFMAG) {
            return Err(not_elf_reason(bytes));
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
        let programs = header.program_headers(endian, bytes).map_err(damaged)?;
        let mut segments = Vec::new();
        let mut interpreter = false;
        let mut interpreter_path: &[u8] = &[];
        let mut plain_stack = false;
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
                elf::PT_GNU_STACK => plain_stack = program.p_flags(endian).0 & elf::PF_X.0 == 0,
                elf::PT_DYNAMIC => dynamic = program.data(endian, bytes).unwrap_or_default(),
                _ => {}
            }
        }
        segments.sort_by_key(|segment| segment.address);
        let kind = match header.e_type(endian) {
            elf::ET_EXEC => Kind::Executable,
            elf::ET_DYN if interpreter && !read::is_soname_library(dynamic) => {
                Kind::PositionIndependent
            }
            elf::ET_DYN => Kind::Shared,
            other => return Err(Reason::NotLoadable(file_type(other.0))),
        };
        let mut parsed = Self {
            kind,
            interpreter,
            interpreter_path,
            plain_stack,
            segments,
            sections: Vec::new(),
            symbols: Vec::new(),
            has_symtab: false,
            dynamic_names: Vec::new(),
            imports: BTreeSet::new(),
            exported: None,
            needed: Vec::new(),
            build_id: None,
            entry: header.e_entry(endian),
            bytes,
            relative: OnceCell::new(),
        };
        parsed.read_sections(header, endian)?;
        parsed.read_symbols(header, endian)?;
        parsed.read_needed(dynamic);
        parsed.build_id = parsed.find_build_id();
        Ok(parsed)
    }

    /// The file's section of that name.
    pub fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Where a virtual address lies in the file; `None` where no segment maps it from the file.
    pub fn file_offset(&self, address: u64) -> Option<u64> {
        let segment = self.segment_of(address)?;
        Some(segment.file_offset + (address - segment.address))
    }

    /// Whether code at the address may run.
    pub fn is_executable(&self, address: u64) -> bool {
        self.segment_of(address)
            .is_some_and(|segment| segment.executable)
    }

    /// Whether the address lies in a section of code (read-only data may share an executable segment with code).
    pub fn is_code(&self, address: u64) -> bool {
        self.sections.iter().any(|section| {
            let at = address.checked_sub(section.address);
            section.executable && at.is_some_and(|at| at < section.data.len() as u64)
        })
    }

    /// `length` bytes as they are loaded at `address`; `None` where they are not all in one segment of the file.
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

    /// Everything from `address` to the end of its segment.
    pub fn bytes_from(&self, address: u64) -> Option<&'a [u8]> {
        let segment = self.segment_of(address)?;
        self.bytes_at(address, segment.file_size - (address - segment.address))
    }

    /// Entry `index` of a table of signed 32-bit offsets from its own start: the address meant.
    pub fn offset_entry(&self, table: u64, index: u64) -> Option<u64> {
        let at = table.checked_add(index.checked_mul(4)?)?;
        let offset = i32::from_le_bytes(self.bytes_at(at, 4)?.try_into().ok()?);
        Some(table.wrapping_add_signed(i64::from(offset)))
    }

    /// Entry `index` of a table of addresses, as the dynamic loader leaves it.
    pub fn pointer_entry(&self, table: u64, index: u64) -> Option<u64> {
        let at = table.checked_add(index.checked_mul(8)?)?;
        let stored = u64::from_le_bytes(self.bytes_at(at, 8)?.try_into().ok()?);
        let relative = self.relative.get_or_init(|| self.relative_relocations());
        Some(relative.get(&at).copied().unwrap_or(stored))
    }

    /// Whether the dynamic loader puts this address anywhere.
    pub fn is_relocation_value(&self, address: u64) -> bool {
        let relative = self.relative.get_or_init(|| self.relative_relocations());
        relative.values().any(|value| *value == address)
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

    /// The symbol that the address belongs to: the last one at or below it that covers it.
    pub fn symbol_covering(&self, address: u64) -> Option<&Symbol<'a>> {
        let end = self
            .symbols
            .partition_point(|symbol| symbol.address <= address);
        // Nested symbols are rare; looking a few back finds the enclosing one.
        self.symbols[..end]
            .iter()
            .rev()
            .take(16)
            .find(|symbol| symbol.address == address || address - symbol.address < symbol.size)
    }

    /// Whether it is a Go program or holds Go code: stacks move there.
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

    /// Whether the file is marked as fit for a shadow stack.
    pub fn has_shadow_stack(&self) -> bool {
        const FEATURE_1_AND: [u8; 8] = [0x02, 0, 0, 0xc0, 4, 0, 0, 0];
        const SHADOW_STACK: u8 = 1 << 1;
        let data = self
            .section(".note.gnu.property")
            .map(|section| section.data);
        data.unwrap_or_default()
            .windows(9)
            .any(|window| window.starts_with(&FEATURE_1_AND) && window[8] & SHADOW_STACK != 0)
    }

    /// The whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn segment_of(&self, address: u64) -> Option<&Segment> {
        let end = self
            .segments
            .partition_point(|segment| segment.address <= address);
        let segment = self.segments[..end].last()?;
        (address - segment.address < segment.file_size).then_some(segment)
    }
}

fn damaged(reason: impl ToString) -> Reason {
    Reason::Damaged(reason.to_string())
}

fn not_elf_reason(bytes: &[u8]) -> Reason {
    Reason::NotElf(match bytes {
        [] => "it is empty",
        [b'#', b'!', ..] => "it is a script; name the interpreter or the program that it starts",
        _ => "it does not start with the ELF magic",
    })
}

fn file_type(kind: u16) -> &'static str {
    match kind {
        1 => "an object file (.o); link it first",
        4 => "a core dump",
        _ => "neither a program nor a shared library",
    }
}
