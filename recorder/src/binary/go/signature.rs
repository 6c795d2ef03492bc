//! The results of a Go function, in order, by its debug information. Where that may leave out some
//! of them, they are not guessed.

use gimli::{AttributeValue, constants};

use super::debug_info::Unknown::{self, NotThere};
use super::debug_info::{Place, Units, WRONG, children, damaged};

/// A result of a function.
struct FunctionResult<'s> {
    type_of: Place,
    /// Where the source gives none, `~r1` or `~b1`: 1 is the number of results before it.
    name: &'s [u8],
    /// Whether the entry for all copies of the function describes it, not that of this copy.
    is_shared: bool,
}

/// Types of the results of the function at the address, in order.
pub(super) fn results(units: &Units<'_>, address: u64) -> Result<Vec<Place>, Unknown> {
    let function = units.function(address)?;
    let entry = units.unit(function.unit)?;
    let entry = entry.entry(function.offset).map_err(damaged)?;
    let shared = units.referred(function.unit, &entry, constants::DW_AT_abstract_origin)?;
    let found = listed(units, function)?;
    // Of a function that was inlined too, the entry for all copies has the results with names, and
    // this one refers to them; it alone has the others.
    let expected = match shared {
        Some(shared) => listed(units, shared)?.len(),
        None => 0,
    };
    if found.iter().filter(|result| result.is_shared).count() != expected {
        return Err(WRONG);
    }
    for (before, result) in found.iter().enumerate() {
        if place_in_name(result.name).is_some_and(|place| place != before) {
            return Err(WRONG);
        }
    }
    if may_leave_out(units, shared.unwrap_or(function), &found)? {
        return Err(NotThere(
            "its debug information may leave out results, because it has a loop over a function",
        ));
    }
    Ok(found.into_iter().map(|result| result.type_of).collect())
}

/// The results that a function's entry has, or refers to, each once: the compiler lists a result
/// twice that is kept on the stack and returned in registers.
fn listed<'s>(units: &Units<'s>, function: Place) -> Result<Vec<FunctionResult<'s>>, Unknown> {
    let unit = units.unit(function.unit)?;
    let mut found: Vec<FunctionResult<'_>> = Vec::new();
    for parameter in children(&unit, function.offset)? {
        if parameter.tag() != constants::DW_TAG_formal_parameter {
            continue;
        }
        let origin = units.referred(function.unit, &parameter, constants::DW_AT_abstract_origin)?;
        let (index, described) = match origin {
            None => (function.unit, parameter),
            Some(origin) => {
                let unit = units.unit(origin.unit)?;
                (origin.unit, unit.entry(origin.offset).map_err(damaged)?)
            }
        };
        let flag = described.attr_value(constants::DW_AT_variable_parameter);
        if !matches!(flag, Some(AttributeValue::Flag(true))) {
            continue;
        }
        let name = units.name(&units.unit(index)?, &described)?.ok_or(WRONG)?;
        if found.last().is_some_and(|last| last.name == name) {
            continue;
        }
        if found.iter().any(|result| result.name == name) {
            return Err(WRONG);
        }
        found.push(FunctionResult {
            type_of: units.type_of(index, &described)?,
            name,
            is_shared: origin.is_some(),
        });
    }
    Ok(found)
}

/// The number of results before one that has no name in the source.
fn place_in_name(name: &[u8]) -> Option<usize> {
    let place = name
        .strip_prefix(b"~r")
        .or_else(|| name.strip_prefix(b"~b"))?;
    std::str::from_utf8(place).ok()?.parse().ok()
}

/// Whether a function may have more results than its entry. A return out of a loop over a function
/// (Go 1.23) makes the compiler give names to all results without one, and to leave these out. The
/// body of such a loop is a function itself: `f-range1` is the first one in `f`. It is not there only
/// where the compiler found that the loop never runs.
fn may_leave_out(
    units: &Units<'_>,
    named: Place,
    found: &[FunctionResult<'_>],
) -> Result<bool, Unknown> {
    if found
        .iter()
        .any(|result| place_in_name(result.name).is_some())
    {
        return Ok(false);
    }
    let unit = units.unit(named.unit)?;
    let entry = unit.entry(named.offset).map_err(damaged)?;
    let name = units.name(&unit, &entry)?.ok_or(WRONG)?;
    units.has_function(named.unit, |other| {
        let rest = other.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(b"-range"))
    })
}
