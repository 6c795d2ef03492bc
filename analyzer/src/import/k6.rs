//! Points of k6: `k6 run --out csv=FILE` and `--out json=FILE` (JSON lines). Each point of a metric of
//! times, `http_req_duration` by default, is one operation; points of other metrics are left out.
//!
//! <https://grafana.com/docs/k6/latest/results-output/real-time/csv/> and `…/json/`: a value of time is
//! in milliseconds, and the time of a point of a request is when it ended.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;

use super::columns::{Columns, FinishPlace, OperationPlace};
use super::csv::same_cells;
use super::lines::{Lines, json};
use super::mapping::{Operation, TimeForm, Unit};
use super::records::Records;
use super::refusal::Refusal;
use super::rows::{Row, Rows};
use super::source::{Source, is_json};

/// The column that has the tags which have no column of their own: `a=1&b=2`.
const OTHER_TAGS: &str = "extra_tags";
/// The tag that tells whether k6 counted the request as successful.
const EXPECTED: &str = "expected_response";
const STATUS: &str = "status";
/// How such a file is written.
const HINT: &str = "k6 writes it: k6 run --out csv=FILE, or --out json=FILE";

/// What to read of a file of k6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct K6 {
    /// The metric whose points are operations.
    pub metric: String,
    /// The tag with the names of operations.
    pub operation: Operation,
    /// The form of the times of a CSV file; JSON has RFC 3339.
    pub time: TimeForm,
}

/// The rows of a file of k6.
pub(super) struct K6Rows<R> {
    points: Points<R>,
    metric: String,
    /// The tag with the names of operations; empty where all have one name.
    tag: String,
    rows: Rows,
}

enum Points<R> {
    Csv(Box<Records<R>>, Places),
    Json(Lines<R>),
}

/// The places of the columns that are read.
struct Places {
    count: usize,
    metric: usize,
    time: usize,
    value: usize,
    tag: Option<usize>,
    expected: Option<usize>,
    status: Option<usize>,
    others: Option<usize>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    metric: Cow<'a, str>,
    #[serde(borrow)]
    data: Data<'a>,
}

/// The parts of a point; other lines have others.
#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    value: Option<f64>,
    #[serde(borrow)]
    tags: Option<HashMap<Cow<'a, str>, Cow<'a, str>>>,
}

impl<R: BufRead> K6Rows<R> {
    /// Of a file, CSV or JSON lines.
    ///
    /// # Errors
    /// Where it is empty, or has none of k6's columns.
    pub(super) fn new(mut input: R, k6: &K6) -> Result<Self, Refusal> {
        let is_json = is_json(&mut input)?;
        let (tag, operation) = match &k6.operation {
            Operation::Column(tag) => (tag.as_str(), OperationPlace::Column(2)),
            Operation::Name(name) => ("", OperationPlace::Name(name.clone())),
        };
        let form = if is_json { TimeForm::Rfc3339 } else { k6.time };
        let points = if is_json {
            Points::Json(Lines::new(input))
        } else {
            let mut records = Records::new(input);
            records.advance()?;
            let places = Places::find(&records, tag)?;
            Points::Csv(Box::new(records), places)
        };
        Ok(Self {
            points,
            metric: k6.metric.clone(),
            tag: tag.to_owned(),
            rows: Rows::new(Columns {
                count: 4,
                duration: (0, Unit::Milliseconds),
                finish: FinishPlace::Column(1, form),
                operation,
                success: Some(3),
                memory: None,
                bytes: None,
            }),
        })
    }
}

