//! The Go functions of a file, for the `probes` command.

use std::borrow::Cow;

use super::super::elf::Elf;
use super::super::error::Reason;
use super::{Program, Version, names};

/// The Go functions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoListing<'a> {
    /// The version of Go that built it.
    pub version: Version,
    /// Functions by address: name as in the source, address, size. Those in assembly are left out.
    pub functions: Vec<(Cow<'a, str>, u64, u64)>,
}

/// Lists the Go functions of a file.
///
/// # Errors
/// Where its tables cannot be read.
pub fn list<'a>(elf: &Elf<'a>) -> Result<GoListing<'a>, Reason> {
    let program = Program::parse(elf)?;
    let table = &program.functions;
    // The linker marks places between functions by names without code.
    let functions = table
        .iter()
        .filter(|entry| !table.is_assembly(entry) && entry.start < entry.end);
    let functions = functions
        .map(|entry| {
            (
                names::readable(entry.name),
                entry.start,
                entry.end - entry.start,
            )
        })
        .collect();
    Ok(GoListing {
        version: program.version,
        functions,
    })
}
