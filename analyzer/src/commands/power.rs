//! `selftest` and `compare --plan`: what comparisons with a base can show.

use soakbox_cli::{Format, Result, answer, escaped, message};

use crate::compare::{self, PowerSettings};
use crate::output::{self, OutputFile};
use crate::windows::Run;

/// Prints the answer, and writes the proposed thresholds into a file.
pub(crate) fn run(
    runs: Vec<Run>,
    settings: &PowerSettings,
    format: Format,
    file: Option<OutputFile>,
) -> Result<()> {
    let power = compare::power(runs, settings)?;
    let builds = power.builds.len();
    if settings.self_test && builds > 1 {
        /// More would hide the rest.
        const MOST_NAMED: usize = 3;
        let named = power.builds.iter().take(MOST_NAMED);
        let mut named = named.cloned().collect::<Vec<_>>().join(", ");
        if builds > MOST_NAMED {
            named.push_str(", …");
        }
        message::line(format_args!(
            "warning: the runs are of {builds} builds ({}): a difference between builds is no false \
             alarm; hint: name the runs of one build",
            escaped(&named)
        ));
    }
    if let Some(file) = file {
        let text = compare::proposal(&power, &settings.comparison.options);
        file.write(text.as_bytes())?;
    }
    answer::write(|out| match format {
        Format::Table => out.write_all(output::power_text(&power).as_bytes()),
        Format::Json => output::json(&power, out),
    })
}
