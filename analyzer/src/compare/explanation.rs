//! The figures from which one verdict came about, as part of `soakbox.verdict/1`.

use serde::Serialize;
use soakbox_statistics::Explanation;

/// The figures from which a verdict came about, on the scale of the comparison: logarithms, or the
/// metric's unit if the effect is absolute.
#[derive(Clone, Debug, Serialize)]
pub struct ExplanationAnswer {
    pub(crate) runs: Vec<RunValueAnswer>,
    /// Standard deviation of one run from the noise inside it, base and candidate.
    pub(crate) within: [Option<f64>; 2],
    /// Standard deviation from run to run.
    pub(crate) between: [Option<f64>; 2],
    pub(crate) difference: Option<f64>,
    /// Standard errors of the difference, downwards and upwards.
    pub(crate) errors: [Option<f64>; 2],
    pub(crate) degrees_of_freedom: Option<f64>,
    /// How far the width of buckets could move the difference.
    pub(crate) resolution: [f64; 2],
    /// Effects that were tested together.
    pub(crate) tests: usize,
    /// One-sided levels of the ends of the interval.
    pub(crate) low_level: Option<f64>,
    pub(crate) high_level: Option<f64>,
}

/// One run in one metric.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunValueAnswer {
    pub(crate) side: &'static str,
    pub(crate) run: usize,
    pub(crate) name: String,
    /// The number of its pair; null where the runs are not paired.
    pub(crate) pair: Option<u64>,
    pub(crate) value: f64,
    pub(crate) error: Option<f64>,
    pub(crate) windows: usize,
}

impl ExplanationAnswer {
    pub(super) fn of(of: &Explanation) -> Self {
        let runs = of.runs.iter().map(|run| RunValueAnswer {
            side: run.side.name(),
            run: run.run,
            name: run.name.clone(),
            pair: run.pair,
            value: run.value,
            error: run.error,
            windows: run.windows,
        });
        Self {
            runs: runs.collect(),
            within: of.noise.map(|noise| noise.and_then(|noise| noise.within)),
            between: of.noise.map(|noise| noise.and_then(|noise| noise.between)),
            difference: of.difference,
            errors: of.errors,
            degrees_of_freedom: of.degrees_of_freedom,
            resolution: of.resolution,
            tests: of.tests,
            low_level: of.low_level,
            high_level: of.high_level,
        }
    }
}
