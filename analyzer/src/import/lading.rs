//! Captures of lading: JSON lines, each with a value of a metric at a time. `lading_capture::line` of
//! <https://github.com/DataDog/lading> defines them; labels are keys of the same object.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use super::decimal::scaled;
use super::lines::{Lines, json};
use super::mapping::{Operation, Unit};
use super::names::Names;
use super::refusal::Refusal;
use super::rows::{Row, in_calendar, shown};
use super::source::Source;

/// The only kind of metrics whose values may be durations.
const GAUGE: &str = "gauge";
const MILLISECOND_NS: u64 = 1_000_000;
/// How such a file is written.
const HINT: &str = "a capture of lading has a line of JSON for each value";
/// The first bytes of a capture in Parquet.
const PARQUET: &[u8] = b"PAR1";
const PARQUET_HINT: &str = "select the rows of the metric: soakbox-analyzer sql --table l=FILE 'SELECT …' -o ROWS.parquet, \
    and import parquet ROWS.parquet; docs/import.md has the query";

/// Which lines are operations, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lading {
    /// The metric.
    pub metric: String,
    /// The unit of its values.
    pub unit: Unit,
    /// The label with the names of operations, or one name; the metric where there is none.
    pub operation: Option<Operation>,
}

/// The rows of a capture.
pub(super) struct LadingRows<R> {
    lines: Lines<R>,
    values: Values,
}

/// The values of the metric.
struct Values {
    about: Lading,
    names: Names,
}

#[derive(Deserialize)]
struct Line<'a> {
    /// ms since 1970.
    time: u64,
    #[serde(borrow)]
    metric_name: Cow<'a, str>,
    #[serde(borrow)]
    metric_kind: Cow<'a, str>,
    // Of another metric it may be anything: null where it is not finite.
    #[serde(default)]
    value: Value,
    #[serde(flatten)]
    labels: BTreeMap<String, Value>,
}

impl<R: BufRead> LadingRows<R> {
    /// Of a capture.
    pub(super) fn new(input: R, about: &Lading) -> Self {
        Self {
            lines: Lines::new(input),
            values: Values {
                about: about.clone(),
                names: Names::default(),
            },
        }
    }
}

impl Values {
    /// The row of a line; `None` if it is of another metric.
    fn row(&mut self, line: &[u8]) -> Result<Option<Row>, Refusal> {
        if line.starts_with(PARQUET) {
            return Err(Refusal::from("is a capture in Parquet").hint(PARQUET_HINT));
        }
        let line: Line<'_> = json(line, "lading", HINT)?;
        if line.metric_name != self.about.metric {
            return Ok(None);
        }
        if line.metric_kind != GAUGE {
            let reason = format!("{} is a {}", line.metric_name, line.metric_kind);
            return Err(Refusal::from(reason).hint("a gauge may have durations as its values"));
        }
        let value = line.value.to_string();
        if !line.value.is_number() {
            return Err(format!("the value {value} is no number").into());
        }
        let duration_ns = scaled(value.as_bytes(), self.about.unit.power());
        let duration_ns = duration_ns
            .map_err(|error| format!("the value {} {error}", shown(value.as_bytes())))?;
        let name = match &self.about.operation {
            None => self.about.metric.as_str(),
            Some(Operation::Name(name)) => name.as_str(),
            Some(Operation::Column(label)) => name_of(&line.labels, label)?,
        };
        Ok(Some(Row {
            finished_at_ns: in_calendar(line.time.saturating_mul(MILLISECOND_NS))?,
            duration_ns,
            operation: self.names.place(name.as_bytes())?,
            success: None,
            memory_bytes: None,
            bytes: None,
        }))
    }
}

/// The value of a label.
fn name_of<'a>(labels: &'a BTreeMap<String, Value>, label: &str) -> Result<&'a str, Refusal> {
    const HINT: &str = "--operation names a label whose values are texts, or =NAME for all values";
    let shown = shown(label.as_bytes());
    let reason = match labels.get(label) {
        Some(Value::String(name)) => return Ok(name),
        Some(_) => format!("the value of {shown} is no text"),
        None => format!("has no label {shown}"),
    };
    Err(Refusal::from(reason).hint(HINT))
}

impl<R: BufRead> Source for LadingRows<R> {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        self.lines.row(|line| self.values.row(line))
    }

    fn names(&self) -> &[String] {
        self.values.names.as_slice()
    }

    fn without_rows(&self) -> Refusal {
        let metric = &self.values.about.metric;
        Refusal::from(format!("has no line of the metric {metric:?}"))
            .hint("--metric names a gauge of the capture")
    }
}

#[cfg(test)]
mod tests;
