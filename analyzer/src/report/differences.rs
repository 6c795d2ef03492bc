//! Base and candidates next to each other: each measure, and the difference as a plain number.
//! Whether it is good or bad, or larger than chance, is the verdict's part.

use maud::{Markup, html};

use super::html::{heading, shown, table};
use super::shown_operations::ShownOperations;
use super::{Part, Report, Side, role};
use crate::output::{Align, MISSING, Measure, measures};
use crate::units::signed_percent;

/// One table per operation.
pub(super) fn section(report: &Report, operations: &ShownOperations<'_>, part: &Part) -> Markup {
    let sides = report.sides.as_slice();
    let roles: Vec<String> = (0..sides.len()).map(|index| role(report, index)).collect();
    let mut headings = vec![("figure", Align::Left)];
    for (index, role) in roles.iter().enumerate() {
        headings.push((role, Align::Right));
        if has_difference(report, index) {
            headings.push(("difference", Align::Right));
        }
    }
    html! {
        section {
            (heading(part.level, html! { "Figures of both sides" }))
            @if report.bases == 1 {
                p {
                    "A difference is candidate / base − 1. The difference of a share, such as "
                    "failures, is in percentage points."
                } "\n"
            }
            (operations.note())
            div class="tables" { "\n"
                @for operation in operations.names.iter().copied() {
                    div {
                        (heading(part.level + 1, html! { span class="name" { (shown(operation)) } }))
                        (table(
                            &format!("{operation}: figures side by side"),
                            &headings,
                            &rows(report, sides, operation),
                        ))
                    } "\n"
                }
            } "\n"
        } "\n"
    }
}

/// With several bases there is none to subtract.
fn has_difference(report: &Report, index: usize) -> bool {
    report.bases == 1 && index > 0
}

fn rows(report: &Report, sides: &[Side], operation: &str) -> Vec<Vec<String>> {
    let columns: Vec<Vec<Measure>> = sides
        .iter()
        .map(|side| {
            let mut operations = side.summary.operations.iter();
            operations
                .find(|found| found.operation == operation)
                .map(measures)
                .unwrap_or_default()
        })
        .collect();
    let names = columns.iter().find(|column| !column.is_empty());
    let names = names.into_iter().flatten().map(|measure| measure.name);
    let row = |(line, name): (usize, &str)| {
        let mut row = vec![name.to_owned()];
        let base = columns[0].get(line);
        for (index, column) in columns.iter().enumerate() {
            let measure = column.get(line);
            row.push(measure.map_or_else(|| MISSING.to_owned(), |measure| measure.text.clone()));
            if has_difference(report, index) {
                row.push(difference(base, measure));
            }
        }
        row
    };
    let is_missing = |row: &Vec<String>| row[1..].iter().all(|cell| cell == MISSING);
    names
        .enumerate()
        .map(row)
        .filter(|row| !is_missing(row))
        .collect()
}

fn difference(base: Option<&Measure>, candidate: Option<&Measure>) -> String {
    let values = base
        .and_then(|measure| measure.value)
        .zip(candidate.and_then(|measure| measure.value));
    match (values, base.is_some_and(|measure| measure.is_share)) {
        (Some((base, candidate)), true) => signed_percent(candidate - base).replace('%', "points"),
        (Some((base, candidate)), false) if base > 0.0 => signed_percent(candidate / base - 1.0),
        _ => MISSING.to_owned(),
    }
}
