//! The language-specific data area (LSDA) of a function: its landing pads, where the unwinder
//! enters it.

use std::ops::Range;

use gimli::{DwEhPe, EndianSlice, LittleEndian, Reader, constants};

use super::elf::Elf;

/// Code that the unwinder leaves for a landing pad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The code.
    pub from: Range<u64>,
    /// Address of the landing pad.
    pub pad: u64,
}

/// All landings of the `function` whose table is at `address`; `None` where the table cannot be
/// read.
pub fn landings(elf: &Elf<'_>, address: u64, function: u64) -> Option<Vec<Landing>> {
    let bytes = elf.bytes_from(address)?;
    let mut reader = EndianSlice::new(bytes, LittleEndian);
    let at = |reader: &EndianSlice<'_, LittleEndian>| {
        address.wrapping_add((bytes.len() - reader.len()) as u64)
    };
    let base = match DwEhPe(reader.read_u8().ok()?) {
        constants::DW_EH_PE_omit => function,
        encoding => {
            let here = at(&reader);
            read_encoded(&mut reader, encoding, here)?
        }
    };
    if DwEhPe(reader.read_u8().ok()?) != constants::DW_EH_PE_omit {
        reader.read_uleb128().ok()?;
    }
    let encoding = DwEhPe(reader.read_u8().ok()?);
    let length = usize::try_from(reader.read_uleb128().ok()?).ok()?;
    let mut sites = reader.split(length).ok()?;
    let mut landings = Vec::new();
    while !sites.is_empty() {
        let start = function.wrapping_add(read_encoded(&mut sites, encoding, 0)?);
        let length = read_encoded(&mut sites, encoding, 0)?;
        let pad = read_encoded(&mut sites, encoding, 0)?;
        sites.read_uleb128().ok()?;
        if pad != 0 {
            landings.push(Landing {
                from: start..start.wrapping_add(length),
                pad: base.wrapping_add(pad),
            });
        }
    }
    Some(landings)
}

fn read_encoded(
    reader: &mut EndianSlice<'_, LittleEndian>,
    encoding: DwEhPe,
    address: u64,
) -> Option<u64> {
    let value = match encoding.format() {
        constants::DW_EH_PE_absptr | constants::DW_EH_PE_udata8 | constants::DW_EH_PE_sdata8 => {
            reader.read_u64().ok()?
        }
        constants::DW_EH_PE_uleb128 => reader.read_uleb128().ok()?,
        constants::DW_EH_PE_udata4 => u64::from(reader.read_u32().ok()?),
        constants::DW_EH_PE_sdata4 => i64::from(reader.read_i32().ok()?).cast_unsigned(),
        constants::DW_EH_PE_udata2 => u64::from(reader.read_u16().ok()?),
        _ => return None,
    };
    match encoding.application() {
        constants::DW_EH_PE_absptr => Some(value),
        constants::DW_EH_PE_pcrel => Some(address.wrapping_add(value)),
        _ => None,
    }
}
