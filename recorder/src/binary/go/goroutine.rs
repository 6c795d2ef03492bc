//! Where a goroutine's id lies in the runtime's structure `g`, which differs between versions: read
//! from the code that sets it, which is in every program.

use super::super::disassembly;
use super::super::error::Reason;
use super::Program;

/// The function that makes a goroutine: `newg.goid = pp.goidcache; pp.goidcache++`.
const MAKER: &str = "runtime.newproc1";
/// Offsets that the id can have: after the members that assembly code refers to, and inside the
/// structure.
const PLAUSIBLE: std::ops::Range<u64> = 0x40..0x200;

impl Program<'_, '_> {
    /// Offset of a goroutine's id from the start of the goroutine, bytes.
    ///
    /// # Errors
    /// Where the code that sets it is not in the known form.
    pub fn goroutine_id_offset(&self) -> Result<u16, Reason> {
        let unknown = |why: &str| Reason::GoTables(format!("{why} ({})", self.version));
        let mut makers = self.functions.iter().filter(|entry| entry.name == MAKER);
        let (Some(maker), None) = (makers.next(), makers.next()) else {
            return Err(unknown("the function runtime.newproc1 is not there once"));
        };
        let code = self.elf.bytes_at(maker.start, maker.end - maker.start);
        let code = code.and_then(|bytes| disassembly::sweep(bytes, maker.start).ok());
        let offset = disassembly::member_set_from_counter(&code.unwrap_or_default())
            .filter(|offset| PLAUSIBLE.contains(offset) && offset % 8 == 0);
        offset
            .and_then(|offset| u16::try_from(offset).ok())
            .ok_or_else(|| unknown("the place of a goroutine's id is not known"))
    }
}
