//! `changes`: when the numbers of a recording or of a file changed.

use soakbox_cli::{Format, Result, answer};

use crate::changes::{NumberSeries, changes};
use crate::cli::ChangesPlan;
use crate::output;

pub(crate) fn run(series: &[NumberSeries], plan: &ChangesPlan) -> Result<()> {
    let found = changes(series, plan.false_alarm, &plan.least)?;
    answer::write(|out| match plan.format {
        Format::Table => out.write_all(output::changes_text(&found).as_bytes()),
        Format::Json => output::json(&found, out),
    })
}
