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
use crate::units::count;

/// The longest file: the histograms of a run with the mode `sample` have some megabytes.
const LONGEST: u64 = 64 << 20;
/// The most operations of a file.
const MOST_SAMPLES: u64 = 100_000_000;

/// The rows of a file.
pub(super) struct JmhRows {
    /// Operation, duration and how often, in the order of the file.
    rows: VecDeque<(u16, u64, u64)>,
    names: Names,
    sequence: Sequence,
    /// All of them.
    samples: u64,
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
    /// By fork and iteration: values, and how often each was measured.
    #[serde(default)]
    raw_data_histogram: Vec<Vec<Vec<(f64, f64)>>>,
}

/// What a score is.
enum Score {
    /// A time of this unit, ns.
    Time(f64),
    /// Operations per this unit, ns.
    Rate(f64),
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
            samples: 0,
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
            .map(|score| (score, 1.0));
        let histograms = metric.raw_data_histogram.into_iter().flatten().flatten();
        let before = self.rows.len();
        for (value, times) in scores.chain(histograms) {
            if !(times >= 0.0 && times.fract() == 0.0) {
                return Err(format!("has the sample {value} {times} times").into());
            }
            // A number that is too large for the type is its largest one.
            let times = times as u64;
            self.samples = self.samples.saturating_add(times);
            if self.samples > MOST_SAMPLES {
                let most = count(MOST_SAMPLES);
                let refusal = Refusal::from(format!("the file has more than {most} samples"));
                return Err(refusal.hint("let JMH write fewer benchmarks into a file"));
            }
            if times > 0 {
                let duration_ns = per.duration_of(score.ns(value)?)?;
                self.rows.push_back((operation, duration_ns, times));
            }
        }
        if self.rows.len() == before {
            let mode = benchmark.mode;
            let reason = format!("has no scores of iterations and no samples (mode {mode:?})");
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
            ("ops", unit) => unit_ns(unit).map(Self::Rate),
            (unit, "op") => unit_ns(unit).map(Self::Time),
            _ => None,
        }
        .ok_or_else(refused)
    }

    /// The time of one operation, ns.
    ///
    /// # Errors
    /// Where nothing was done in any time.
    fn ns(&self, score: f64) -> Result<f64, Refusal> {
        match self {
            Self::Time(unit) => Ok(score * unit),
            Self::Rate(_) if score == 0.0 => {
                let refusal = Refusal::from("the rate 0 has no duration");
                Err(refusal.hint("let iterations last longer: -r 10 is 10 s"))
            }
            Self::Rate(unit) => Ok(unit / score),
        }
    }
}

/// A unit of JMH, ns.
fn unit_ns(unit: &str) -> Option<f64> {
    let seconds = match unit {
        "min" => 60.0,
        "hr" => 3_600.0,
        "day" => 86_400.0,
        unit => return Unit::parse(unit).map(|unit| 10f64.powi(unit.power() as i32)),
    };
    Some(seconds * 1e9)
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
