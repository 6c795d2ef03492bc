//! The input of a comparison: the operations with their runs, and the options with their defaults.

use crate::compare::run_variance::RunVariance;
use crate::metric::Metric;
use crate::run::Run;

/// Options of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Relative change that is still acceptable, 0..1 (0.05 is 5%).
    pub threshold: f64,
    /// Absolute rise of the failure rate that is still acceptable, 0..1 (0.001 is one failure in a
    /// thousand).
    pub failure_threshold: f64,
    /// False discovery rate over all effects of the comparison. It is also the false coverage rate
    /// of each end of the intervals.
    pub q: f64,
    /// The runs are pairs: the n-th runs of both sides ran one after the other (base, candidate,
    /// candidate, base, …), so that a drift of the machine affects both. A metric that can be
    /// estimated in only one run of a pair is inconclusive.
    pub paired: bool,
    /// Detect warm-up and cut it.
    pub warm_up: bool,
    /// The variance between runs per metric, from a history of good runs.
    pub history: Vec<(Metric, RunVariance)>,
    /// Compare only these metrics; all when empty.
    pub metrics: Vec<Metric>,
    /// The mean of a metric without bounds under loss (CPU, bytes) is still judged when at most
    /// this fraction of the operations was lost. Above it the verdict is inconclusive.
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
    /// Name, copied into the effects.
    pub name: &'a str,
    /// Runs of the base, at least one.
    pub base: &'a [Run],
    /// Runs of the candidate, at least one.
    pub candidate: &'a [Run],
}
