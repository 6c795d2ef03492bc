//! `report`: one HTML file about one recording, or about several next to each other.

use soakbox_cli::{Result, message};

use crate::figures::Reading;
use crate::output::OutputFile;
use crate::report::{self, Side};

/// `readings` opens one recording after another, so that each is closed before the next is read.
pub(crate) fn run(
    readings: impl ExactSizeIterator<Item = Result<Reading>>,
    output: OutputFile,
) -> Result<()> {
    let several = readings.len() > 1;
    let mut sides = Vec::new();
    for reading in readings {
        let reading = reading?;
        let name = reading.recording.name();
        for warning in &reading.warnings {
            if several {
                message::line(format_args!("warning: {name}: {warning}"));
            } else {
                message::line(format_args!("warning: {warning}"));
            }
        }
        sides.push(Side::of(&reading));
    }
    output.write(report::html(&sides)?.as_bytes())
}
