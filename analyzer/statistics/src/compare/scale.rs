//! The scale in which two sides are compared: logarithms, or plain numbers for absolute changes.
//!
//! Up is worse on this scale for every metric.

use crate::metric::Metric;

/// An end of an interval of a ratio that is further from the estimate than this factor says nothing.
const FARTHEST: f64 = 100.0;

/// The scale of one metric in one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Plain numbers: the change is a difference in the metric's unit, not a ratio.
    pub(crate) absolute: bool,
    lower_is_worse: bool,
}

impl Scale {
    /// The scale in which a metric is compared where all of its values are positive.
    pub(crate) fn of(metric: &Metric) -> Scale {
        Scale {
            absolute: metric.is_absolute(),
            lower_is_worse: metric.lower_is_worse(),
        }
    }

    /// The scale of absolute changes, for a metric that is 0 or below in a run.
    pub(crate) fn absolute(metric: &Metric) -> Scale {
        Scale {
            absolute: true,
            ..Scale::of(metric)
        }
    }

    /// The value of a run on this scale.
    pub(crate) fn centre(self, value: f64) -> f64 {
        if self.absolute { value } else { value.ln() }
    }

    /// The inverse of [`centre`](Scale::centre).
    pub(crate) fn value(self, centre: f64) -> f64 {
        if self.absolute { centre } else { centre.exp() }
    }

    /// The change (a fraction, or a difference) of a difference on this scale.
    pub(crate) fn change(self, difference: f64) -> f64 {
        match (self.absolute, self.lower_is_worse) {
            (true, _) => difference,
            (false, false) => difference.exp_m1(),
            (false, true) => -(-difference).exp_m1(),
        }
    }

    /// As [`change`](Scale::change) of an end of an interval. `None` where it has no bound: that a
    /// ratio never falls by more than 100% is no knowledge.
    pub(crate) fn bound(self, difference: f64) -> Option<f64> {
        let change = self.change(difference);
        (difference.is_finite() && change.is_finite()).then_some(change)
    }

    /// Whether an end of an interval at this distance from its estimate says anything about it.
    pub(crate) fn tells(self, distance: f64) -> bool {
        self.absolute || distance.abs() <= FARTHEST.ln()
    }

    /// The inverse of [`change`](Scale::change).
    pub(crate) fn difference(self, change: f64) -> f64 {
        match (self.absolute, self.lower_is_worse) {
            (true, _) => change,
            (false, false) => change.ln_1p(),
            (false, true) => -(-change).ln_1p(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_survives_the_way_to_the_scale_and_back() {
        for metric in Metric::ALL {
            let scale = Scale::of(&metric);
            for change in [-0.5, -0.01, 0.0, 0.03, 0.8] {
                let again = scale.change(scale.difference(change));
                assert!(
                    (again - change).abs() < 1e-12,
                    "{metric:?} {change} {again}"
                );
            }
        }
        // A rate that halves is 50% worse, and a duration that doubles is 100% worse.
        let doubled = 2.0_f64.ln();
        assert!((Scale::of(&Metric::Rate).change(doubled) - 0.5).abs() < 1e-12);
        assert!((Scale::of(&Metric::Cpu).change(doubled) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_end_that_is_unknown_has_no_bound_in_any_direction() {
        for metric in Metric::ALL {
            let scale = Scale::of(&metric);
            assert_eq!(scale.bound(0.0), Some(0.0));
            for unknown in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
                assert_eq!(scale.bound(unknown), None, "{metric:?}");
            }
        }
    }
}
