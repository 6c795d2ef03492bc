//! Base and candidates side by side: each figure, and the difference as a plain number. No word on whether it is
//! good or bad, or more than chance: one run per side cannot tell.

use std::collections::BTreeSet;

use super::html::{element, escape, table};
use super::{Side, role};
use crate::output::figures::{Figure, MISSING, figures};
use crate::output::units::signed_percent;

/// One table per operation.
pub(super) fn section(sides: &[Side]) -> String {
    let mut html = String::from("<h2>Differences</h2>\n");
    html.push_str(
        "<p>A difference is candidate / base − 1; of a share, such as failures, it is in percentage points.</p>\n",
    );
    let operations: BTreeSet<&str> = sides
        .iter()
        .flat_map(|side| &side.summary.operations)
        .map(|operation| operation.operation.as_str())
        .collect();
    let mut names = vec!["figure".to_owned()];
    for index in 0..sides.len() {
        names.push(role(sides, index));
        if index > 0 {
            names.push("difference".to_owned());
        }
    }
    html.push_str("<div class=\"tables\">\n");
    for operation in operations {
        let caption = format!("{operation}: figures side by side");
        let table = table(&caption, &names, &rows(sides, operation));
        let heading = element("h3", &escape(operation));
        html.push_str(&element("div", &format!("{heading}{table}")));
    }
    html.push_str("</div>\n");
    element("section", &html)
}

fn rows(sides: &[Side], operation: &str) -> Vec<Vec<String>> {
    let columns: Vec<Vec<Figure>> = sides
        .iter()
        .map(|side| {
            let mut operations = side.summary.operations.iter();
            operations
                .find(|found| found.operation == operation)
                .map(figures)
                .unwrap_or_default()
        })
        .collect();
    let names = columns.iter().find(|column| !column.is_empty());
    let names = names.into_iter().flatten().map(|figure| figure.name);
    let row = |(line, name): (usize, &str)| {
        let mut row = vec![name.to_owned()];
        let base = columns[0].get(line);
        for (index, column) in columns.iter().enumerate() {
            let figure = column.get(line);
            row.push(figure.map_or_else(|| MISSING.to_owned(), |figure| figure.text.clone()));
            if index > 0 {
                row.push(difference(base, figure));
            }
        }
        row
    };
    let missing = |row: &Vec<String>| row[1..].iter().all(|cell| cell == MISSING);
    names
        .enumerate()
        .map(row)
        .filter(|row| !missing(row))
        .collect()
}

fn difference(base: Option<&Figure>, candidate: Option<&Figure>) -> String {
    let values = base
        .and_then(|figure| figure.value)
        .zip(candidate.and_then(|figure| figure.value));
    match (values, base.is_some_and(|figure| figure.share)) {
        (Some((base, candidate)), true) => signed_percent(candidate - base).replace('%', "points"),
        (Some((base, candidate)), false) if base > 0.0 => signed_percent(candidate / base - 1.0),
        _ => MISSING.to_owned(),
    }
}
