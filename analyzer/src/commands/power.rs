//! `selftest` and `compare --plan`: what comparisons with a base can show.

use soakbox_cli::{Format, Result, answer};

use crate::compare::{self, PowerSettings};
use crate::output;
use crate::windows::Run;

/// Prints the answer.
pub(crate) fn run(runs: Vec<Run>, settings: &PowerSettings, format: Format) -> Result<()> {
    let power = compare::power(runs, settings)?;
    answer::write(|out| match format {
        Format::Table => out.write_all(output::power_text(&power).as_bytes()),
        Format::Json => output::json(&power, out),
    })
}
