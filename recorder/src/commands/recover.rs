//! `recover`: seals the journals of crashed recorders, and prints the number of rows saved.

use std::io::Write;

use anyhow::Result;
use soakbox_cli::answer;

use crate::cli::Recover;
use crate::clock::SystemClock;
use crate::segment::{RecoveryReport, recover};

/// Recovers, and prints the report even if a part could not be recovered.
///
/// # Errors
/// Where a file could not be read or written.
pub fn run(arguments: &Recover) -> Result<()> {
    let (report, failure) = match recover(&arguments.directory, &SystemClock) {
        Ok(report) => (report, None),
        Err(error) => (*error.report, Some(error.source)),
    };
    let printed = answer::print(&report, arguments.format, table);
    match failure {
        // If printing failed too, the failed recovery matters more.
        Some(failure) => Err(failure.into()),
        None => Ok(printed?),
    }
}

fn table(report: &RecoveryReport, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{} rows saved in {} segments, {} gaps written, {} bytes were torn or damaged",
        report.rows_saved, report.segments, report.gaps, report.bytes_discarded
    )?;
    for uuid in &report.live {
        writeln!(
            out,
            "recorder {uuid} is still running: its journals were left alone"
        )?;
    }
    Ok(())
}
