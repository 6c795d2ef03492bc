//! `info` and `summary` as a person reads them in a terminal.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use soakbox_cli::{escaped, escaped_path};
use soakbox_schemas::recording::footer::{LeftOut, ObservedOperation, Vouched};
use soakbox_schemas::tables::LOSS_CAUSES;

use super::{Align, MISSING, Measure, TextTable, measures, shown_measures};
use crate::coverage::Gap;
use crate::figures::{DeletedExtent, Info, Summary, Target};
use crate::units::{bytes, count, duration, rfc3339};
use crate::windows::{MADE_UP, OperationCounts};

const NOTHING: &str = "  no operation was observed yet\n";

pub(super) fn styled() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stdout().is_terminal()
}

/// `info` as text.
pub fn info_text(info: &Info) -> String {
    let mut text = format!("{}\n\n", escaped_path(&info.recording));
    for (name, value) in facts(info) {
        if let Some(value) = value {
            text.push_str(&format!("  {name:<9} {}\n", escaped(&value)));
        }
    }
    text.push('\n');
    let mut tables = TextTable::new([
        ("table", Align::Left),
        ("rows", Align::Right),
        ("files", Align::Right),
        ("size", Align::Right),
    ]);
    for (name, table) in &info.tables {
        tables.row(vec![
            (*name).to_owned(),
            count(table.rows),
            count(table.files),
            bytes(table.bytes as f64),
        ]);
    }
    text.push_str(&tables.render(styled()));
    text.push('\n');
    if !info.deleted.is_empty() {
        text.push_str(&deleted(&info.deleted));
        text.push('\n');
    }
    text.push_str(&operations(&info.operations));
    if !info.observed_operations.is_empty() {
        text.push('\n');
        text.push_str(&observed(&info.observed_operations));
    }
    if !info.left_out.is_empty() {
        text.push('\n');
        text.push_str(&left_out(&info.left_out));
    }
    if !info.vouched.is_empty() {
        text.push('\n');
        text.push_str(&vouched(&info.vouched));
    }
    if !info.gaps.is_empty() {
        text.push('\n');
        text.push_str(&gaps(&info.gaps));
    }
    text
}

fn observed(operations: &[ObservedOperation]) -> String {
    let mut table = TextTable::new([
        ("observed", Align::Left),
        ("function", Align::Left),
        ("the duration leaves out", Align::Left),
    ]);
    let or_missing = |text: &Option<String>| text.clone().unwrap_or_else(|| MISSING.to_owned());
    for observed in operations {
        table.row(vec![
            observed.operation.clone(),
            or_missing(&observed.function),
            or_missing(&observed.left_out),
        ]);
    }
    table.render(styled())
}

fn left_out(operations: &[LeftOut]) -> String {
    let mut table = TextTable::new([("left out", Align::Left), ("reason", Align::Left)]);
    for left_out in operations {
        table.row(vec![left_out.operation.clone(), left_out.reason.clone()]);
    }
    table.render(styled())
}

fn vouched(operations: &[Vouched]) -> String {
    let mut table = TextTable::new([
        ("finish=uretprobe", Align::Left),
        ("the risk that was vouched for", Align::Left),
    ]);
    for vouched in operations {
        table.row(vec![vouched.operation.clone(), vouched.risk.clone()]);
    }
    table.render(styled())
}

