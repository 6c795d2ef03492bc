//! The unwind table `.eh_frame`: ranges of functions, the depth of the stack at an address,
//! personality routines.
//!
//! Reads only. A description that cannot be read counts as absent, so that nothing is concluded
//! from it.

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, LittleEndian, Pointer, UnwindContext, UnwindSection,
    X86_64,
};

use super::elf::Elf;

/// A frame description entry (FDE): one function, or a part of one, that the unwinder knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fde {
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Address of its language-specific data: an exception may be caught or cleaned up here.
    pub lsda: Option<u64>,
    /// A personality routine takes part.
    pub personality: bool,
    /// Offset of the entry in the section.
    offset: usize,
}

/// The rule for the canonical frame address (CFA): the stack pointer before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cfa {
    /// Stack pointer plus this many bytes; 8 means that nothing is pushed yet.
    StackPointer(i64),
    /// Another register (its DWARF number) plus this many bytes.
    Register(u16, i64),
    /// A DWARF expression, which is not evaluated.
    Expression,
}

/// A range of addresses with one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// The rule in that range.
    pub cfa: Cfa,
}

/// All entries of a file, by address.
#[derive(Clone, Debug)]
pub struct Unwind<'a> {
    fdes: Vec<Fde>,
    section: EhFrame<gimli::EndianSlice<'a, LittleEndian>>,
    bases: BaseAddresses,
    /// Some common information entry (CIE) names a personality routine.
    pub has_personality: bool,
    /// The section was read to its end without an error.
    pub complete: bool,
}

impl<'a> Unwind<'a> {
    /// Reads the file's `.eh_frame`; without one there are no entries.
    pub fn parse(elf: &Elf<'a>) -> Self {
        let eh_frame = elf.section(".eh_frame").copied();
        let data = eh_frame.map(|section| section.data).unwrap_or_default();
        let address = |name| {
            elf.section(name)
                .map(|section| section.address)
                .unwrap_or_default()
        };
        let bases = BaseAddresses::default()
            .set_eh_frame(eh_frame.map(|section| section.address).unwrap_or_default())
            .set_eh_frame_hdr(address(".eh_frame_hdr"))
            .set_text(address(".text"))
            .set_got(address(".got"));
        let mut section = EhFrame::new(data, LittleEndian);
        section.set_address_size(8);
        let mut unwind = Self {
            fdes: Vec::new(),
            section,
            bases,
            has_personality: false,
            complete: true,
        };
        unwind.read_section();
        unwind.fdes.sort_by_key(|fde| (fde.start, fde.end));
        unwind
    }

    /// All entries by address.
    pub fn fdes(&self) -> &[Fde] {
        &self.fdes
    }

    /// The entry that covers the address.
    pub fn fde_at(&self, address: u64) -> Option<&Fde> {
        let end = self.fdes.partition_point(|fde| fde.start <= address);
        self.fdes[..end].last().filter(|fde| address < fde.end)
    }

    /// The entry's rows; `None` where they cannot be read.
    pub fn rows(&self, fde: &Fde) -> Option<Vec<Row>> {
        const MOST: usize = 65_536;
        let fde = self
            .section
            .fde_from_offset(&self.bases, fde.offset.into(), EhFrame::cie_from_offset)
            .ok()?;
        let mut context = UnwindContext::new();
        let mut table = fde.rows(&self.section, &self.bases, &mut context).ok()?;
        let mut rows = Vec::new();
        while let Some(row) = table.next_row().ok()? {
            let cfa = match *row.cfa() {
                CfaRule::RegisterAndOffset { register, offset } if register == X86_64::RSP => {
                    Cfa::StackPointer(offset)
                }
                CfaRule::RegisterAndOffset { register, offset } => {
                    Cfa::Register(register.0, offset)
                }
                CfaRule::Expression(_) => Cfa::Expression,
            };
            rows.push(Row {
                start: row.start_address(),
                end: row.end_address(),
                cfa,
            });
            if rows.len() > MOST {
                return None;
            }
        }
        Some(rows)
    }

    /// The rule at one address; `None` where nothing is known.
    pub fn cfa_at(&self, address: u64) -> Option<Cfa> {
        let rows = self.rows(self.fde_at(address)?)?;
        rows.iter()
            .find(|row| row.start <= address && address < row.end)
            .map(|row| row.cfa)
    }

    fn read_section(&mut self) {
        let mut entries = self.section.entries(&self.bases);
        loop {
            let entry = match entries.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(_) => {
                    self.complete = false;
                    break;
                }
            };
            match entry {
                CieOrFde::Cie(cie) => self.has_personality |= cie.personality().is_some(),
                CieOrFde::Fde(partial) => {
                    let Ok(fde) = partial.parse(EhFrame::cie_from_offset) else {
                        self.complete = false;
                        continue;
                    };
                    let personality = fde.personality().is_some();
                    self.has_personality |= personality;
                    let start = fde.initial_address();
                    let Some(end) = start.checked_add(fde.len()) else {
                        continue;
                    };
                    if start == end {
                        continue;
                    }
                    let lsda = fde.lsda().and_then(|pointer| match pointer {
                        Pointer::Direct(0) => None,
                        Pointer::Direct(address) | Pointer::Indirect(address) => Some(address),
                    });
                    self.fdes.push(Fde {
                        start,
                        end,
                        lsda,
                        personality,
                        offset: fde.offset(),
                    });
                }
            }
        }
    }
}
