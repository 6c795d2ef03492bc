//! `chart`: latency over time, as SVG.

use soakbox_cli::{Failure, Result};

use super::warn;
use crate::chart;
use crate::figures::{Reading, Timeline};
use crate::output::OutputFile;

pub(crate) fn run(reading: &Reading, operations: &[String], output: OutputFile) -> Result<()> {
    warn(&reading.warnings);
    let timeline = Timeline::of(reading, operations)
        .filter(|timeline| !timeline.operations.is_empty())
        .ok_or_else(|| nothing_to_draw(reading, operations))?;
    output.write(chart::page(&reading.recording.name(), &timeline)?.as_bytes())
}

fn nothing_to_draw(reading: &Reading, operations: &[String]) -> Failure {
    if operations.is_empty() {
        Failure::path(
            &reading.recording.root,
            "no operation has finished yet, so there is nothing to draw",
        )
    } else {
        Failure::new(
            format_args!("--operation {}", operations.join(" ")),
            "the recording has no such operation",
        )
        .hint("`soakbox-analyzer info DIR` lists its operations")
    }
}
