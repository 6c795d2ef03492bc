//! Results of vegeta: what `vegeta encode` writes, JSON lines (its default) or CSV (`--to csv`).
//!
//! <https://github.com/tsenart/vegeta#encode-command>: the timestamp is when the request began, and the
//! latency is in nanoseconds, so that it finished at their sum. A CSV file has no header.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;

use super::columns::{Columns, FinishPlace, OperationPlace};
use super::lines::{Lines, json};
use super::mapping::{Operation, TimeForm, Unit};
use super::records::Records;
use super::refusal::Refusal;
use super::rows::{Row, Rows};
use super::source::{Source, is_json};

/// How such a file is written.
const HINT: &str = "`vegeta encode results.bin > FILE` writes such lines";
/// Numbers of cells of a CSV record: those of versions before 12.7 have no method, URL and headers.
const CELLS: [usize; 2] = [9, 12];

/// What has the names of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Attack,
    Method,
    Url,
    /// All have one name.
    None,
}

/// The rows of a file of vegeta.
pub(super) struct VegetaRows<R> {
    results: Results<R>,
    field: Field,
    rows: Rows,
}

enum Results<R> {
    /// With the number of cells of the first record, once it was read.
    Csv(Box<Records<R>>, Option<usize>),
    Json(Lines<R>),
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    latency: i64,
    code: u16,
    bytes_in: u64,
    #[serde(borrow, default)]
    error: Cow<'a, str>,
    #[serde(borrow, default)]
    attack: Cow<'a, str>,
    #[serde(borrow, default)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    url: Cow<'a, str>,
}

impl<R: BufRead> VegetaRows<R> {
    /// Of a file, CSV or JSON lines.
    ///
    /// # Errors
    /// Where it is empty, or `operation` names no part of a result that has names.
    pub(super) fn new(mut input: R, operation: &Operation) -> Result<Self, Refusal> {
        let (field, operation) = match operation {
            Operation::Name(name) => (Field::None, OperationPlace::Name(name.clone())),
            Operation::Column(name) => {
                let field = match name.as_str() {
                    "attack" => Field::Attack,
                    "method" => Field::Method,
                    "url" => Field::Url,
                    _ => {
                        let refusal = Refusal::from(format!("has no names in {name:?}"));
                        return Err(refusal.hint("--operation url, method, attack or =NAME"));
                    }
                };
                (field, OperationPlace::Column(2))
            }
        };
        let is_json = is_json(&mut input)?;
        let form = match is_json {
            true => TimeForm::Rfc3339,
            false => TimeForm::Since1970(Unit::Nanoseconds),
        };
        Ok(Self {
            results: match is_json {
                true => Results::Json(Lines::new(input)),
                false => Results::Csv(Box::new(Records::new(input)), None),
            },
            field,
            rows: Rows::new(Columns {
                count: 5,
                duration: (0, Unit::Nanoseconds),
                finish: FinishPlace::Column(1, form),
                operation,
                success: Some(3),
                memory: None,
                bytes: Some(4),
            }),
        })
    }
}

impl<R: BufRead> Source for VegetaRows<R> {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        match &mut self.results {
            Results::Csv(records, cells) => {
                if !records.advance()? {
                    return Ok(None);
                }
                let cells = *cells.get_or_insert(records.count());
                let row = of_record(records, cells, self.field, &mut self.rows);
                row.map(Some)
                    .map_err(|refusal| refusal.at(|reason| records.at_line(reason)))
            }
            Results::Json(lines) => {
                lines.row(|line| of_line(line, self.field, &mut self.rows).map(Some))
            }
        }
    }

    fn names(&self) -> &[String] {
        self.rows.names()
    }

    fn without_rows(&self) -> Refusal {
        "has no result".into()
    }
}

/// The row of a CSV record.
fn of_record<R: BufRead>(
    records: &Records<R>,
    cells: usize,
    field: Field,
    rows: &mut Rows,
) -> Result<Row, Refusal> {
    if !CELLS.contains(&records.count()) {
        let reason = format!("has {} cells, and a result has 9 or 12", records.count());
        let hint = "vegeta writes it: vegeta encode --to csv, or --to json";
        return Err(Refusal::from(reason).hint(hint));
    }
    if records.count() != cells {
        return Err(format!("has {} cells, and the first has {cells}", records.count()).into());
    }
    let name = match field {
        Field::Attack => 7,
        Field::Method => 9,
        Field::Url => 10,
        // Not read.
        Field::None => 7,
    };
    let name = if name < cells {
        records.cell(name)
    } else {
        &[]
    };
    let code = super::decimal::scaled(records.cell(1), 0);
    let code = code.map_err(|error| format!("the status code {error}"))?;
    let cells = [
        records.cell(2),
        records.cell(0),
        name,
        outcome(code, records.cell(5).is_empty()),
        records.cell(4),
    ];
    row(rows, cells, field)
}

/// The row of a JSON line.
fn of_line(line: &[u8], field: Field, rows: &mut Rows) -> Result<Row, Refusal> {
    let line: Line<'_> = json(line, "vegeta", HINT)?;
    let (latency, bytes) = (line.latency.to_string(), line.bytes_in.to_string());
    let name = match field {
        Field::Attack => line.attack,
        Field::Method => line.method,
        Field::Url => line.url,
        Field::None => Cow::Borrowed(""),
    };
    let cells = [
        latency.as_bytes(),
        line.timestamp.as_bytes(),
        name.as_bytes(),
        outcome(line.code.into(), line.error.is_empty()),
        bytes.as_bytes(),
    ];
    row(rows, cells, field)
}

fn row(rows: &mut Rows, cells: [&[u8]; 5], field: Field) -> Result<Row, Refusal> {
    if field != Field::None && cells[2].is_empty() {
        let refusal = Refusal::from("the operation is missing");
        return Err(refusal.hint("--operation url, method, attack or =NAME"));
    }
    rows.row(|place| cells[place])?.of_begin()
}

/// As vegeta's own report: a status from 200 to 399 is a success. A request without an answer has an
/// error.
fn outcome(code: u64, is_without_error: bool) -> &'static [u8] {
    match is_without_error && (200..400).contains(&code) {
        true => b"true",
        false => b"false",
    }
}
