//! `soak`: growth, decay, stops, bursts, periods and gaps of a long run.

use soakbox_cli::{Format, Result, answer};

use crate::output;
use crate::soak::{SoakRun, SoakSeries, SoakSettings, findings};

/// Prints the findings of the runs and of the series.
pub(crate) fn run(
    runs: &[SoakRun<'_>],
    series: &[SoakSeries],
    settings: &SoakSettings,
    format: Format,
) -> Result<()> {
    let answer = findings(runs, series, settings)?;
    answer::write(|out| match format {
        Format::Table => out.write_all(output::soak_text(&answer).as_bytes()),
        Format::Json => output::json(&answer, out),
    })
}
