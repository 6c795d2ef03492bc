//! Base and candidates next to each other: each measure, and the difference as a plain number. The
//! report does not judge whether a difference is good or bad, or larger than chance: one run per
//! side cannot show that.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::html::{shown, table};
use super::{Side, role};
use crate::output::{Align, MISSING, Measure, measures};
use crate::units::signed_percent;

/// One table per operation.
pub(super) fn section(sides: &[Side]) -> Markup {
    let operations: BTreeSet<&str> = sides
        .iter()
        .flat_map(|side| &side.summary.operations)
        .map(|operation| operation.operation.as_str())
        .collect();
    let roles: Vec<String> = (0..sides.len()).map(|index| role(sides, index)).collect();
    let mut headings = vec![("figure", Align::Left)];
    for (index, role) in roles.iter().enumerate() {
        headings.push((role, Align::Right));
        if index > 0 {
            headings.push(("difference", Align::Right));
        }
    }
    html! {
        section {
            h2 { "Differences" } "\n"
            p {
                "A difference is candidate / base − 1. The difference of a share, such as "
                "failures, is in percentage points."
            } "\n"
            div class="tables" { "\n"
                @for operation in operations {
                    div {
                        h3 { (shown(operation)) } "\n"
                        (table(
                            &format!("{operation}: figures side by side"),
                            &headings,
                            &rows(sides, operation),
                        ))
                    } "\n"
                }
            } "\n"
        } "\n"
    }
}

fn rows(sides: &[Side], operation: &str) -> Vec<Vec<String>> {
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
            if index > 0 {
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
