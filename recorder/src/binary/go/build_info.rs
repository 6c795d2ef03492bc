//! The version of Go that built a file, from its section `.go.buildinfo`.

use std::fmt;

use super::super::elf::Elf;
use super::super::error::Reason;

/// A version of Go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// 26 of `go1.26.8`.
    pub minor: u32,
    /// As the file has it, such as `go1.26.8` or `go1.27-devel_0123abcd X:loopvar`.
    pub text: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Where the strings begin, bytes from the magic.
const STRINGS: usize = 32;
/// Flag of the byte after the pointer size: the strings follow, each after its length.
const INLINE: u8 = 2;
/// Longest version that is read, bytes.
const LONGEST: u64 = 256;

/// Reads the version.
///
/// # Errors
/// Where it is missing or older than Go 1.18, or the program passes arguments in another way.
pub(super) fn version(elf: &Elf<'_>) -> Result<Version, Reason> {
    let damaged = |why: &str| Reason::GoTables(why.to_owned());
    let data = elf
        .section(".go.buildinfo")
        .map(|section| section.data)
        .ok_or_else(|| damaged("there is no section .go.buildinfo with the version of Go"))?;
    if !data.starts_with(MAGIC) {
        return Err(damaged(
            "the section .go.buildinfo does not start as it should",
        ));
    }
    let flags = data.get(MAGIC.len() + 1).copied().unwrap_or_default();
    if flags & INLINE == 0 {
        return Err(Reason::GoVersion("a version before Go 1.18".to_owned()));
    }
    let text = data
        .get(STRINGS..)
        .and_then(string)
        .ok_or_else(|| damaged("the version of Go is cut off"))?;
    parse(text)
}

/// A string after its length.
fn string(bytes: &[u8]) -> Option<&str> {
    let (length, rest) = varint(bytes)?;
    if length > LONGEST {
        return None;
    }
    let text = rest.get(..usize::try_from(length).ok()?)?;
    std::str::from_utf8(text).ok()
}

/// An unsigned LEB128 number, and the bytes after it.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn parse(text: &str) -> Result<Version, Reason> {
    let unknown = || Reason::GoVersion(text.to_owned());
    // A build of Go's development branch has `devel ` in front of the version to come.
    let after = text.strip_prefix("devel ").unwrap_or(text);
    let digits = after.strip_prefix("go1.").ok_or_else(unknown)?;
    let digits = digits
        .split(|character: char| !character.is_ascii_digit())
        .next()
        .unwrap_or_default();
    let minor = digits.parse().map_err(|_| unknown())?;
    // With `GOEXPERIMENT=noregabi` the goroutine is not in a register.
    if minor < 18 || text.contains("noregabi") {
        return Err(unknown());
    }
    Ok(Version {
        minor,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_whatever_follows_the_number() {
        for (text, minor) in [
            ("go1.19.8", 19),
            ("go1.26", 26),
            ("go1.21rc2", 21),
            ("go1.22.1 X:boringcrypto,rangefunc", 22),
            ("devel go1.24-abcdef0 Mon Jan 1", 24),
            ("go1.25-20250101-RC00 cl/1234", 25),
        ] {
            assert_eq!(parse(text).unwrap().minor, minor, "{text}");
        }
    }

    #[test]
    fn versions_with_another_calling_convention_are_refused() {
        for text in [
            "go1.17.13",
            "go1.4",
            "go1.19 X:noregabi",
            "gccgo",
            "go2.0",
            "",
        ] {
            let refused = parse(text).unwrap_err();
            assert_eq!(refused, Reason::GoVersion(text.to_owned()));
        }
    }
}
