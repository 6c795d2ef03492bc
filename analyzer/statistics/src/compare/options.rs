//! The input of a comparison: the operations with their runs, and the options with their defaults.

use crate::compare::looks::Looks;
use crate::compare::run_variance::RunVariance;
use crate::compare::scale::Scale;
use crate::error::{Error, within};
use crate::metric::Metric;
use crate::run::Run;

/// The largest acceptable change of a time that is 0 in a run, where no threshold is given: less
/// than the clocks can show.
const LEAST_TIME_NS: f64 = 1.0;

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
    /// Thresholds of single metrics and operations, instead of the two above. Of several that fit,
    /// one that names the operation is used, otherwise the first.
    pub thresholds: Vec<Threshold>,
    /// The runs are pairs: both runs of a pair ran one after the other (base, candidate, candidate,
    /// base, …), so that a drift of the machine affects both. [`Run::in_pair`] gives the number of
    /// a pair. Without numbers the n-th runs of both sides are a pair.
    pub paired: bool,
    /// Detect warm-up and cut it.
    pub warm_up: bool,
    /// The variance between runs, from a history of good runs. Of several that fit, one that names
    /// the operation is used, otherwise the first.
    pub history: Vec<History>,
    /// Compare only these metrics; all when empty.
    pub metrics: Vec<Metric>,
    /// The metrics that must pass, and that alone can regress the comparison. When empty, the base
    /// decides: a metric must pass if an unchanged candidate would pass in 90% with the base's
    /// noise, and a regression in any metric counts.
    pub gates: Vec<Metric>,
    /// The mean of a metric without bounds under loss (CPU, bytes) is still judged when at most
    /// this fraction of the operations was lost. Above it the verdict is inconclusive.
    pub tolerated_loss: f64,
    /// Runs are added until the comparison is decided, and this is one of its looks at the data.
    pub looks: Option<Looks>,
    /// How an operation counts that has runs on the base side only.
    pub only_base: OneSided,
    /// How an operation counts that has runs on the candidate side only.
    pub only_candidate: OneSided,
}

/// The largest change of one metric that is still acceptable.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The operation that it is for; all operations when `None`.
    pub operation: Option<String>,
    /// The metric that it is for.
    pub metric: Metric,
    /// The change.
    pub change: Acceptable,
}

/// The variance between runs of one metric, from a history of good runs.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The operation that it is for; all operations when `None`.
    pub operation: Option<String>,
    /// The metric that it is for.
    pub metric: Metric,
    /// The variance.
    pub variance: RunVariance,
}

/// A change that is still acceptable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Acceptable {
    /// A fraction of the base, 0..1. It is used where a change is a ratio.
    Relative(f64),
    /// A difference in the metric's unit, 0 or more. It is used where a change is a difference: for
    /// absolute metrics, and for metrics that are 0 or below in a run.
    Absolute(f64),
}

/// How an operation that only one side has counts in the verdict on the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneSided {
    /// It is named, and the verdict does not depend on it.
    Named,
    /// The comparison cannot pass.
    Inconclusive,
    /// The comparison is regressed.
    Regressed,
}

impl Options {
    /// Refuses numbers outside of their ranges.
    pub(super) fn check(&self) -> Result<(), Error> {
        within("threshold", self.threshold, 0.0, 0.99, "between 0 and 0.99")?;
        within(
            "failure_threshold",
            self.failure_threshold,
            0.0,
            1.0,
            "between 0 and 1",
        )?;
        within("q", self.q, 1e-9, 0.5, "between 1e-9 and 0.5")?;
        within(
            "tolerated_loss",
            self.tolerated_loss,
            0.0,
            1.0,
            "between 0 and 1",
        )?;
        for History { variance, .. } in &self.history {
            let must = "finite and not negative";
            within("history deviation", variance.deviation, 0.0, 1e300, must)?;
            within(
                "history degrees of freedom",
                variance.degrees_of_freedom,
                0.0,
                1e300,
                must,
            )?;
        }
        for threshold in &self.thresholds {
            match threshold.change {
                Acceptable::Relative(change) => {
                    within("threshold", change, 0.0, 0.99, "between 0 and 0.99")?;
                }
                Acceptable::Absolute(change) => {
                    let must = "finite and not negative";
                    within("absolute threshold", change, 0.0, 1e300, must)?;
                }
            }
        }
        Ok(())
    }

    /// The false discovery rate of this look.
    pub(super) fn level(&self) -> f64 {
        self.q * self.looks.map_or(1.0, Looks::share)
    }

    /// The history of a metric on this scale. That of a relative metric says nothing about a
    /// difference in its unit.
    pub(super) fn history_of(
        &self,
        operation: &str,
        metric: &Metric,
        scale: Scale,
    ) -> Option<RunVariance> {
        let fits = |h: &&History| {
            h.metric == *metric && h.operation.as_ref().is_none_or(|name| name == operation)
        };
        let known = self.history.iter().filter(fits);
        let known = known.min_by_key(|h| h.operation.is_none())?.variance;
        let usable = known.degrees_of_freedom > 0.0 && scale.absolute == metric.is_absolute();
        usable.then_some(known)
    }

    /// The threshold of one metric of one operation: a fraction, or in the metric's unit on an
    /// absolute scale. A relative threshold is used there too when the base, of which it is a
    /// fraction, is above 0. Of both the larger one is used. Without any, a time may change by
    /// [`LEAST_TIME_NS`].
    pub(super) fn threshold_of(
        &self,
        operation: &str,
        metric: &Metric,
        scale: Scale,
        base: Option<f64>,
    ) -> f64 {
        let fits = |t: &&Threshold| {
            t.metric == *metric && t.operation.as_ref().is_none_or(|name| name == operation)
        };
        let find = |read: fn(Acceptable) -> Option<f64>| {
            let known = |t: &Threshold| Some((t.operation.is_none(), read(t.change)?));
            let all = self.thresholds.iter().filter(fits).filter_map(known);
            all.min_by_key(|(any, _)| *any).map(|(_, change)| change)
        };
        let relative = find(|change| match change {
            Acceptable::Relative(change) => Some(change),
            Acceptable::Absolute(_) => None,
        });
        let relative = relative.unwrap_or(self.threshold);
        if !scale.absolute {
            return relative;
        }
        let absolute = find(|change| match change {
            Acceptable::Absolute(change) => Some(change),
            Acceptable::Relative(_) => None,
        });
        match absolute {
            _ if *metric == Metric::FailureRate => absolute.unwrap_or(self.failure_threshold),
            Some(absolute) if metric.is_absolute() => absolute,
            None if metric.is_absolute() => 0.0,
            _ => {
                let of_base = base.map_or(0.0, |base| relative * base.max(0.0));
                let least = if metric.is_time() { LEAST_TIME_NS } else { 0.0 };
                absolute.unwrap_or(least).max(of_base)
            }
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            threshold: 0.05,
            failure_threshold: 0.001,
            thresholds: Vec::new(),
            q: 0.05,
            paired: false,
            warm_up: true,
            history: Vec::new(),
            metrics: Vec::new(),
            gates: Vec::new(),
            tolerated_loss: 0.001,
            looks: None,
            only_base: OneSided::Inconclusive,
            only_candidate: OneSided::Named,
        }
    }
}

/// One operation with the runs of both sides.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// Name, copied into the effects.
    pub name: &'a str,
    /// Runs of the base. They may be empty if another operation has some.
    pub base: &'a [Run],
    /// Runs of the candidate. They may be empty if another operation has some.
    pub candidate: &'a [Run],
}
