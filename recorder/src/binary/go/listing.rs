//! The Go functions of a file, and what their observation costs, for the `probes` command.

use std::borrow::Cow;

use super::super::elf::Elf;
use super::super::error::Reason;
use super::super::{CostClass, KernelVersion, NotCarriedOut};
use super::body::Body;
use super::{Entry, FunctionTable, Program, Version, names};

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
    let functions = listed(&program.functions);
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

/// Without those in assembly, and without the names that the linker gives to places between functions.
fn listed<'a, 't>(table: &'t FunctionTable<'_, 'a>) -> impl Iterator<Item = Entry<'a>> + 't {
    let is_listed = |entry: &Entry<'_>| !table.is_assembly(entry) && entry.start < entry.end;
    table.iter().filter(is_listed)
}

/// The cost class of a Go function, or why it cannot be observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedGo {
    /// Virtual address.
    pub address: u64,
    /// Its class: that of the most expensive way through it.
    pub class: Result<CostClass, Reason>,
}

/// The classes of all functions that [`list`] lists, in the same order; `carries_out_returns` where
/// programs can do that on this host.
///
/// # Errors
/// Where the tables of the file cannot be read.
pub fn survey(
    elf: &Elf<'_>,
    kernel: KernelVersion,
    carries_out_returns: bool,
) -> Result<Vec<SurveyedGo>, Reason> {
    let program = Program::parse(elf)?;
    // Without the place of the id no function can be observed.
    let goroutine = program.goroutine_id_offset();
    let class = |entry: &Entry<'_>| {
        goroutine.clone()?;
        let (begin, mut returns) = Body::read(&program, entry)?.sites(kernel)?;
        if !carries_out_returns {
            let returns = returns.iter_mut();
            returns.for_each(|site| site.leave_to_kernel(NotCarriedOut::ByAny));
        }
        Ok(CostClass::of(&[begin], &returns))
    };
    let surveyed = listed(&program.functions).map(|entry| SurveyedGo {
        address: entry.start,
        class: class(&entry),
    });
    Ok(surveyed.collect())
}
