//! Go programs: the tables that their runtime needs, which stay in stripped files: the version, the
//! functions with their names and stack depths, and the places in a goroutine that probes read.
//!
//! Go 1.18 and later, on amd64. Trusts no offset or size in the file.

mod body;
mod build_info;
mod debug_info;
mod function;
mod function_table;
mod goroutine;
mod listing;
mod module;
mod names;
pub mod pattern;
mod results;
mod signature;
mod table_place;

pub use build_info::Version;
pub use debug_info::Unknown;
pub use function::{ErrorPlace, GoFunction};
pub use function_table::{Entry, FunctionTable};
pub use listing::{GoListing, SurveyedGo, list, survey};
pub use results::{GO_ERROR_HINT, Types};

use std::ops::Range;

use super::elf::Elf;
use super::error::Reason;

/// A Go program, or a library with Go code.
#[derive(Clone, Debug)]
pub struct Program<'e, 'a> {
    /// The file.
    pub elf: &'e Elf<'a>,
    /// The version of Go that built it.
    pub version: Version,
    /// Its Go functions.
    pub functions: FunctionTable<'e, 'a>,
    /// Addresses of code that the program compares with a checksum; none where there is no such code.
    checksummed: Range<u64>,
}

impl<'e, 'a> Program<'e, 'a> {
    /// Reads the tables of a file.
    ///
    /// # Errors
    /// Where it contains no Go code, is of a version that is not known, or contradicts itself.
    pub fn parse(elf: &'e Elf<'a>) -> Result<Self, Reason> {
        if !elf.is_go() {
            return Err(Reason::NotGo);
        }
        let version = build_info::version(elf)?;
        let functions = FunctionTable::parse(elf)?;
        let limit = |name| {
            let mut limits = functions.iter();
            Some(limits.find(|entry| entry.name.ends_with(name))?.start)
        };
        let (start, end) = (limit(":textfipsstart"), limit(":textfipsend"));
        let checksummed = start.zip(end).map_or(0..0, |(start, end)| start..end);
        Ok(Self {
            elf,
            version,
            functions,
            checksummed,
        })
    }
}

/// Addresses of the code that Go's own rules hold for: everything where the tables of the Go code
/// cannot be read. `None` where the file contains no Go code.
pub(in crate::binary) fn code(elf: &Elf<'_>) -> Option<Range<u64>> {
    let everything = 0..u64::MAX;
    elf.is_go().then(|| {
        let table = FunctionTable::parse(elf);
        table
            .ok()
            .and_then(|table| table.code())
            .unwrap_or(everything)
    })
}

/// Whether a Go function of the file is meant by the name.
pub(in crate::binary) fn has_function(elf: &Elf<'_>, name: &str) -> bool {
    let program = elf.is_go().then(|| Program::parse(elf));
    program.and_then(Result::ok).is_some_and(|program| {
        let mut functions = program.functions.iter();
        functions.any(|entry| names::means(name, entry.name))
    })
}
