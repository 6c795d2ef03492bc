//! `soak`: growth, decay, bursts, periods and gaps of a long run.

use soakbox_cli::{Format, Result, answer};

use crate::changes::NumberSeries;
use crate::output;
use crate::soak::{FindingAnswer, SoakAnswer, SoakSettings, of_series};

/// Prints the findings of the series, after `others`.
pub(crate) fn run(
    series: &[NumberSeries],
    others: Vec<FindingAnswer>,
    settings: &SoakSettings,
    format: Format,
) -> Result<()> {
    let mut findings = others;
    for one in series {
        findings.extend(of_series(one, settings)?);
    }
    let answer = SoakAnswer::of(findings);
    answer::write(|out| match format {
        Format::Table => out.write_all(output::soak_text(&answer).as_bytes()),
        Format::Json => output::json(&answer, out),
    })
}