fn facts(info: &Info) -> [(&'static str, Option<String>); 10] {
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    let targets: Vec<String> = info.observed.iter().map(Target::label).collect();
    let span = info.from_ns.zip(info.to_ns);
    let state = (!info.running.is_empty()).then(|| "still running".to_owned());
    let journals = (info.journals > 0).then(|| format!("{} not sealed", info.journals));
    [
        (
            "time",
            span.map(|(from, to)| format!("{} to {}", rfc3339(from), rfc3339(to))),
        ),
        (
            "times",
            (!info.times.is_empty()).then(|| MADE_UP.to_owned()),
        ),
        ("state", state),
        ("host", list(&info.hosts)),
        ("CPU", info.cpus_label()),
        ("target", list(&targets)),
        ("source", list(&info.sources)),
        ("recorder", list(&info.recorder_versions)),
        ("runs", list(&info.recorders)),
        ("journals", journals),
    ]
}

fn deleted(tables: &BTreeMap<String, DeletedExtent>) -> String {
    let mut table = TextTable::new([
        ("deleted", Align::Left),
        ("rows", Align::Right),
        ("files", Align::Right),
        ("size", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
    ]);
    for (name, deleted) in tables {
        table.row(vec![
            name.clone(),
            count(deleted.rows),
            count(deleted.files),
            bytes(deleted.bytes as f64),
            rfc3339(deleted.from_ns),
            rfc3339(deleted.until_ns),
        ]);
    }
    table.render(styled())
}

fn gaps(gaps: &[Gap]) -> String {
    let mut table = TextTable::new([
        ("gap from", Align::Left),
        ("to", Align::Left),
        ("length", Align::Right),
        ("cause", Align::Left),
    ]);
    for gap in gaps {
        let missing = || MISSING.to_owned();
        table.row(vec![
            rfc3339(gap.from_ns),
            gap.to_ns.map_or_else(missing, rfc3339),
            gap.length_ns()
                .map_or_else(missing, |ns| duration(ns as f64)),
            gap.cause.clone(),
        ]);
    }
    table.render(styled())
}

fn operations(operations: &[OperationCounts]) -> String {
    if operations.is_empty() {
        return NOTHING.to_owned();
    }
    // A cause without losses has no column.
    let causes: Vec<&str> = LOSS_CAUSES
        .into_iter()
        .filter(|cause| {
            operations
                .iter()
                .any(|o| o.lost.get(cause).is_some_and(|n| *n > 0))
        })
        .collect();
    let shown = causes
        .iter()
        .map(|cause| format!("({})", cause.replace('_', " ")));
    let numbers = [
        "begun",
        "finished",
        "recorded",
        "filtered",
        "sampled out",
        "lost",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(shown)
    .chain(["abandoned", "in flight", "unmatched", "rows"].map(str::to_owned));
    let mut headings = vec![("operation".to_owned(), Align::Left)];
    headings.extend(numbers.map(|name| (name, Align::Right)));
    headings.push(("counts agree".to_owned(), Align::Left));
    let mut table = TextTable::new(headings);
    for operation in operations {
        table.row(operation_row(operation, &causes));
    }
    let mut text = table.render(styled());
    let switched = operations.iter().filter_map(|operation| {
        let share = operation.observed_share?;
        Some(format!(
            "{} {:.3}%",
            escaped(&operation.operation),
            share * 100.0
        ))
    });
    let switched: Vec<String> = switched.collect();
    if !switched.is_empty() {
        text.push_str(&format!(
            "  Probes were switched off and on to hold the limit of overhead. Part of the time on: {}.\n",
            switched.join(", ")
        ));
    }
    let is_cut_off = |operation: &OperationCounts| {
        operation.identity_ok == Some(true) && operation.counters.recorded != operation.rows
    };
    if operations.iter().any(is_cut_off) {
        text.push_str(
            "  Incomplete intervals, cut off by a gap or by the end of a run, are not compared.\n",
        );
    }
    text
}

fn operation_row(operation: &OperationCounts, causes: &[&str]) -> Vec<String> {
    let counted = |text: String| match operation.is_counted {
        true => text,
        false => MISSING.to_owned(),
    };
    let mut cells = vec![operation.operation.clone()];
    let before = [
        operation.counters.begun,
        operation.counters.finished,
        operation.counters.recorded,
        operation.counters.filtered,
        operation.counters.sampled_out,
        operation.lost(),
    ];
    let lost = causes.iter().map(|cause| operation.lost[cause]);
    cells.extend(before.into_iter().chain(lost).map(|n| counted(count(n))));
    cells.push(counted(count(operation.counters.abandoned)));
    cells.push(counted(operation.in_flight.to_string()));
    cells.push(counted(count(operation.counters.unmatched)));
    cells.push(count(operation.rows));
    let agree = match operation.identity_ok {
        Some(true) => "yes",
        Some(false) => "NO",
        None if operation.is_counted => "not known",
        None => "not counted",
    };
    cells.push(agree.to_owned());
    cells
}

/// `summary` as text.
pub fn summary_text(summary: &Summary) -> String {
    let mut text = escaped_path(&summary.recording);
    let span = summary.from_ns.zip(summary.to_ns);
    if let Some(((from, to), observed)) = span.zip(summary.observed_ns) {
        text.push_str(&format!(
            "\n{} to {}, {} observed",
            rfc3339(from),
            rfc3339(to),
            duration(observed as f64)
        ));
    }
    if let Some(reason) = summary.no_rates {
        text.push_str(&format!("\n{reason}: no rate is known"));
    }
    if !summary.running.is_empty() {
        text.push_str(", still running");
    }
    text.push_str("\n\n");
    text.push_str(&summary_table(summary));
    if let Some(note) = summary.durations_note() {
        text.push_str(&format!("\n  {}\n", escaped(&note)));
    }
    if !summary.complete {
        text.push_str("\n  INCOMPLETE: this recording does not hold everything that happened\n");
    } else if !summary.warnings.is_empty() {
        text.push('\n');
    }
    for warning in &summary.warnings {
        text.push_str(&format!("  - {}\n", escaped(&warning.to_string())));
    }
    text
}

fn summary_table(summary: &Summary) -> String {
    let rows: Vec<Vec<Measure>> = summary.operations.iter().map(measures).collect();
    let Some(first) = rows.first() else {
        return NOTHING.to_owned();
    };
    let columns = shown_measures(&summary.operations, &rows);
    let mut headings = vec![("operation", Align::Left)];
    headings.extend(
        columns
            .iter()
            .map(|&column| (first[column].name, Align::Right)),
    );
    let mut table = TextTable::new(headings);
    for (operation, row) in summary.operations.iter().zip(&rows) {
        let mut cells = vec![operation.operation.clone()];
        cells.extend(columns.iter().map(|&column| row[column].text.clone()));
        table.row(cells);
    }
    table.render(styled())
}
