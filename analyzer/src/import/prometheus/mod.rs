//! Answers of Prometheus to range queries: the JSON of `/api/v1/query_range`, as
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries> defines it. A value of a series
//! is an operation; series of the buckets of a histogram (with the label `le`) are counts of operations.

use std::collections::{BTreeMap, VecDeque};
use std::io::BufRead;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::decimal::scaled;
use super::lines::json;
use super::mapping::{Operation, Unit};
use super::names::Names;
use super::refusal::Refusal;
use super::rows::{Row, in_calendar, shown};
use super::source::{KnownTimes, Source};
use super::spread::Spread;
use super::whole::whole;

mod histogram;

use histogram::{Bounds, histograms};

/// How such a file is written.
const HINT: &str = "`curl -fsS 'http://HOST:9090/api/v1/query_range?…' > FILE` writes one";
/// The longest answer.
const LONGEST: u64 = 64 << 20;
/// The label with the upper bound of a bucket, and that with the name of the metric.
const BOUND: &str = "le";
const NAME: &str = "__name__";
/// How Prometheus writes a value that is none.
const NOT_A_NUMBER: &str = "NaN";

/// The rows of an answer.
pub(super) struct PrometheusRows {
    rows: VecDeque<Row>,
    histograms: VecDeque<Spread>,
    names: Names,
    /// The most intervals of a histogram; 0 without histograms.
    intervals: u64,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    /// Time, s, and value.
    #[serde(default)]
    values: Vec<(f64, String)>,
    /// Native histograms, which are not read.
    #[serde(default)]
    histograms: Vec<IgnoredAny>,
}

impl PrometheusRows {
    /// Of an answer whose values, or whose bounds of buckets, have this unit. The operation is a label, or
    /// one name; otherwise it is the name of the series with its labels.
    ///
    /// # Errors
    /// Where it is no matrix, or a value is no duration.
    pub(super) fn new(
        input: impl BufRead,
        unit: Unit,
        operation: Option<&Operation>,
    ) -> Result<Self, Refusal> {
        let text = whole(input, LONGEST)?;
        let answer: Answer = json(&text, "Prometheus", HINT)?;
        let data = answer.data.filter(|_| answer.status == "success");
        let Some(data) = data else {
            let reason = answer
                .error
                .unwrap_or_else(|| format!("status {:?}", answer.status));
            return Err(format!("is no answer with data: {}", shown(reason.as_bytes())).into());
        };
        if data.result_type != "matrix" {
            let refusal = Refusal::from(format!("has a {:?} and no matrix", data.result_type));
            return Err(refusal.hint("ask /api/v1/query_range with start, end and step"));
        }
        let mut made = Self {
            rows: VecDeque::new(),
            histograms: VecDeque::new(),
            names: Names::default(),
            intervals: 0,
        };
        let mut buckets: BTreeMap<String, Bounds> = BTreeMap::new();
        for (number, mut series) in (1..).zip(data.result) {
            let bound = series.metric.remove(BOUND);
            let place = |refusal: Refusal| refusal.at(|why| format!("series {number}: {why}"));
            if !series.histograms.is_empty() {
                let refusal = Refusal::from("has native histograms, which import does not read");
                return Err(place(refusal.hint(
                    "ask for values of them: histogram_quantile(0.99, rate(NAME[1m]))",
                )));
            }
            let name = name_of(&series.metric, operation).map_err(place)?;
            let added = match bound {
                Some(bound) => {
                    let bounds = buckets.entry(name).or_default();
                    histogram::add(bounds, &bound, unit, series.values)
                }
                None => made.add(&name, unit, series.values),
            };
            added.map_err(place)?;
        }
        for (name, bounds) in &buckets {
            let operation = made.names.place(name.as_bytes())?;
            let found = histograms(bounds, operation);
            let found = found.map_err(|refusal| {
                refusal.at(|why| format!("buckets of {}: {why}", shown(name.as_bytes())))
            });
            let found = found?;
            made.intervals = made.intervals.max(found.len() as u64);
            made.histograms.extend(found);
        }
        Ok(made)
    }

    fn add(&mut self, name: &str, unit: Unit, values: Vec<(f64, String)>) -> Result<(), Refusal> {
        let operation = self.names.place(name.as_bytes())?;
        for (at, value) in values.iter().filter(|(_, value)| value != NOT_A_NUMBER) {
            let duration = scaled(value.as_bytes(), unit.power());
            let duration_ns = duration
                .map_err(|error| format!("the value {} {error}", shown(value.as_bytes())))?;
            self.rows.push_back(Row {
                finished_at_ns: in_calendar(moment(*at)?)?,
                duration_ns,
                operation,
                success: None,
                memory_bytes: None,
                bytes: None,
            });
        }
        Ok(())
    }
}

/// A time of a sample, ns since 1970. Prometheus has milliseconds.
fn moment(seconds: f64) -> Result<u64, Refusal> {
    let ms = (seconds * 1e3).round();
    match ms.is_finite() && ms >= 0.0 {
        true => Ok((ms as u64).saturating_mul(1_000_000)),
        false => Err(format!("the time {seconds} is before 1970").into()),
    }
}

/// The operation of a series.
fn name_of(
    labels: &BTreeMap<String, String>,
    operation: Option<&Operation>,
) -> Result<String, Refusal> {
    match operation {
        Some(Operation::Name(name)) => Ok(name.clone()),
        Some(Operation::Column(label)) => labels.get(label).cloned().ok_or_else(|| {
            Refusal::from(format!("has no label {}", shown(label.as_bytes())))
                .hint("--operation names a label that all series have, or =NAME")
        }),
        None => {
            let name = labels.get(NAME).map_or("", String::as_str);
            let others = labels.iter().filter(|(label, _)| *label != NAME);
            let others: Vec<String> = others
                .map(|(label, value)| format!("{label}={value}"))
                .collect();
            Ok(match (name, others.as_slice()) {
                ("", []) => "operation".to_owned(),
                (name, []) => name.to_owned(),
                (name, others) => format!("{name}{{{}}}", others.join(", ")),
            })
        }
    }
}

impl Source for PrometheusRows {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        if let Some(row) = self.rows.pop_front() {
            return Ok(Some(row));
        }
        while let Some(spread) = self.histograms.front_mut() {
            if let Some(row) = spread.next() {
                return Ok(Some(row));
            }
            self.histograms.pop_front();
        }
        Ok(None)
    }

    fn names(&self) -> &[String] {
        self.names.as_slice()
    }

    fn times(&self) -> KnownTimes {
        match self.intervals {
            0 => KnownTimes::All,
            intervals => KnownTimes::Intervals(intervals),
        }
    }

    fn without_rows(&self) -> Refusal {
        Refusal::from("has no values").hint("did the query match a series in that time?")
    }
}

#[cfg(test)]
mod tests;
