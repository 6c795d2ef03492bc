//! What a comparison says: the fields of `soakbox.verdict/1`, one to one.
//!
//! Types and the order of verdicts only; the numbers are made in `contrast` and `compare`.

use crate::metric::Metric;

/// The judgement on one effect or on a whole comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The whole interval lies above the threshold.
    Regressed,
    /// The whole interval lies below minus the threshold.
    Improved,
    /// The whole interval lies below the threshold.
    Pass,
    /// The data could not have shown it.
    Inconclusive,
}

impl Verdict {
    /// The word in `soakbox.verdict/1`.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Regressed => "regressed",
            Verdict::Improved => "improved",
            Verdict::Pass => "pass",
            Verdict::Inconclusive => "inconclusive",
        }
    }

    /// The rule, in its order: regressed if `low > threshold`, improved if `high < −threshold`, pass if
    /// `high < threshold`, otherwise inconclusive. A missing end is no evidence.
    pub fn of(low: Option<f64>, high: Option<f64>, threshold: f64) -> Verdict {
        if low.is_some_and(|low| low > threshold) {
            Verdict::Regressed
        } else if high.is_some_and(|high| high < -threshold) {
            Verdict::Improved
        } else if high.is_some_and(|high| high < threshold) {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        }
    }

    /// One verdict for many effects: regressed if any did; inconclusive if any is, or if there are none; improved
    /// if any did and the rest pass; otherwise pass.
    pub fn overall(effects: &[Effect]) -> Verdict {
        let any = |verdict| effects.iter().any(|effect| effect.verdict == verdict);
        if any(Verdict::Regressed) {
            Verdict::Regressed
        } else if effects.is_empty() || any(Verdict::Inconclusive) {
            Verdict::Inconclusive
        } else if any(Verdict::Improved) {
            Verdict::Improved
        } else {
            Verdict::Pass
        }
    }
}

/// What a result speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// These two runs only: the variance between runs of one build is unknown.
    Pair,
    /// The builds: the variance between runs was measured, here or in a history of good runs.
    Runs,
}

impl Scope {
    /// The word in `soakbox.verdict/1`.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Pair => "pair",
            Scope::Runs => "runs",
        }
    }
}

/// What lost operations could hide in one effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossEffect {
    /// The largest fraction lost by any of the runs, 0..=1.
    pub fraction: f64,
    /// Lower end of the change, sampling error included, had the lost operations been anything; `None`: unknown.
    pub low: Option<f64>,
    /// Upper end likewise.
    pub high: Option<f64>,
}

/// One metric of one operation, base against candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The operation.
    pub operation: String,
    /// The metric.
    pub metric: Metric,
    /// Value of the base in the metric's unit (over several runs: their geometric mean, for absolute metrics the
    /// mean).
    pub base: Option<f64>,
    /// Value of the candidate likewise.
    pub candidate: Option<f64>,
    /// candidate / base − 1, or candidate − base for absolute metrics; up is worse.
    pub change: Option<f64>,
    /// Lower end of the interval of `change`, adjusted for the number of effects; `None`: no bound is known.
    pub low: Option<f64>,
    /// Upper end likewise.
    pub high: Option<f64>,
    /// One-sided p-value for "change ≤ threshold".
    pub p: Option<f64>,
    /// The same, adjusted by Benjamini–Hochberg over all effects of the comparison.
    pub q: Option<f64>,
    /// The threshold that was applied, in the unit of `change`.
    pub threshold: f64,
    /// The smallest change that these data would have called regressed with 80% probability.
    pub detectable: Option<f64>,
    /// Windows compared on each side, after the warm-up was cut and missing ones left out.
    pub blocks: [usize; 2],
    /// Runs on each side.
    pub runs: [usize; 2],
    /// Windows cut at the start of every run of each side.
    pub warmup_cut: [usize; 2],
    /// What lost operations could hide.
    pub loss: LossEffect,
    /// What this effect speaks for.
    pub scope: Scope,
    /// The judgement.
    pub verdict: Verdict,
    /// The judgement's reason in one line of plain words.
    pub reason: String,
}

/// All effects of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The overall verdict.
    pub verdict: Verdict,
    /// `Runs` only if every judged effect speaks for the builds.
    pub scope: Scope,
    /// One entry per operation and metric that any run measured.
    pub effects: Vec<Effect>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_has_its_order_and_strict_edges() {
        let of = |low, high, threshold| Verdict::of(Some(low), Some(high), threshold);
        assert_eq!(of(0.06, 0.08, 0.05), Verdict::Regressed);
        assert_eq!(of(0.05, 0.08, 0.05), Verdict::Inconclusive);
        assert_eq!(of(-0.09, -0.06, 0.05), Verdict::Improved);
        assert_eq!(of(-0.09, -0.05, 0.05), Verdict::Pass);
        assert_eq!(of(-0.01, 0.05, 0.05), Verdict::Inconclusive);
        assert_eq!(of(0.0, 0.0, 0.0), Verdict::Inconclusive);
        assert_eq!(Verdict::of(None, None, 0.05), Verdict::Inconclusive);
        assert_eq!(Verdict::overall(&[]), Verdict::Inconclusive);
    }
}
