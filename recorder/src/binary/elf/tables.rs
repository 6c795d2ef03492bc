//! The tables of an ELF file: sections, symbols, libraries. Trusts no offset or size.

use object::Endianness;
use object::elf;
use object::read::SymbolIndex;
use object::read::elf::{FileHeader, SectionHeader, Sym};

use super::super::error::Reason;
use super::{Elf, Header, Section, Symbol, damaged};

impl<'a> Elf<'a> {
    pub(super) fn read_sections(
        &mut self,
        header: &Header,
        endian: Endianness,
    ) -> Result<(), Reason> {
        let sections = header.sections(endian, self.bytes).map_err(damaged)?;
        for section in sections.iter() {
            let name = sections.section_name(endian, section).unwrap_or_default();
            let Ok(name) = std::str::from_utf8(name) else {
                continue;
            };
            let compressed = section.sh_flags(endian).0 & elf::SHF_COMPRESSED.0 != 0;
            let data = section.data(endian, self.bytes).unwrap_or_default();
            self.sections.push(Section {
                name,
                address: section.sh_addr(endian),
                data: if compressed { &[] } else { data },
                compressed: if compressed { data } else { &[] },
                executable: section.sh_flags(endian).0 & elf::SHF_EXECINSTR.0 != 0,
                alignment: section.sh_addralign(endian),
            });
        }
        Ok(())
    }

    pub(super) fn read_symbols(
        &mut self,
        header: &Header,
        endian: Endianness,
    ) -> Result<(), Reason> {
        let sections = header.sections(endian, self.bytes).map_err(damaged)?;
        let versions = sections.versions(endian, self.bytes).ok().flatten();
        for kind in [elf::SHT_SYMTAB, elf::SHT_DYNSYM] {
            let Ok(table) = sections.symbols(endian, self.bytes, kind) else {
                continue;
            };
            let dynamic = kind == elf::SHT_DYNSYM;
            self.has_symtab |= !dynamic && !table.is_empty();
            self.has_names |= self.has_symtab;
            for (index, symbol) in table.symbols().iter().enumerate() {
                let name = table.symbol_name(endian, symbol).unwrap_or_default();
                let name = std::str::from_utf8(name).unwrap_or_default();
                let (name, version) = name.split_once('@').unwrap_or((name, "@"));
                if dynamic {
                    self.dynamic_names.push(name);
                }
                if name.is_empty() {
                    continue;
                }
                let is_undefined = symbol.is_undefined(endian);
                if dynamic {
                    let origin = versions.as_ref().and_then(|versions| {
                        let index = versions.version_index(endian, SymbolIndex(index));
                        let version = versions.version(index.index()).ok()??;
                        std::str::from_utf8(version.file()?).ok()
                    });
                    if is_undefined || origin.is_some() {
                        let known = self.origins.entry(name).or_insert(origin);
                        // Of several versions, none tells where the name is from.
                        *known = known.filter(|known| Some(*known) == origin);
                    }
                }
                if is_undefined {
                    self.imports.insert(name);
                    continue;
                }
                if dynamic {
                    self.entered.insert(symbol.st_value(endian));
                }
                let indirect = symbol.st_type() == elf::STT_GNU_IFUNC;
                if !(indirect || symbol.st_type() == elf::STT_FUNC) {
                    continue;
                }
                if dynamic && self.exported.is_none() {
                    self.exported = Some(name);
                }
                let hidden = dynamic
                    && versions.as_ref().is_some_and(|versions| {
                        versions
                            .version_index(endian, SymbolIndex(index))
                            .is_hidden()
                    });
                self.symbols.push(Symbol {
                    name,
                    address: symbol.st_value(endian),
                    size: symbol.st_size(endian),
                    indirect,
                    default_version: !hidden && version.starts_with('@'),
                });
            }
        }
        self.sort_symbols();
        Ok(())
    }

    /// Adds the function symbols of a file that was split off this one; `are_all` where it has the
    /// full symbol table.
    pub fn add_symbols(&mut self, debug: &Elf<'a>, are_all: bool) {
        let in_code = |symbol: &&Symbol<'a>| self.is_executable(symbol.address);
        let added: Vec<Symbol<'a>> = debug.symbols.iter().filter(in_code).copied().collect();
        self.symbols.extend(added);
        self.has_names |= debug.has_symtab;
        self.has_symtab |= debug.has_symtab && are_all;
        self.sort_symbols();
    }

    fn sort_symbols(&mut self) {
        self.symbols.sort_by_key(|symbol| {
            (
                symbol.address,
                symbol.name,
                !symbol.default_version,
                u64::MAX - symbol.size,
            )
        });
        self.symbols
            .dedup_by(|later, first| later.address == first.address && later.name == first.name);
    }

    /// Reads the libraries from the dynamic segment, which is there even without section headers.
    pub(super) fn read_needed(&mut self, dynamic: &'a [u8]) {
        let mut strings = None;
        let mut offsets = Vec::new();
        for (tag, value) in dynamic_entries(dynamic) {
            match tag {
                DT_NEEDED | DT_AUDIT | DT_DEPAUDIT => offsets.push(value),
                DT_STRTAB => strings = Some(value),
                DT_INIT | DT_FINI => {
                    self.entered.insert(value);
                }
                _ => {}
            }
        }
        let Some(strings) = strings else { return };
        for offset in offsets {
            let Some(name) = strings.checked_add(offset).and_then(|at| self.c_string(at)) else {
                continue;
            };
            self.needed.push(name);
        }
    }
}

const DT_NEEDED: i64 = 1;
const DT_DEPAUDIT: i64 = 0x6fff_fefb;
const DT_AUDIT: i64 = 0x6fff_fefc;
const DT_STRTAB: i64 = 5;
const DT_INIT: i64 = 12;
const DT_FINI: i64 = 13;
const DT_SONAME: i64 = 14;
const DT_FLAGS_1: i64 = 0x6fff_fffb;
const DF_1_PIE: u64 = 0x0800_0000;

fn dynamic_entries(dynamic: &[u8]) -> impl Iterator<Item = (i64, u64)> {
    dynamic
        .chunks_exact(16)
        .map(|entry| {
            let (tag, value) = entry.split_at(8);
            let word = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
            (word(tag).cast_signed(), word(value))
        })
        .take_while(|(tag, _)| *tag != 0)
}

/// Whether a file with an interpreter is a library all the same (libc.so.6 is): it has a library's
/// name and is not marked as a program.
pub(super) fn is_soname_library(dynamic: &[u8]) -> bool {
    let mut soname = false;
    let mut pie = false;
    for (tag, value) in dynamic_entries(dynamic) {
        soname |= tag == DT_SONAME;
        pie |= tag == DT_FLAGS_1 && value & DF_1_PIE != 0;
    }
    soname && !pie
}
