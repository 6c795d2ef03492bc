//! Verdicts and the rule that turns an interval into one.
//!
//! No number is computed here, and the rule has no exceptions. `reason` takes loss into account.

/// The judgement on one effect or on a whole comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The whole interval lies above the threshold.
    Regressed,
    /// The whole interval lies below minus the threshold.
    Improved,
    /// The whole interval lies below the threshold.
    Pass,
    /// The interval includes the threshold, or has an end that is not known.
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

    /// The verdict of an interval. Regressed if `low > threshold`; else improved if
    /// `high < −threshold`; else pass if `high < threshold`; else inconclusive. A missing end
    /// decides nothing.
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

    /// One verdict for many: regressed if any is; else inconclusive if any is or there are none;
    /// else improved if any is; else pass.
    pub fn overall(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        let (mut any, mut improved, mut inconclusive) = (false, false, false);
        for verdict in verdicts {
            match verdict {
                Verdict::Regressed => return Verdict::Regressed,
                Verdict::Inconclusive => inconclusive = true,
                Verdict::Improved => improved = true,
                Verdict::Pass => {}
            }
            any = true;
        }
        if inconclusive || !any {
            Verdict::Inconclusive
        } else if improved {
            Verdict::Improved
        } else {
            Verdict::Pass
        }
    }
}

/// One of the two sides of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// What is compared against.
    Base,
    /// What is judged.
    Candidate,
}

impl Side {
    /// The word in reasons and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Base => "base",
            Side::Candidate => "candidate",
        }
    }
}

/// The range in which a result is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// These two runs only, because the variance between runs of one build is unknown.
    Pair,
    /// The builds, because the variance between runs was measured, here or in a history of good
    /// runs.
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

    /// A sentence to append to the reason of an effect that is valid for its runs only.
    pub const fn note(self) -> Option<&'static str> {
        match self {
            Scope::Pair => {
                Some("with one run per side this is valid for these runs, not for the builds")
            }
            Scope::Runs => None,
        }
    }
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
        assert_eq!(Verdict::overall([]), Verdict::Inconclusive);
    }

    #[test]
    fn the_worst_verdict_is_the_overall_one() {
        use Verdict::{Improved, Inconclusive, Pass, Regressed};
        let order = [Regressed, Inconclusive, Improved, Pass];
        for (rank, worst) in order.into_iter().enumerate() {
            for other in &order[rank..] {
                assert_eq!(Verdict::overall([worst, *other]), worst);
                assert_eq!(Verdict::overall([*other, worst, *other]), worst);
            }
        }
    }
}
