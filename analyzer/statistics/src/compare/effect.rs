//! The result of a comparison: exactly the fields of `soakbox.verdict/1`.
//!
//! Types only. `difference`, `uncorrected` and `compare` compute the numbers.

use crate::compare::explanation::Explanation;
use crate::compare::gate::Blocker;
use crate::compare::runs_needed::RunsNeeded;
use crate::compare::unusable::UnusableRun;
use crate::compare::verdict::{Scope, Side, Verdict};
use crate::metric::Metric;

/// How far lost operations could move the change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossEffect {
    /// The largest lost fraction of the runs of both sides, 0..=1.
    pub fraction: f64,
    /// Lower end of the interval of the change if the lost operations had any values at all; `None`
    /// when it is unknown.
    pub low: Option<f64>,
    /// Upper end of that interval; `None` when it is unknown.
    pub high: Option<f64>,
}

/// One metric of one operation, base against candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Name of the operation, as the caller gave it.
    pub operation: String,
    /// The quantity that was compared.
    pub metric: Metric,
    /// Value of the base, in the metric's unit: of several runs the geometric mean, or the
    /// arithmetic mean for absolute metrics.
    pub base: Option<f64>,
    /// Value of the candidate, as for the base. Of a rate that stopped it is the arithmetic mean of
    /// all runs, and the change has no interval unless all of them finished nothing.
    pub candidate: Option<f64>,
    /// candidate / base − 1, or candidate − base where it is [`absolute`](Effect::absolute). The
    /// sign is such that up is worse.
    pub change: Option<f64>,
    /// True when `change`, its interval and the threshold are differences in the metric's unit:
    /// for absolute metrics, and for metrics that are 0 or below in a run.
    pub absolute: bool,
    /// Lower end of the interval of `change`, adjusted for the number of effects; `None` when no
    /// bound is known.
    pub low: Option<f64>,
    /// Upper end of that interval; `None` when no bound is known.
    pub high: Option<f64>,
    /// One-sided p-value of the hypothesis "change ≤ threshold".
    pub p: Option<f64>,
    /// `p`, adjusted by Benjamini–Hochberg over all effects of the comparison.
    pub q: Option<f64>,
    /// The threshold that was applied, in the unit of `change`.
    pub threshold: f64,
    /// The smallest change that would have got the verdict regressed with 80% probability.
    pub detectable: Option<f64>,
    /// Number of windows compared on each side, without warm-up and missing windows.
    pub blocks: [usize; 2],
    /// Number of runs on each side that were used.
    pub runs: [usize; 2],
    /// The runs that could not be used. With any of them the verdict is never pass or improved.
    pub unusable: Vec<UnusableRun>,
    /// Number of windows cut at the start of every run of each side.
    pub warmup_cut: [usize; 2],
    /// How far lost operations could move the change.
    pub loss: LossEffect,
    /// Whether the effect is valid for the builds or only for these runs.
    pub scope: Scope,
    /// True when the comparison cannot pass without a decision on this effect. It is decided from
    /// the base alone, or by [`Options::gates`](crate::Options::gates).
    pub gates: bool,
    /// The smallest threshold at which an unchanged candidate would pass in 90%, in the unit of
    /// `change`, from the noise of the base alone; `None` when it is unknown.
    pub passable: Option<f64>,
    /// How many runs per side would decide an inconclusive effect; `None` when it is decided, when
    /// the change is too near the threshold, or when nothing is known.
    pub runs_needed: Option<RunsNeeded>,
    /// The figures from which the verdict came about.
    pub explanation: Explanation,
    /// The verdict on this effect.
    pub verdict: Verdict,
    /// The reason of the verdict, in one line; [`Scope::note`] belongs to it. Changes in it are those
    /// that are measured, so that a rate that falls has a negative one.
    pub reason: String,
}

/// All effects of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The verdict on all effects together.
    pub verdict: Verdict,
    /// Whether the verdict is valid for the builds: `Runs` if the effects that decide it are.
    pub scope: Scope,
    /// One per operation and metric that any run measured.
    pub effects: Vec<Effect>,
    /// The operations that have runs on one side only.
    pub one_sided: Vec<OneSidedOperation>,
    /// What keeps the comparison from a pass, if it is not regressed.
    pub blockers: Vec<Blocker>,
}

/// An operation that was observed on one side only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneSidedOperation {
    /// Its name.
    pub operation: String,
    /// The side that has it.
    pub side: Side,
    /// The verdict as which it counts; `None` when it is only named.
    pub verdict: Option<Verdict>,
}
