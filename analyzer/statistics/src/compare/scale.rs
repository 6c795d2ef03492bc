//! The scale in which two sides are compared: logarithms, or plain numbers for absolute metrics.
//!
//! Up is worse on this scale for every metric.

use crate::metric::Metric;

/// The change (a fraction, or a difference for absolute metrics) that corresponds to a difference
/// on the log scale.
pub(super) fn from_log_scale(metric: Metric, difference: f64) -> f64 {
    match (metric.is_absolute(), metric.lower_is_worse()) {
        (true, _) => difference,
        (false, false) => difference.exp_m1(),
        (false, true) => -(-difference).exp_m1(),
    }
}

/// The inverse of [`from_log_scale`].
pub(super) fn to_log_scale(metric: Metric, change: f64) -> f64 {
    match (metric.is_absolute(), metric.lower_is_worse()) {
        (true, _) => change,
        (false, false) => change.ln_1p(),
        (false, true) => -(-change).ln_1p(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_survives_the_way_to_the_scale_and_back() {
        for metric in Metric::ALL {
            for change in [-0.5, -0.01, 0.0, 0.03, 0.8] {
                let again = from_log_scale(metric, to_log_scale(metric, change));
                assert!(
                    (again - change).abs() < 1e-12,
                    "{metric:?} {change} {again}"
                );
            }
        }
        // A rate that halves is 50% worse, and a duration that doubles is 100% worse.
        assert!((from_log_scale(Metric::Rate, 2.0_f64.ln()) - 0.5).abs() < 1e-12);
        assert!((from_log_scale(Metric::Cpu, 2.0_f64.ln()) - 1.0).abs() < 1e-12);
    }
}
