//! USDT probes: the notes of `.note.stapsdt`, and which of them are Soakbox's own markers.
//!
//! Reads notes only; `marker` decides whether a site may be probed.

use object::Endianness;
use object::elf::NoteType;
use soakbox_schemas::marker::{BEGIN_SUFFIX, FINISH_SUFFIX, PROVIDER};

use super::elf::Elf;

/// Owner of the notes: SystemTap, whose format all USDT tools read.
const STAPSDT: &[u8] = b"stapsdt";
/// The only type of note that it has.
const PROBE: NoteType = NoteType(3);

/// One site of a USDT probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsdtSite<'a> {
    /// The library or program that declares it.
    pub provider: &'a str,
    /// Name, unique within its provider only.
    pub name: &'a str,
    /// Virtual address of the nop.
    pub address: u64,
    /// Virtual address of the counter that must be raised while it is observed.
    pub semaphore: Option<u64>,
    /// Locations of its arguments, in the assembler's notation.
    pub arguments: &'a str,
}

/// The half of a marker that a site belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The site that a begin passes.
    Begin,
    /// The site that a finish passes.
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

/// All sites in the file's notes, in their order.
pub fn sites<'a>(elf: &Elf<'a>) -> Vec<UsdtSite<'a>> {
    let base = elf.section(".stapsdt.base").map(|section| section.address);
    elf.notes(".note.stapsdt")
        .filter(|note| note.name() == STAPSDT && note.n_type(Endianness::Little) == PROBE)
        .filter_map(|note| read_site(note.desc(), base))
        .collect()
}

fn read_site(descriptor: &[u8], base: Option<u64>) -> Option<UsdtSite<'_>> {
    let word = |at: usize| {
        Some(u64::from_le_bytes(
            descriptor.get(at..at + 8)?.try_into().ok()?,
        ))
    };
    let (address, noted_base, semaphore) = (word(0)?, word(8)?, word(16)?);
    // Prelinking moves a file's addresses after the note was written, and the base section with
    // them.
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
