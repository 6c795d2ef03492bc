//! Baselines as a person reads them in a terminal.

use soakbox_cli::{escaped, escaped_path};

use super::text::styled;
use super::verdict::{list, magnitude_text, value_text};
use super::{Align, MISSING, TextTable};
use crate::baseline::{BaselineDiff, Baselines, Contents, OperationContents};
use crate::units::{count, duration, percent, rfc3339};
use crate::windows::{MADE_UP, RunIdentity};

/// The runs of a baseline and their figures.
pub fn baseline_text(contents: &Contents) -> String {
    let mut text = format!("{}\n", escaped_path(&contents.file));
    for run in &contents.runs {
        text.push('\n');
        for (name, fact) in facts(&run.identity) {
            text.push_str(&format!("  {name:<9} {}\n", escaped(&fact)));
        }
        text.push_str(&figures(&run.operations));
    }
    text
}

/// Who recorded a run, where and when, with the names of the facts.
fn facts(run: &RunIdentity) -> Vec<(&'static str, String)> {
    let targets = run.targets.iter().map(|target| match &target.build_id {
        Some(build_id) => format!("{} (build {build_id})", target.path),
        None => target.path.clone(),
    });
    let time = match run.has_length() {
        true => (
            "time",
            format!("{} to {}", rfc3339(run.first_ns), rfc3339(run.last_ns)),
        ),
        false => ("times", format!("{MADE_UP}: no rate is known")),
    };
    let mut facts = vec![
        ("run", run.name.clone()),
        time,
        ("host", format!("{}, kernel {}", run.host, run.kernel)),
        ("CPU", run.cpu.to_string()),
        ("target", targets.collect::<Vec<_>>().join(", ")),
        ("recorder", run.recorder_version.clone()),
    ];
    facts.retain(|(_, fact)| !fact.is_empty());
    let warnings = run.warnings.iter();
    facts.extend(warnings.map(|warning| ("warning", warning.clone())));
    facts
}

/// The figures of a run's operations.
fn figures(operations: &[OperationContents]) -> String {
    let mut table = TextTable::new([
        ("operation", Align::Left),
        ("count", Align::Right),
        ("lost", Align::Right),
        ("windows", Align::Right),
        ("of", Align::Right),
        ("metric", Align::Left),
        ("value", Align::Right),
        ("± standard error", Align::Right),
    ]);
    for operation in operations {
        let mut first = [
            operation.operation.clone(),
            count(operation.count),
            count(operation.lost),
            (operation.windows - operation.missing).to_string(),
            duration(operation.window_s * 1e9),
        ];
        for metric in &operation.metrics {
            let error = metric.error.map(|error| match metric.absolute {
                true => magnitude_text(&metric.quantity, error),
                false => percent(error),
            });
            let mut cells = first.to_vec();
            cells.push(metric.metric.clone());
            cells.push(value_text(&metric.quantity, metric.value));
            cells.push(error.unwrap_or_else(|| MISSING.to_owned()));
            table.row(cells);
            first = Default::default();
        }
        if operation.metrics.is_empty() {
            table.row(first.to_vec());
        }
    }
    table.render(styled())
}

/// Baselines in a table.
pub fn baselines_text(baselines: &Baselines) -> String {
    let mut table = TextTable::new([
        ("baseline", Align::Left),
        ("runs", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
        ("lost", Align::Right),
        ("operations", Align::Left),
        ("builds", Align::Left),
    ]);
    for one in &baselines.baselines {
        let time = |ns: Option<i64>| ns.map_or_else(|| MISSING.to_owned(), rfc3339);
        table.row(vec![
            escaped_path(&one.file),
            one.runs.to_string(),
            time(one.first_ns),
            time(one.last_ns),
            count(one.lost),
            one.operations.join(", "),
            one.builds.join(", "),
        ]);
    }
    if table.is_empty() {
        return "  no baseline is there\n".to_owned();
    }
    table.render(styled())
}

/// What differs between two sides.
pub fn baseline_diff_text(diff: &BaselineDiff) -> String {
    let mut table = TextTable::new([
        ("property", Align::Left),
        ("base", Align::Left),
        ("other", Align::Left),
    ]);
    for difference in &diff.differences {
        table.row(vec![
            difference.property.to_owned(),
            list(&difference.base),
            list(&difference.candidate),
        ]);
    }
    if table.is_empty() {
        return "  nothing differs besides the measurements\n".to_owned();
    }
    table.render(styled())
}
