//! Results of JMH: the JSON that `-rf json` writes, an array of benchmarks with the score of each
//! iteration (`rawData`), or in the mode `sample` with a histogram of each (`rawDataHistogram`).
//! `JSONResultFormat` of <https://github.com/openjdk/jmh> defines it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::BufRead;

use serde::Deserialize;

use super::benchmark::{Per, Sequence};
use super::lines::json;
use super::mapping::Unit;
use super::names::Names;
use super::refusal::Refusal;
use super::rows::Row;
use super::shuffle::Shuffled;
use super::source::Source;
use super::whole::whole;
use crate::units::count;

/// How such a file is written.
const HINT: &str = "`java -jar benchmarks.jar -rf json -rff FILE` writes one";
/// The longest file: the histograms of a run with the mode `sample` have some megabytes.
const LONGEST: u64 = 64 << 20;
/// The most operations of a file.
const MOST_SAMPLES: u64 = 100_000_000;

/// The rows of a file.
pub(super) struct JmhRows {
    /// Operation and durations, in the order of the file.
    iterations: VecDeque<(u16, Iteration)>,
    /// The samples of the iteration that is given now, which is the first one.
    samples_left: Option<Shuffled>,
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

/// The durations of an iteration, ns.
enum Iteration {
    /// That of its score.
    Score(u64),
    /// Those of its samples, each with how often it was measured. Their order is not known.
    Samples(Vec<(u64, u64)>),
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
        let benchmarks: Vec<Benchmark> = json(&text, "JMH", HINT)?;
        let mut rows = Self {
            iterations: VecDeque::new(),
            samples_left: None,
            names: Names::default(),
            sequence: Sequence::default(),
            samples: 0,
        };
        let mut modes: HashMap<String, BTreeSet<String>> = HashMap::new();
        for Benchmark {
            benchmark, mode, ..
        } in &benchmarks
        {
            let modes = modes.entry(benchmark.clone()).or_default();
            modes.insert(mode.clone());
        }
        for (number, benchmark) in (1..).zip(benchmarks) {
            let modes = modes.get(&benchmark.benchmark).map_or(1, BTreeSet::len);
            let added = rows.add(benchmark, modes > 1, per);
            added.map_err(|refusal| refusal.at(|why| format!("benchmark {number}: {why}")))?;
        }
        Ok(rows)
    }

    /// Adds the results of a benchmark, whose name has its mode where it has results of several.
    fn add(&mut self, benchmark: Benchmark, has_modes: bool, per: Per) -> Result<(), Refusal> {
        let score = Score::of(&benchmark.primary.score_unit)?;
        let (mut name, mode) = (benchmark.benchmark, benchmark.mode);
        let params = benchmark.params.unwrap_or_default();
        if !params.is_empty() {
            let params = params.iter().map(|(name, value)| format!("{name}={value}"));
            name = format!("{name}({})", params.collect::<Vec<_>>().join(", "));
        }
        if has_modes && !name.is_empty() {
            name = format!("{name} {mode}");
        }
        let operation = self.names.place(per.name(name).as_bytes())?;
        let metric = benchmark.primary;
        let before = self.samples;
        for value in metric.raw_data.into_iter().flatten() {
            self.count(1)?;
            let duration_ns = per.duration_of(score.ns(value)?)?;
            let iteration = Iteration::Score(duration_ns);
            self.iterations.push_back((operation, iteration));
        }
        for histogram in metric.raw_data_histogram.into_iter().flatten() {
            let mut durations = Vec::new();
            for (value, times) in histogram {
                if !(times >= 0.0 && times.fract() == 0.0) {
                    return Err(format!("has the sample {value} {times} times").into());
                }
                // A number that is too large for the type is its largest one.
                let times = times as u64;
                self.count(times)?;
                if times > 0 {
                    durations.push((per.duration_of(score.ns(value)?)?, times));
                }
            }
            let iteration = Iteration::Samples(durations);
            self.iterations.push_back((operation, iteration));
        }
        if self.samples == before {
            let reason = format!("has no scores of iterations and no samples (mode {mode:?})");
            return Err(reason.into());
        }
        Ok(())
    }

    /// Counts operations.
    fn count(&mut self, more: u64) -> Result<(), Refusal> {
        self.samples = self.samples.saturating_add(more);
        if self.samples <= MOST_SAMPLES {
            return Ok(());
        }
        let most = count(MOST_SAMPLES);
        let refusal = Refusal::from(format!("the file has more than {most} samples"));
        Err(refusal.hint("let JMH write fewer benchmarks into a file"))
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
        while let Some((operation, iteration)) = self.iterations.front() {
            let operation = *operation;
            let duration_ns = match iteration {
                Iteration::Score(duration_ns) => {
                    let duration_ns = *duration_ns;
                    self.iterations.pop_front();
                    return self.sequence.row(operation, duration_ns).map(Some);
                }
                Iteration::Samples(durations) => {
                    let left = self.iterations.len() as u64;
                    let samples = self.samples_left.get_or_insert_with(|| {
                        Shuffled::new(durations.iter().copied(), &[operation.into(), left])
                    });
                    samples.next()
                }
            };
            match duration_ns {
                Some(duration_ns) => return self.sequence.row(operation, duration_ns).map(Some),
                None => {
                    self.samples_left = None;
                    self.iterations.pop_front();
                }
            }
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
