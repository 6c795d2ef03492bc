//! `recover`: prints what a recovery did.

use std::io::Write;

use anyhow::Result;

use crate::cli::{Format, Recover};
use crate::clock::SystemClock;
use crate::segment::{RecoveryReport, recover};

/// Recovers and reports, also where not everything could be done.
///
/// # Errors
/// Where something could not be read or written.
pub fn run(arguments: &Recover) -> Result<()> {
    match recover(&arguments.directory, &SystemClock) {
        Ok(report) => print(&report, arguments.format),
        Err(error) => {
            print(&error.report, arguments.format)?;
            Err(error.source.into())
        }
    }
}

fn print(report: &RecoveryReport, format: Format) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string(report)?)?,
        Format::Table => {
            writeln!(
                out,
                "{} rows saved in {} segments, {} gaps written, {} bytes were torn or damaged",
                report.rows_saved, report.segments, report.gaps, report.bytes_discarded
            )?;
            for uuid in &report.live {
                writeln!(out, "recorder {uuid} is alive: left alone")?;
            }
        }
    }
    Ok(())
}
