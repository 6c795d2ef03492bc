//! The numbers of a chart as CSV for programs, and as Markdown for people.

use crate::chart::{Cell, Numbers};

use super::markdown::literal;

/// As CSV with a header line: times in RFC 3339, numbers in the unit that the name of the column ends
/// with, and nothing where a number was not measured.
pub fn numbers_csv(numbers: &Numbers) -> String {
    let names = numbers.columns.iter().map(|column| quoted(&column.name));
    let mut text = line(names, ",");
    for row in &numbers.rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Text(text) => quoted(text),
            Cell::Time(ns) => crate::units::rfc3339(*ns),
            Cell::Number(value) | Cell::Measured(value, _) => {
                value.map_or_else(String::new, |value| value.to_string())
            }
        });
        text.push_str(&line(cells, ","));
    }
    text
}

/// As a Markdown table with units. No text is interpreted.
pub fn numbers_markdown(numbers: &Numbers) -> String {
    let bordered = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let columns = &numbers.columns;
    let mut text = bordered(columns.iter().map(|column| literal(&column.name)).collect());
    let rule = |is_number: bool| if is_number { "---:" } else { "---" }.to_owned();
    text.push_str(&bordered(
        columns.iter().map(|one| rule(one.unit.is_some())).collect(),
    ));
    for row in &numbers.rows {
        let cells = row.iter().zip(columns);
        let cells = cells.map(|(cell, column)| literal(&column.shown(cell)));
        text.push_str(&bordered(cells.collect()));
    }
    text
}

fn line(cells: impl Iterator<Item = String>, between: &str) -> String {
    let cells: Vec<String> = cells.collect();
    format!("{}\n", cells.join(between))
}

/// A text as a cell of CSV.
fn quoted(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Column, Unit};

    #[test]
    fn a_table_is_the_same_in_both_forms() {
        let column = |name: &str, unit| Column {
            name: name.to_owned(),
            unit,
        };
        let columns = vec![
            column("operation", None),
            column("p50_ns", Some(Unit::Nanoseconds)),
        ];
        let mut numbers = Numbers::of("latency", columns);
        numbers.rows = vec![
            vec![
                Cell::Text("a,\"b\"|".to_owned()),
                Cell::Number(Some(1_240_000.0)),
            ],
            vec![Cell::Text("c".to_owned()), Cell::Number(None)],
        ];
        let csv = "operation,p50_ns\n\"a,\"\"b\"\"|\",1240000\nc,\n";
        assert_eq!(numbers_csv(&numbers), csv);
        let markdown =
            "| operation | p50\\_ns |\n| --- | ---: |\n| a,\"b\"\\| | 1.24 ms |\n| c |  |\n";
        assert_eq!(numbers_markdown(&numbers), markdown);
    }
}
