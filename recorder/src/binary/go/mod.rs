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
mod results;
mod signature;

pub use build_info::Version;
pub use debug_info::Unknown;
pub use function::{ErrorPlace, GoFunction};
pub use function_table::{Entry, FunctionTable};
pub use listing::{GoListing, list};
pub use results::{GO_ERROR_HINT, Types};

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
        Ok(Self {
            elf,
            version,
            functions,
        })
    }
}
