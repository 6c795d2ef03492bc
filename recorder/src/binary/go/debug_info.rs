//! The debug information (DWARF) of a Go program: its units, and the entries in them. Trusts no
//! offset or size.

use gimli::{
    AttributeValue, DebugInfoOffset, DwAt, Dwarf, EndianSlice, LittleEndian, Unit, UnitHeader,
    UnitOffset, constants,
};

use Unknown::NotThere;

/// Bytes of a section.
pub(super) type Slice<'s> = EndianSlice<'s, LittleEndian>;
/// An entry that was read.
pub(super) type Die<'s> = gimli::DebuggingInformationEntry<Slice<'s>>;

/// Why the place of the error is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The file does not tell.
    NotThere(&'static str),
    /// The function returns no error in a register.
    NoError(&'static str),
}

impl Unknown {
    /// The reason in words.
    pub fn why(self) -> &'static str {
        match self {
            Self::NotThere(why) | Self::NoError(why) => why,
        }
    }
}

/// It contradicts itself.
pub(super) const WRONG: Unknown = NotThere("its debug information contradicts itself");

/// An entry of the debug information: its unit, by index, and its offset there.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Index of the unit.
    pub(super) unit: usize,
    /// Offset in the unit.
    pub(super) offset: UnitOffset<usize>,
}

/// The units of the debug information, by offset. Each is about one package.
pub(super) struct Units<'s> {
    dwarf: Dwarf<Slice<'s>>,
    headers: Vec<UnitHeader<Slice<'s>>>,
}

impl<'s> Units<'s> {
    pub(super) fn new(dwarf: Dwarf<Slice<'s>>) -> Result<Self, Unknown> {
        let mut headers = Vec::new();
        let mut units = dwarf.units();
        while let Some(header) = units.next().map_err(damaged)? {
            headers.push(header);
        }
        Ok(Self { dwarf, headers })
    }

    pub(super) fn unit(&self, index: usize) -> Result<Unit<Slice<'s>>, Unknown> {
        self.dwarf.unit(self.headers[index]).map_err(damaged)
    }

    /// The function at the address.
    pub(super) fn function(&self, address: u64) -> Result<Place, Unknown> {
        for index in 0..self.headers.len() {
            let unit = self.unit(index)?;
            let mut ranges = self.dwarf.unit_ranges(&unit).map_err(damaged)?;
            let mut here = false;
            while let Some(range) = ranges.next().map_err(damaged)? {
                here |= (range.begin..range.end).contains(&address);
            }
            if here && let Some(offset) = self.function_of(&unit, address)? {
                return Ok(Place {
                    unit: index,
                    offset,
                });
            }
        }
        Err(NotThere("its debug information does not have the function"))
    }

    fn function_of(
        &self,
        unit: &Unit<Slice<'s>>,
        address: u64,
    ) -> Result<Option<UnitOffset<usize>>, Unknown> {
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().map_err(damaged)? {
            if entry.tag() != constants::DW_TAG_subprogram {
                continue;
            }
            let Some(low) = entry.attr_value(constants::DW_AT_low_pc) else {
                continue;
            };
            if self.dwarf.attr_address(unit, low).map_err(damaged)? == Some(address) {
                return Ok(Some(entry.offset()));
            }
        }
        Ok(None)
    }

    /// Whether the unit has a function, also one that was inlined everywhere, whose name is accepted.
    pub(super) fn has_function(
        &self,
        index: usize,
        accepts: impl Fn(&[u8]) -> bool,
    ) -> Result<bool, Unknown> {
        let unit = self.unit(index)?;
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().map_err(damaged)? {
            if entry.tag() == constants::DW_TAG_subprogram
                && self.name(&unit, entry)?.is_some_and(&accepts)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The name of an entry of the unit; `None` where it has none of its own.
    pub(super) fn name(
        &self,
        unit: &Unit<Slice<'s>>,
        entry: &Die<'s>,
    ) -> Result<Option<&'s [u8]>, Unknown> {
        let Some(name) = entry.attr_value(constants::DW_AT_name) else {
            return Ok(None);
        };
        let name = self.dwarf.attr_string(unit, name).map_err(damaged)?;
        Ok(Some(name.slice()))
    }

    /// The entry that an attribute of an entry of the unit refers to.
    pub(super) fn referred(
        &self,
        index: usize,
        entry: &Die<'s>,
        attribute: DwAt,
    ) -> Result<Option<Place>, Unknown> {
        match entry.attr_value(attribute) {
            None => Ok(None),
            Some(AttributeValue::UnitRef(offset)) => Ok(Some(Place {
                unit: index,
                offset,
            })),
            Some(AttributeValue::DebugInfoRef(offset)) => {
                let start =
                    |header: &UnitHeader<_>| header.debug_info_offset().map(|start| start.0);
                let after = self
                    .headers
                    .partition_point(|header| start(header) <= Some(offset.0));
                let unit = after.checked_sub(1).ok_or(WRONG)?;
                let offset = DebugInfoOffset(offset.0).to_unit_offset(&self.headers[unit]);
                let offset = offset.ok_or(WRONG)?;
                Ok(Some(Place { unit, offset }))
            }
            Some(_) => Err(WRONG),
        }
    }

    /// The type of an entry of the unit.
    pub(super) fn type_of(&self, index: usize, entry: &Die<'s>) -> Result<Place, Unknown> {
        let named = self.referred(index, entry, constants::DW_AT_type)?;
        named.ok_or(NotThere("a result has no type in its debug information"))
    }
}

/// The entries directly below one.
pub(super) fn children<'s>(
    unit: &Unit<Slice<'s>>,
    parent: UnitOffset<usize>,
) -> Result<Vec<Die<'s>>, Unknown> {
    let mut entries = unit.entries_at_offset(parent).map_err(damaged)?;
    let mut found = Vec::new();
    let Some(parent) = entries.next_dfs().map_err(damaged)? else {
        return Ok(found);
    };
    let depth = parent.depth();
    while let Some(entry) = entries.next_dfs().map_err(damaged)? {
        if entry.depth() <= depth {
            break;
        }
        if entry.depth() == depth + 1 {
            found.push(entry.clone());
        }
    }
    Ok(found)
}

pub(super) fn damaged(_: gimli::Error) -> Unknown {
    NotThere("its debug information cannot be read")
}
