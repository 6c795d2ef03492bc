//! Where a Go function returns its error: by the types of its results in the debug information
//! (DWARF), and Go's rules for results in registers.
//!
//! A stripped file does not have the types of results. Trusts no offset, size or type in the file.

use std::borrow::Cow;

use gimli::{AttributeValue, Dwarf, EndianSlice, LittleEndian, Unit, UnitOffset, constants};

use super::super::elf::Elf;
use super::Entry;
use super::debug_info::Unknown::{self, NoError, NotThere};
use super::debug_info::{Place, Slice, Units, children, damaged};
use super::signature;

/// Integer registers for results.
const REGISTERS: u32 = 9;
/// Floating-point registers for results.
const FLOATS: u32 = 15;
/// Largest section that is decompressed, bytes.
const LARGEST: u64 = 512 << 20;
/// Types that look like structs and are in registers of their own (Go 1.26, an experiment).
const VECTORS: &[u8] = b"simd/";
/// Most types that are inside of each other.
const DEEPEST: u32 = 32;
/// Most types that are read for one function; damaged ones could be without end.
const MOST_TYPES: u32 = 10_000;

/// How a person tells where the error is.
pub const GO_ERROR_HINT: &str = "write success=goerr:N with the number of registers for the results before the error, from 0 to 7: 0 for error, 1 for (int, error) or (*T, error), 2 for (string, error), 3 for ([]T, error)";

/// The sections of the debug information, decompressed.
#[derive(Clone, Debug)]
pub struct Types<'a> {
    sections: Vec<(&'static str, Cow<'a, [u8]>)>,
}

/// The sections that are read.
const SECTIONS: [&str; 9] = [
    ".debug_info",
    ".debug_abbrev",
    ".debug_str",
    ".debug_line_str",
    ".debug_str_offsets",
    ".debug_addr",
    ".debug_ranges",
    ".debug_rnglists",
    ".debug_line",
];

impl<'a> Types<'a> {
    /// The debug information of a file.
    ///
    /// # Errors
    /// Where it has none that can be read.
    pub fn read(elf: &Elf<'a>) -> Result<Self, Unknown> {
        let mut sections = Vec::new();
        for name in SECTIONS {
            let older = || elf.section(&name.replace(".debug_", ".zdebug_"));
            if let Some(section) = elf.section(name).or_else(older) {
                let bytes = section.decompressed(LARGEST);
                let bytes = bytes.ok_or(NotThere("its debug information cannot be read"))?;
                sections.push((name, bytes));
            }
        }
        if sections.iter().all(|(name, _)| *name != SECTIONS[0]) {
            return Err(NotThere(
                "the types of its results are not known, because the file has no debug information",
            ));
        }
        Ok(Self { sections })
    }

    /// For each function, the number of integer registers for the results before the last one,
    /// which is an `error`: the register after them has the error's type, or 0 without an error.
    /// Otherwise the reason why that is not known, or that it has no such result.
    pub fn error_registers(&self, functions: &[Entry<'_>]) -> Vec<Result<u32, Unknown>> {
        let dwarf = Dwarf::load(|id| {
            let found = self.sections.iter().find(|(name, _)| *name == id.name());
            let bytes = found.map_or(&[][..], |(_, bytes)| bytes);
            Ok::<_, gimli::Error>(EndianSlice::new(bytes, LittleEndian))
        });
        let units = dwarf.map_err(damaged).and_then(Units::new);
        let register = |function: &Entry<'_>| {
            let units = units.as_ref().map_err(|why| *why)?;
            place_of_error(units, &signature::results(units, function.start)?)
        };
        functions.iter().map(register).collect()
    }
}

/// Registers that are used, and the number of types that were read.
#[derive(Clone, Copy, Default)]
struct Used {
    integers: u32,
    floats: u32,
    types: u32,
}

fn place_of_error(units: &Units<'_>, results: &[Place]) -> Result<u32, Unknown> {
    let Some((last, before)) = results.split_last() else {
        return Err(NoError("it returns nothing"));
    };
    if !is_error(units, *last)? {
        return Err(NoError("its last result is no error"));
    }
    let mut used = Used::default();
    for result in before {
        let mut with = used;
        // A result that does not fit into the registers that are left is on the stack, and later
        // results may still be in registers.
        if takes(units, *result, &mut with, 0)? && with.fits() {
            used = with;
        }
        used.types = with.types;
    }
    if used.integers + 2 > REGISTERS {
        return Err(NoError("it returns its error on the stack"));
    }
    Ok(used.integers)
}

impl Used {
    fn fits(self) -> bool {
        self.integers <= REGISTERS && self.floats <= FLOATS
    }
}

fn is_error(units: &Units<'_>, place: Place) -> Result<bool, Unknown> {
    let unit = units.unit(place.unit)?;
    let entry = unit.entry(place.offset).map_err(damaged)?;
    let name = units.name(&unit, &entry)?;
    Ok(entry.tag() == constants::DW_TAG_typedef && name == Some(b"error"))
}

/// Adds the registers for a value of the type; `false` where such a value is never in registers.
fn takes(units: &Units<'_>, place: Place, used: &mut Used, depth: u32) -> Result<bool, Unknown> {
    const NOT_KNOWN: Unknown = NotThere("the type of a result before its error is not known");
    used.types += 1;
    if depth > DEEPEST || used.types > MOST_TYPES {
        return Err(NOT_KNOWN);
    }
    let unit = units.unit(place.unit)?;
    let entry = unit.entry(place.offset).map_err(damaged)?;
    match entry.tag() {
        constants::DW_TAG_base_type => match entry.attr_value(constants::DW_AT_encoding) {
            Some(AttributeValue::Encoding(constants::DW_ATE_float)) => used.floats += 1,
            Some(AttributeValue::Encoding(constants::DW_ATE_complex_float)) => used.floats += 2,
            Some(AttributeValue::Encoding(_)) => used.integers += 1,
            _ => return Err(NOT_KNOWN),
        },
        constants::DW_TAG_pointer_type | constants::DW_TAG_subroutine_type => used.integers += 1,
        constants::DW_TAG_typedef => {
            return takes(units, units.type_of(place.unit, &entry)?, used, depth + 1);
        }
        constants::DW_TAG_structure_type => {
            if units
                .name(&unit, &entry)?
                .is_some_and(|name| name.starts_with(VECTORS))
            {
                return Err(NOT_KNOWN);
            }
            for member in children(&unit, place.offset)? {
                if member.tag() == constants::DW_TAG_member {
                    let member = units.type_of(place.unit, &member)?;
                    if !takes(units, member, used, depth + 1)? {
                        return Ok(false);
                    }
                }
            }
        }
        constants::DW_TAG_array_type => match elements(&unit, place.offset)? {
            Some(0) => {}
            Some(1) => return takes(units, units.type_of(place.unit, &entry)?, used, depth + 1),
            Some(_) => return Ok(false),
            None => return Err(NOT_KNOWN),
        },
        _ => return Err(NOT_KNOWN),
    }
    Ok(true)
}

/// Number of elements of an array type.
fn elements(unit: &Unit<Slice<'_>>, array: UnitOffset<usize>) -> Result<Option<u64>, Unknown> {
    let children = children(unit, array)?;
    let count = children
        .iter()
        .find_map(|child| child.attr_value(constants::DW_AT_count));
    Ok(count.and_then(|count| count.udata_value()))
}
