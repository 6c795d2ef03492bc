//! The language-specific data area (LSDA) of a function: its landing pads, where the unwinder
//! enters it.

use gimli::{DwEhPe, EndianSlice, LittleEndian, Reader, constants};

use super::elf::Elf;

/// Addresses of all landing pads of the `function` whose table is at `address`; `None` where the
/// table cannot be read.
pub fn landing_pads(elf: &Elf<'_>, address: u64, function: u64) -> Option<Vec<u64>> {
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
    let mut pads = Vec::new();
    while !sites.is_empty() {
        read_encoded(&mut sites, encoding, 0)?;
        read_encoded(&mut sites, encoding, 0)?;
        let pad = read_encoded(&mut sites, encoding, 0)?;
        sites.read_uleb128().ok()?;
        if pad != 0 {
            pads.push(base.wrapping_add(pad));
        }
    }
    pads.sort_unstable();
    pads.dedup();
    Some(pads)
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
