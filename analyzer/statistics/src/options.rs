//! What is compared and how it is judged: the input of `compare`, with its defaults.

use crate::contrast::RunVariance;
use crate::metric::Metric;
use crate::run::Run;

/// How a comparison judges.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Relative change that is still acceptable, 0..1 (0.05 is 5%).
    pub threshold: f64,
    /// Absolute rise of the failure rate that is still acceptable, 0..1 (0.001 is one failure in a thousand).
    pub failure_threshold: f64,
    /// False discovery rate over all effects of the comparison; also the false coverage rate of each end of the
    /// intervals.
    pub q: f64,
    /// The n-th run of the candidate ran beside the n-th of the base (base, candidate, candidate, base, …), so
    /// that what drifts meanwhile hits both.
    pub paired: bool,
    /// Detect and cut warm-up.
    pub warm_up: bool,
    /// The variance between runs, from a history of good runs, per metric.
    pub history: Vec<(Metric, RunVariance)>,
    /// Only these metrics; all when empty.
    pub metrics: Vec<Metric>,
    /// Lost fraction up to which the mean of the rest still counts for means without bounds (CPU, bytes): above it
    /// their verdict is inconclusive.
    pub tolerated_loss: f64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            threshold: 0.05,
            failure_threshold: 0.001,
            q: 0.05,
            paired: false,
            warm_up: true,
            history: Vec::new(),
            metrics: Vec::new(),
            tolerated_loss: 0.001,
        }
    }
}

/// One operation with the runs of both sides.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// Its name, copied into the effects.
    pub name: &'a str,
    /// Runs of the base.
    pub base: &'a [Run],
    /// Runs of the candidate.
    pub candidate: &'a [Run],
}