impl<R: BufRead> Source for K6Rows<R> {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        match &mut self.points {
            Points::Csv(records, places) => {
                while records.advance()? {
                    same_cells(records, places.count)?;
                    if records.cell(places.metric) == self.metric.as_bytes() {
                        let row = of_record(records, places, &self.tag, &mut self.rows);
                        return row
                            .map(Some)
                            .map_err(|refusal| refusal.at(|reason| records.at_line(reason)));
                    }
                }
            }
            Points::Json(lines) => {
                return lines.row(|line| of_line(line, &self.metric, &self.tag, &mut self.rows));
            }
        }
        Ok(None)
    }

    fn names(&self) -> &[String] {
        self.rows.names()
    }

    fn without_rows(&self) -> Refusal {
        let reason = format!("has no point of the metric {:?}", self.metric);
        Refusal::from(reason).hint("--metric NAME reads another one")
    }
}

impl Places {
    fn find<R: BufRead>(header: &Records<R>, tag: &str) -> Result<Self, Refusal> {
        let place =
            |name: &str| (0..header.count()).find(|place| header.cell(*place) == name.as_bytes());
        let needed = |name: &str| {
            place(name).ok_or_else(|| Refusal::from(format!("has no column {name}")).hint(HINT))
        };
        Ok(Self {
            count: header.count(),
            metric: needed("metric_name")?,
            time: needed("timestamp")?,
            value: needed("metric_value")?,
            tag: place(tag),
            expected: place(EXPECTED),
            status: place(STATUS),
            others: place(OTHER_TAGS),
        })
    }
}

/// The row of a CSV record.
fn of_record<R: BufRead>(
    records: &Records<R>,
    places: &Places,
    tag: &str,
    rows: &mut Rows,
) -> Result<Row, Refusal> {
    let others = places.others.map_or(&b""[..], |place| records.cell(place));
    let other = |name: &str| {
        let mut pairs = others.split(|byte| *byte == b'&');
        let value = pairs.find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        value.unwrap_or_default()
    };
    let cell = |place: Option<usize>, name| match place {
        Some(place) => records.cell(place),
        None => other(name),
    };
    let outcome = outcome(cell(places.expected, EXPECTED), cell(places.status, STATUS));
    let cells = [
        records.cell(places.value),
        records.cell(places.time),
        cell(places.tag, tag),
        outcome,
    ];
    row(rows, cells, tag)
}

/// The row of a JSON line; `None` where it is no point of the metric.
fn of_line(line: &[u8], metric: &str, tag: &str, rows: &mut Rows) -> Result<Option<Row>, Refusal> {
    let line: Line<'_> = json(line, "k6", HINT)?;
    if line.kind != "Point" || line.metric != metric {
        return Ok(None);
    }
    let value = line.data.value.map(|value| value.to_string());
    let tags = line.data.tags.unwrap_or_default();
    let tagged = |name: &str| tags.get(name).map_or(&b""[..], |value| value.as_bytes());
    let cells = [
        value.as_deref().unwrap_or_default().as_bytes(),
        line.data.time.as_deref().unwrap_or_default().as_bytes(),
        tagged(tag),
        outcome(tagged(EXPECTED), tagged(STATUS)),
    ];
    row(rows, cells, tag).map(Some)
}

fn row(rows: &mut Rows, cells: [&[u8]; 4], tag: &str) -> Result<Row, Refusal> {
    if !tag.is_empty() && cells[2].is_empty() {
        let reason = format!("the tag {tag} is missing, which has the operation");
        return Err(Refusal::from(reason).hint("--operation TAG reads another tag, =NAME none"));
    }
    let row = rows.row(|place| cells[place]);
    row.map_err(|refusal| match refusal.reason.contains("2261") {
        true => refusal.hint(
            "k6 writes seconds; of another timeFormat name it: --time unix_milli, unix_micro, \
             unix_nano or rfc3339",
        ),
        false => refusal,
    })
}

/// What k6 counted; without that, its own default: a status from 200 to 399 is a success.
fn outcome<'a>(expected: &'a [u8], status: &'a [u8]) -> &'a [u8] {
    if !expected.is_empty() || status.is_empty() {
        return expected;
    }
    match super::decimal::scaled(status, 0) {
        Ok(200..=399) => b"true",
        Ok(_) => b"false",
        // Refused with the text.
        Err(_) => status,
    }
}
