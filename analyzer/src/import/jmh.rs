//! Results of JMH: the JSON that `-rf json` writes, an array of benchmarks with the score of each
//! iteration (`rawData`), or in the mode `sample` with a histogram of each (`rawDataHistogram`).
//! `JSONResultFormat` of <https://github.com/openjdk/jmh> defines it.

use std::collections::{BTreeMap, VecDeque};
use std::io::BufRead;

use serde::Deserialize;

use super::benchmark::{Per, Sequence};
use super::lines::json;
use super::mapping::Unit;
use super::names::Names;
use super::refusal::Refusal;
use super::rows::Row;
use super::source::Source;
use super::whole::whole;

/// The longest file: the histograms of a run with the mode `sample` have some megabytes.
const LONGEST: u64 = 64 << 20;
/// The most operations of one histogram.
const MOST_SAMPLES: u64 = 100_000_000;

/// The rows of a file.
pub(super) struct JmhRows {
    /// Operation, duration and how often, in the order of the file.
    rows: VecDeque<(u16, u64, u64)>,
    names: Names,
    sequence: Sequence,
}

#[derive(Deserialize)]
struct Benchmark {
    benchmark: String,
    mode: String,
    #[serde(default)]
    params: Option<BTreeMap<String, String>>,
    #[serde(rename = "primaryMetric")]
    primary: Metric,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    score_unit: String,
    /// By fork and iteration.
    #[serde(default)]
    raw_data: Vec<Vec<f64>>,
    /// By fork and iteration: values with their numbers.
    #[serde(default)]
    raw_data_histogram: Vec<Vec<Vec<(f64, u64)>>>,
}

/// What a score is.
enum Score {
    /// A time of this unit.
    Time(Unit),
    /// Operations per this unit.
    Rate(Unit),
}

impl JmhRows {
    /// Of a file, whose durations stand for `per` operations.
    ///
    /// # Errors
    /// Where it is none of JMH's.
    pub(super) fn new(input: impl BufRead, per: Per) -> Result<Self, Refusal> {
        let text = whole(input, LONGEST)?;
        let benchmarks: Vec<Benchmark> = json(&text, "JMH")?;
        let mut rows = Self {
            rows: VecDeque::new(),
            names: Names::default(),
            sequence: Sequence::default(),
        };
        for (number, benchmark) in (1..).zip(benchmarks) {
            let added = rows.add(benchmark, per);
            added.map_err(|refusal| refusal.at(|why| format!("benchmark {number}: {why}")))?;
        }
        Ok(rows)
    }

    fn add(&mut self, benchmark: Benchmark, per: Per) -> Result<(), Refusal> {
        let score = Score::of(&benchmark.primary.score_unit)?;
        let mut name = benchmark.benchmark;
        let params = benchmark.params.unwrap_or_default();
        if !params.is_empty() {
            let params = params.iter().map(|(name, value)| format!("{name}={value}"));
            name = format!("{name}({})", params.collect::<Vec<_>>().join(", "));
        }
        let operation = self.names.place(per.name(name).as_bytes())?;
        let metric = benchmark.primary;
        let scores = metric
            .raw_data
            .into_iter()
            .flatten()
            .map(|score| (score, 1));
        let histograms = metric.raw_data_histogram.into_iter().flatten().flatten();
        let before = self.rows.len();
        for (value, count) in scores.chain(histograms) {
            if count > MOST_SAMPLES {
                return Err("a histogram has more than 100,000,000 samples".into());
            }
            let duration_ns = per.duration_of(score.ns(value))?;
            self.rows.push_back((operation, duration_ns, count));
        }
        if self.rows.len() == before {
            let reason = format!("has no scores of iterations (mode {:?})", benchmark.mode);
            return Err(reason.into());
        }
        Ok(())
    }
}

impl Score {
    fn of(unit: &str) -> Result<Self, Refusal> {
        let refused = || {
            let reason = format!("its scores are {unit:?}, and neither times nor rates");
            Refusal::from(reason)
                .hint("an operation needs a time, such as us/op, or a rate, such as ops/ms")
        };
        let (above, below) = unit.split_once('/').ok_or_else(refused)?;
        match (above, below) {
            ("ops", unit) => Unit::parse(unit).map(Self::Rate),
            (unit, "op") => Unit::parse(unit).map(Self::Time),
            _ => None,
        }
        .ok_or_else(refused)
    }

    /// The time of one operation, ns.
    fn ns(&self, score: f64) -> f64 {
        match self {
            Self::Time(unit) => score * 10f64.powi(unit.power() as i32),
            Self::Rate(unit) => 10f64.powi(unit.power() as i32) / score,
        }
    }
}

impl Source for JmhRows {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        while let Some((operation, duration_ns, left)) = self.rows.front_mut() {
            if *left == 0 {
                self.rows.pop_front();
                continue;
            }
            *left -= 1;
            return self.sequence.row(*operation, *duration_ns).map(Some);
        }
        Ok(None)
    }

    fn names(&self) -> &[String] {
        self.names.as_slice()
    }

    fn without_rows(&self) -> Refusal {
        "has no benchmark".into()
    }
}

#[cfg(test)]
mod tests;
