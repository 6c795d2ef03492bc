//! Captures of lading: JSON lines, each with a value of a metric at a time. `lading_capture::line` of
//! <https://github.com/DataDog/lading> defines them; labels are keys of the same object.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::{Number, Value};

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
    value: Number,
    #[serde(flatten)]
    labels: BTreeMap<String, Value>,
}

impl<R: BufRead> LadingRows<R> {
    /// Of a capture.
    pub(super) fn new(input: R, about: &Lading) -> Self {
        Self {
            lines: Lines::new(input),
            about: about.clone(),
            names: Names::default(),
        }
    }

    /// The row of the last line; `None` if it is of another metric.
    fn row(&mut self) -> Result<Option<Row>, Refusal> {
        let line: Line<'_> = json(self.lines.line(), "lading")?;
        if line.metric_name != self.about.metric {
            return Ok(None);
        }
        if line.metric_kind != GAUGE {
            let reason = format!("{} is a {}", line.metric_name, line.metric_kind);
            return Err(Refusal::from(reason).hint("a gauge may have durations as its values"));
        }
        let value = line.value.to_string();
        let duration_ns = scaled(value.as_bytes(), self.about.unit.power());
        let duration_ns = duration_ns
            .map_err(|error| format!("the value {} {error}", shown(value.as_bytes())))?;
        let name = match &self.about.operation {
            None => self.about.metric.as_str(),
            Some(Operation::Name(name)) => name.as_str(),
            Some(Operation::Column(label)) => {
                let name = line.labels.get(label).and_then(Value::as_str);
                name.ok_or_else(|| format!("has no label {}", shown(label.as_bytes())))?
            }
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

impl<R: BufRead> Source for LadingRows<R> {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        while self.lines.advance()? {
            let row = self.row();
            if let Some(row) = row.map_err(|refusal| refusal.at(|why| self.lines.at_line(why)))? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn names(&self) -> &[String] {
        self.names.as_slice()
    }

    fn without_rows(&self) -> Refusal {
        Refusal::from(format!("has no line of the metric {:?}", self.about.metric))
            .hint("--metric names a gauge of the capture")
    }
}

#[cfg(test)]
mod tests;
