//! The debug information (DWARF) of a Go program: its functions and the types of their results.
//! Trusts no offset or size.

use gimli::{
    AttributeValue, DebugInfoOffset, Dwarf, EndianSlice, LittleEndian, Unit, UnitHeader,
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
    pub(super) dwarf: Dwarf<Slice<'s>>,
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

    /// Types of the results of the function at the address, in order.
    pub(super) fn results(&self, address: u64) -> Result<Vec<Place>, Unknown> {
        for index in 0..self.headers.len() {
            let unit = self.unit(index)?;
            let mut ranges = self.dwarf.unit_ranges(&unit).map_err(damaged)?;
            let mut here = false;
            while let Some(range) = ranges.next().map_err(damaged)? {
                here |= (range.begin..range.end).contains(&address);
            }
            if here && let Some(function) = self.function(&unit, address)? {
                return self.results_of(index, &unit, function);
            }
        }
        Err(NotThere("its debug information does not have the function"))
    }

    fn function(
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

    /// The results of the function at this offset. Where it was inlined elsewhere too, they are at the
    /// entry for all its copies.
    fn results_of(
        &self,
        index: usize,
        unit: &Unit<Slice<'s>>,
        function: UnitOffset<usize>,
    ) -> Result<Vec<Place>, Unknown> {
        let entry = unit.entry(function).map_err(damaged)?;
        if let Some(origin) = entry.attr_value(constants::DW_AT_abstract_origin) {
            let origin = self.follow(index, origin)?;
            let unit = self.unit(origin.unit)?;
            return self.declared_results(origin.unit, &unit, origin.offset);
        }
        self.declared_results(index, unit, function)
    }

    fn declared_results(
        &self,
        index: usize,
        unit: &Unit<Slice<'s>>,
        function: UnitOffset<usize>,
    ) -> Result<Vec<Place>, Unknown> {
        let mut types = Vec::new();
        for child in children(unit, function)? {
            let is_result = matches!(
                child.attr_value(constants::DW_AT_variable_parameter),
                Some(AttributeValue::Flag(true))
            );
            if child.tag() == constants::DW_TAG_formal_parameter && is_result {
                types.push(self.type_of(index, &child)?);
            }
        }
        Ok(types)
    }

    pub(super) fn type_of(&self, index: usize, entry: &Die<'s>) -> Result<Place, Unknown> {
        let named = entry.attr_value(constants::DW_AT_type);
        self.follow(
            index,
            named.ok_or(NotThere("a result has no type in its debug information"))?,
        )
    }

    /// The entry that an attribute of a unit refers to.
    fn follow(&self, index: usize, to: AttributeValue<Slice<'s>>) -> Result<Place, Unknown> {
        const WRONG: Unknown = NotThere("its debug information contradicts itself");
        match to {
            AttributeValue::UnitRef(offset) => Ok(Place {
                unit: index,
                offset,
            }),
            AttributeValue::DebugInfoRef(offset) => {
                let start =
                    |header: &UnitHeader<_>| header.debug_info_offset().map(|start| start.0);
                let after = self
                    .headers
                    .partition_point(|header| start(header) <= Some(offset.0));
                let unit = after.checked_sub(1).ok_or(WRONG)?;
                let offset = DebugInfoOffset(offset.0).to_unit_offset(&self.headers[unit]);
                let offset = offset.ok_or(WRONG)?;
                Ok(Place { unit, offset })
            }
            _ => Err(WRONG),
        }
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
