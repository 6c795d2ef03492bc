//! `summary`: the figures of each operation.

use soakbox_cli::{Format, Result, answer};

use super::warn;
use crate::figures::{Reading, Summary};
use crate::output;

pub(crate) fn run(reading: &Reading, format: Format) -> Result<()> {
    let summary = Summary::of(reading);
    if format == Format::Json {
        // The text lists the warnings below its figures.
        warn(&summary.warnings);
    }
    answer::write(|out| match format {
        Format::Table => out.write_all(output::summary_text(&summary).as_bytes()),
        Format::Json => output::json(&summary, out),
    })
}
