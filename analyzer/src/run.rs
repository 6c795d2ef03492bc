//! Runs a plan: opens the recording and the output of a command and passes both to it.

use soakbox_cli::Result;

use crate::cli::{Plan, Source};
use crate::commands;
use crate::figures::{Comparison, Reading};
use crate::output::OutputFile;

/// Runs the plan.
///
/// # Errors
/// Where a recording cannot be read or an output cannot be written.
pub fn run(plan: &Plan) -> Result<()> {
    match plan {
        Plan::Info(source, format) => commands::info::run(&open(source)?, *format),
        Plan::Summary(source, format) => commands::summary::run(&open(source)?, *format),
        Plan::Sql(source, query, format) => {
            let comparison = Comparison::UpTo(commands::sql::MAX_COMPARED_ROWS);
            let reading = Reading::open(&source.recording, source.skip_damaged, comparison)?;
            commands::sql::run(&reading, query, *format)
        }
        Plan::Chart {
            source,
            output,
            operations,
        } => {
            let output = OutputFile::create(output)?;
            commands::chart::run(&open(source)?, operations, output)
        }
        Plan::Report { sources, output } => {
            let output = OutputFile::create(output)?;
            commands::report::run(sources.iter().map(open), output)
        }
    }
}

fn open(source: &Source) -> Result<Reading> {
    Reading::open(&source.recording, source.skip_damaged, Comparison::Required)
}
