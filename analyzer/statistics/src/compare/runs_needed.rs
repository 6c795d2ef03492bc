//! How many runs a decision needs: for one inconclusive effect, and for a comparison that is still
//! to be recorded.

use crate::compare::difference::Difference;
use crate::compare::scale::Scale;
use crate::math::distributions::{normal_upper_quantile, t_upper_quantile};

/// No answer above this number of runs is given: the change is too near the threshold.
const MOST_RUNS: usize = 1000;
/// The probability with which a decision is wanted.
const POWER: f64 = 0.8;

/// The number of runs per side with which an inconclusive effect would be decided with 80%
/// probability, if the change is what it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunsNeeded {
    /// Runs per side (pairs, where runs are paired), those that were recorded included.
    pub per_side: usize,
    /// True when it is only a lower bound, because the variance from run to run is unknown.
    pub at_least: bool,
}

/// The answer for a difference between `runs` runs per side, tested at `level` against a threshold;
/// `None` when more than 1,000 runs are needed or nothing is known.
pub(super) fn to_decide(
    difference: &Difference,
    scale: Scale,
    threshold: f64,
    level: f64,
    noise: &RunNoise,
) -> Option<RunsNeeded> {
    let edge = scale.difference(threshold);
    let above = difference.delta > edge;
    let bias = if above {
        difference.resolution.0
    } else {
        difference.resolution.1
    };
    let distance = (difference.delta - edge).abs() - bias;
    let per_side = noise.first(|margin| margin < distance, level)?;
    Some(RunsNeeded {
        per_side: per_side.max(noise.recorded),
        at_least: noise.at_least,
    })
}

/// The noise of the difference of one run of each side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RunNoise {
    /// Variance of that difference.
    pub(super) variance: f64,
    /// The runs are pairs: n of them have n − 1 degrees of freedom, otherwise 2n − 2.
    pub(super) paired: bool,
    /// Degrees of freedom that a history adds.
    pub(super) history: f64,
    /// Number of runs per side that were recorded.
    pub(super) recorded: usize,
    /// The variance from run to run is unknown and not part of `variance`.
    pub(super) at_least: bool,
}

impl RunNoise {
    /// The margin of a decision with `runs` runs per side at this level, on the scale of the
    /// comparison; infinite without degrees of freedom.
    pub(super) fn margin(&self, runs: usize, level: f64) -> f64 {
        self.margin_at(runs, level, POWER)
    }

    /// The [`margin`](RunNoise::margin) of a decision with another probability than 80%.
    pub(super) fn margin_at(&self, runs: usize, level: f64, power: f64) -> f64 {
        let n = runs as f64;
        let degrees = self.history + if self.paired { n - 1.0 } else { 2.0 * n - 2.0 };
        if degrees <= 0.0 {
            return f64::INFINITY;
        }
        let quantile = |level| t_upper_quantile(level, degrees);
        (self.variance / n).sqrt() * (quantile(level) + quantile(1.0 - power))
    }

    /// The noise that this share of bases with `runs` runs show at most: a base is an estimate of
    /// it, with the degrees of freedom of its own runs and of the history.
    pub(super) fn unlucky(self, runs: usize, share: f64) -> RunNoise {
        let degrees = self.history + runs as f64 - 1.0;
        if degrees <= 0.0 {
            return self;
        }
        // Of a chi-squared variable, approximately normal in its cube root (Wilson and Hilferty 1931).
        let part = 2.0 / (9.0 * degrees);
        let ratio = (1.0 - part + normal_upper_quantile(1.0 - share) * part.sqrt()).powi(3);
        RunNoise {
            variance: self.variance * ratio,
            ..self
        }
    }

    /// The smallest number of runs whose margin is small enough.
    pub(super) fn first(&self, enough: impl Fn(f64) -> bool, level: f64) -> Option<usize> {
        // The margin falls with the number of runs: bisection.
        if !enough(self.margin(MOST_RUNS, level)) {
            return None;
        }
        let (mut few, mut many) = (0, MOST_RUNS);
        while many - few > 1 {
            let middle = (few + many) / 2;
            if enough(self.margin(middle, level)) {
                many = middle;
            } else {
                few = middle;
            }
        }
        Some(many)
    }
}
