//! What `.eh_frame` says about code: function ranges, how deep the stack is at an address, who takes part in unwinding.
//!
//! Reads only; a table that cannot be read counts as absent for the function it describes, never as a statement.

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, LittleEndian, Pointer, UnwindContext, UnwindSection,
    X86_64,
};

use super::elf::Elf;

/// One function (or part of one) that the unwinder knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Language-specific data: something may be caught or cleaned up here.
    pub lsda: Option<u64>,
    /// A personality routine takes part.
    pub personality: bool,
    offset: usize,
}

/// Where the canonical frame address (the stack pointer before the call) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cfa {
    /// Stack pointer plus an offset; 8 means that nothing is pushed yet.
    StackPointer(i64),
    /// Another register plus an offset.
    Register(u16, i64),
    /// An expression.
    Expression,
}

/// A stretch of addresses with one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Its rule.
    pub cfa: Cfa,
}

/// All frames of a file, by address.
#[derive(Clone, Debug)]
pub struct Unwind<'a> {
    frames: Vec<Frame>,
    section: EhFrame<gimli::EndianSlice<'a, LittleEndian>>,
    bases: BaseAddresses,
    /// Some CIE names a personality routine.
    pub has_personality: bool,
    /// The section was read to its end.
    pub complete: bool,
}

impl<'a> Unwind<'a> {
    /// Reads the file's `.eh_frame`; without one there are no frames.
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
            frames: Vec::new(),
            section,
            bases,
            has_personality: false,
            complete: true,
        };
        unwind.read_frames();
        unwind.frames.sort_by_key(|frame| (frame.start, frame.end));
        unwind
    }

    /// All frames by address.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frame that covers the address.
    pub fn frame_at(&self, address: u64) -> Option<&Frame> {
        let end = self.frames.partition_point(|frame| frame.start <= address);
        self.frames[..end]
            .last()
            .filter(|frame| address < frame.end)
    }

    /// The frame's rows; `None` where they cannot be read.
    pub fn rows(&self, frame: &Frame) -> Option<Vec<Row>> {
        const MOST: usize = 65_536;
        let fde = self
            .section
            .fde_from_offset(&self.bases, frame.offset.into(), EhFrame::cie_from_offset)
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
        let rows = self.rows(self.frame_at(address)?)?;
        rows.iter()
            .find(|row| row.start <= address && address < row.end)
            .map(|row| row.cfa)
    }

    fn read_frames(&mut self) {
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
                    self.frames.push(Frame {
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
