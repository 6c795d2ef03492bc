//! `report`: one HTML file or a Markdown summary about a soak test, or about candidates against a
//! base.

use soakbox_cli::Result;

use crate::cli::ReportFormat;
use crate::output::OutputFile;
use crate::report::{self, Report};

/// Writes the report.
pub(crate) fn run(report: &Report, format: ReportFormat, output: OutputFile) -> Result<()> {
    let text = match format {
        ReportFormat::Html => report::html(report)?,
        ReportFormat::Markdown => report::markdown(report),
    };
    output.write(text.as_bytes())
}
