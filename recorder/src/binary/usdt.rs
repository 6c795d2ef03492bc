//! USDT probes: what `.note.stapsdt` says, and which of them are Soakbox's own markers.
//!
//! Reads notes; whether a site may be probed at all is decided in `marker`.

use soakbox_schemas::marker::{BEGIN_SUFFIX, FINISH_SUFFIX, PROVIDER};

use super::elf::Elf;

/// One site of a USDT probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsdtSite<'a> {
    /// Who declares it.
    pub provider: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Virtual address of the nop.
    pub address: u64,
    /// Virtual address of the counter that must be raised while it is observed.
    pub semaphore: Option<u64>,
    /// Where its arguments are, as the compiler wrote them.
    pub arguments: &'a str,
}

/// Which half of a marker a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Begin.
    Begin,
    /// Finish.
    Finish,
}

impl<'a> UsdtSite<'a> {
    /// The marker that the site belongs to, where it is one of Soakbox's.
    pub fn marker(&self) -> Option<(&'a str, Half)> {
        if self.provider != PROVIDER {
            return None;
        }
        let begin = self
            .name
            .strip_suffix(BEGIN_SUFFIX)
            .map(|name| (name, Half::Begin));
        begin.or_else(|| {
            self.name
                .strip_suffix(FINISH_SUFFIX)
                .map(|name| (name, Half::Finish))
        })
    }
}

/// All sites in the file's notes, in their order; a note that is cut off ends the list.
pub fn sites<'a>(elf: &Elf<'a>) -> Vec<UsdtSite<'a>> {
    const STAPSDT: u32 = 3;
    let base = elf.section(".stapsdt.base").map(|section| section.address);
    let mut sites = Vec::new();
    for section in elf
        .sections
        .iter()
        .filter(|section| section.name == ".note.stapsdt")
    {
        let mut rest = section.data;
        while let Some((note, after)) = split_note(rest) {
            rest = after;
            if note.kind == STAPSDT
                && note.name == b"stapsdt\0"
                && let Some(site) = read_site(note.descriptor, base)
            {
                sites.push(site);
            }
        }
    }
    sites
}

struct Note<'a> {
    kind: u32,
    name: &'a [u8],
    descriptor: &'a [u8],
}

fn split_note(bytes: &[u8]) -> Option<(Note<'_>, &[u8])> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let name_size = usize::try_from(word(0)?).ok()?;
    let size = usize::try_from(word(4)?).ok()?;
    let kind = word(8)?;
    let descriptor = 12usize.checked_add(name_size.checked_next_multiple_of(4)?)?;
    let end = descriptor.checked_add(size)?;
    let note = Note {
        kind,
        name: bytes.get(12..12usize.checked_add(name_size)?)?,
        descriptor: bytes.get(descriptor..end)?,
    };
    let next = end.checked_next_multiple_of(4)?.min(bytes.len());
    Some((note, bytes.get(next..)?))
}

fn read_site(descriptor: &[u8], base: Option<u64>) -> Option<UsdtSite<'_>> {
    let word = |at: usize| {
        Some(u64::from_le_bytes(
            descriptor.get(at..at + 8)?.try_into().ok()?,
        ))
    };
    let (address, noted_base, semaphore) = (word(0)?, word(8)?, word(16)?);
    // A prelinked file's addresses moved after the note was written; the base section moved with them.
    let moved = match base {
        Some(base) if noted_base != 0 => base.wrapping_sub(noted_base),
        _ => 0,
    };
    let mut strings = descriptor.get(24..)?.split(|byte| *byte == 0);
    let mut next = || std::str::from_utf8(strings.next()?).ok();
    Some(UsdtSite {
        provider: next()?,
        name: next()?,
        arguments: next()?,
        address: address.wrapping_add(moved),
        semaphore: (semaphore != 0).then(|| semaphore.wrapping_add(moved)),
    })
}
