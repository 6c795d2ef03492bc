//! `chart`: a chart as SVG, or its numbers as a table.

use soakbox_cli::{Failure, Result};

use crate::chart::{self, Chart};
use crate::cli::ChartFormat;
use crate::figures::Reading;
use crate::output::{self, OutputFile};

/// Draws the chart, or writes its numbers.
pub(crate) fn run(chart: &dyn Chart, format: ChartFormat, output: OutputFile) -> Result<()> {
    let text = match format {
        ChartFormat::Svg => chart::page(chart)?,
        ChartFormat::Csv => output::numbers_csv(&chart.numbers()),
        ChartFormat::Markdown => output::numbers_markdown(&chart.numbers()),
    };
    output.write(text.as_bytes())
}

/// The failure where there is nothing to draw.
pub(crate) fn nothing_to_draw(reading: &Reading, operations: &[String], what: &str) -> Failure {
    let known = |name: &String| {
        reading
            .counts
            .iter()
            .any(|counts| counts.operation == *name)
    };
    match operations.iter().find(|name| !known(name)) {
        Some(unknown) => Failure::new(
            format_args!("--operation {unknown}"),
            "the recording has no such operation",
        )
        .hint("`soakbox-analyzer info DIR` lists its operations"),
        None => Failure::path(
            &reading.recording.root,
            format_args!("{what}, so there is nothing to draw"),
        ),
    }
}
