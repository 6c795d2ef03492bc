//! Where the symbols of a stripped program may be: the paths that its build id and its
//! `.gnu_debuglink` stand for. Pure; `debug_file` opens them.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::elf::Elf;

/// A file that may have the symbols, and how it is known to be the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its path.
    pub path: PathBuf,
    /// CRC-32 of its bytes, where the program has no build id to compare.
    pub crc: Option<u32>,
}

/// The files to look for, the most certain first; none where the program has its symbols. `path` is
/// the program's own, `root` is where a distribution keeps such files (`/usr/lib/debug`).
pub fn candidates(elf: &Elf<'_>, path: &Path, root: &Path) -> Vec<Candidate> {
    if elf.has_symtab {
        return Vec::new();
    }
    let build_id = elf.build_id();
    let mut found = Vec::new();
    if let Some([first, rest @ ..]) = build_id.filter(|id| id.len() > 1) {
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = root.join(format!(".build-id/{first:02x}/{rest}.debug"));
        found.push(Candidate { path, crc: None });
    }
    let link = elf.section(".gnu_debuglink").map(|section| section.data);
    if let Some((name, crc)) = link.and_then(read_link) {
        let directory = path.parent().unwrap_or(Path::new("/"));
        let below = directory.strip_prefix("/").unwrap_or(directory);
        let crc = build_id.is_none().then_some(crc);
        for place in [
            directory.to_owned(),
            directory.join(".debug"),
            root.join(below),
        ] {
            let path = place.join(name);
            found.push(Candidate { path, crc });
        }
    }
    found
}

/// The name and the CRC of a `.gnu_debuglink`: text that ends with a zero, and four bytes at the
/// next multiple of four. `None` for a name that is not one of a file.
fn read_link(data: &[u8]) -> Option<(&Path, u32)> {
    let end = data.iter().position(|byte| *byte == 0)?;
    let name = Path::new(std::ffi::OsStr::from_bytes(&data[..end]));
    let mut parts = name.components();
    let is_name = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
    let at = (end + 1).next_multiple_of(4);
    let crc = data.get(at..at + 4)?.try_into().ok()?;
    (is_name && name.as_os_str().len() == end).then_some((name, u32::from_le_bytes(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_file_name_and_a_checksum() {
        let link = |data: &[u8]| read_link(data).map(|(name, crc)| (name.to_owned(), crc));
        let expected = Some((PathBuf::from("a.debug"), 0x0403_0201));
        assert_eq!(link(b"a.debug\0\x01\x02\x03\x04"), expected);
        let expected = Some((PathBuf::from("ab"), 0x0403_0201));
        assert_eq!(link(b"ab\0\0\x01\x02\x03\x04more"), expected);
        for bad in [
            &b""[..],
            b"a.debug",
            b"a.debug\0\x01\x02\x03",
            b"\0\0\0\0\x01\x02\x03\x04",
            b"..\0\0\x01\x02\x03\x04",
            b"a/b\0\x01\x02\x03\x04",
            b"/ab\0\x01\x02\x03\x04",
        ] {
            assert_eq!(link(bad), None, "{bad:?}");
        }
    }
}
