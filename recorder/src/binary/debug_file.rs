//! The file that has the symbols of a stripped program: another one, which is found by the
//! program's build id or its `.gnu_debuglink` and used only where it belongs to the program, or the
//! one inside of the program's own `.gnu_debugdata`.

use std::path::{Path, PathBuf};

use super::debug_link::{self, Candidate};
use super::elf::Elf;
use super::file::Binary;
use super::image::Symbols;
use super::mini_debug_info;

/// Where a distribution keeps the files of symbols.
const ROOT: &str = "/usr/lib/debug";

/// A file with the symbols of a program.
#[derive(Clone, Debug)]
pub struct DebugFile {
    /// Where it was found.
    pub source: SymbolSource,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The place of a file with symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SymbolSource {
    /// A file of its own, at this path.
    File(PathBuf),
    /// A section of the program itself, of this name.
    Section(&'static str),
}

impl DebugFile {
    /// The file with the symbols of the program at `path`, which has these bytes; `None` where the
    /// program has its own, or no file that belongs to it can be read.
    pub fn find(path: &Path, bytes: &[u8]) -> Option<Self> {
        Self::find_below(path, bytes, Path::new(ROOT))
    }

    /// Its symbols.
    pub fn symbols(&self) -> Symbols<'_> {
        match self.source {
            SymbolSource::File(_) => Symbols::All(&self.bytes),
            SymbolSource::Section(_) => Symbols::Names(&self.bytes),
        }
    }

    fn find_below(path: &Path, bytes: &[u8], root: &Path) -> Option<Self> {
        let elf = Elf::parse(bytes).ok().filter(|elf| !elf.has_symtab)?;
        let mut candidates = debug_link::candidates(&elf, path, root).into_iter();
        let apart = candidates.find_map(|Candidate { path, crc }| {
            let (_, found) = Binary::open(path.clone()).ok()?;
            let belongs = match crc {
                Some(crc) => crc32fast::hash(&found) == crc,
                None => Elf::parse(&found).ok()?.build_id()? == elf.build_id()?,
            };
            belongs.then_some(Self {
                source: SymbolSource::File(path),
                bytes: found,
            })
        });
        apart.or_else(|| {
            let section = elf.section(mini_debug_info::SECTION)?;
            Some(Self {
                source: SymbolSource::Section(mini_debug_info::SECTION),
                bytes: mini_debug_info::decompress(section.data)?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::fs;
    use std::process::Command;

    use super::*;

    fn run(command: &mut Command) {
        assert!(command.status().unwrap().success(), "{command:?}");
    }

    /// A stripped program in `directory`, and its symbols in `program.debug` there.
    fn split(directory: &Path, source: &str, build_id: &str) -> (PathBuf, PathBuf) {
        let at = |name: &str| directory.join(name);
        fs::write(at("program.c"), source).unwrap();
        let (program, debug) = (at("program"), at("program.debug"));
        let id = format!("-Wl,--build-id={build_id}");
        run(Command::new("gcc")
            .args(["-g", &id, "-o"])
            .args([&program, &at("program.c")]));
        let objcopy = || {
            let mut command = Command::new("objcopy");
            command.current_dir(directory);
            command
        };
        run(objcopy().args(["--only-keep-debug", "program", "program.debug"]));
        run(Command::new("strip").arg(&program));
        run(objcopy().args(["--add-gnu-debuglink=program.debug", "program"]));
        (program, debug)
    }

    #[test]
    fn the_symbols_of_this_very_build_are_found_where_they_may_be() {
        let directory = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        for (build_id, by_link_only) in [("0xab12cd", false), ("none", true)] {
            let (program, debug) = split(directory.path(), "int main() { return 0; }", build_id);
            let bytes = fs::read(&program).unwrap();
            let symbols = fs::read(&debug).unwrap();
            let found = || DebugFile::find_below(&program, &bytes, root.path());
            assert_eq!(found().unwrap().source, SymbolSource::File(debug.clone()));
            fs::remove_file(&debug).unwrap();
            assert!(found().is_none());
            let below = directory.path().strip_prefix("/").unwrap();
            let mut places = vec![
                directory.path().join(".debug/program.debug"),
                root.path().join(below).join("program.debug"),
            ];
            if !by_link_only {
                places.push(root.path().join(".build-id/ab/12cd.debug"));
            }
            for place in places {
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::write(&place, &symbols).unwrap();
                let file = found().unwrap();
                assert_eq!(file.source, SymbolSource::File(place.clone()));
                assert_eq!(file.bytes, symbols);
                // Of another build, damaged, or no file at all.
                let other = tempfile::tempdir().unwrap();
                let id = if by_link_only { "none" } else { "0xab12ce" };
                let (_, other) = split(other.path(), "int main() { return 1; }", id);
                fs::copy(other, &place).unwrap();
                assert!(found().is_none(), "{}", place.display());
                fs::write(&place, &symbols[..symbols.len() / 3]).unwrap();
                let cut = found().map(|file| file.bytes);
                assert!(cut.is_none() || !by_link_only, "{}", place.display());
                fs::remove_file(&place).unwrap();
                fs::create_dir(&place).unwrap();
                assert!(found().is_none(), "{}", place.display());
                fs::remove_dir(&place).unwrap();
            }
        }
    }

    #[test]
    fn a_program_with_symbols_needs_no_other_file() {
        let own = Path::new("/proc/self/exe");
        let bytes = fs::read(own).unwrap();
        assert!(DebugFile::find_below(own, &bytes, Path::new("/")).is_none());
        let elf = Elf::parse(&bytes).unwrap();
        assert!(debug_link::candidates(&elf, own, Path::new("/")).is_empty());
    }
}
