//! `report`: one HTML file about a soak test, or about candidates against a base.

use soakbox_cli::Result;

use crate::output::OutputFile;
use crate::report::{self, Report};

/// Writes the page.
pub(crate) fn run(report: &Report, output: OutputFile) -> Result<()> {
    output.write(report::html(report)?.as_bytes())
}
