//! Estimates that are means: over the windows, or over the operations.

use super::{Estimate, Kind, NoEstimate, ROUNDING, finish};
use crate::math::time_scales::sum;
use crate::metric::Metric;
use crate::run::Run;

/// The mean over the windows.
pub(super) fn of_windows(
    run: &Run,
    metric: Metric,
    values: &[f64],
) -> Result<(Estimate, Vec<f64>), NoEstimate> {
    let (mut total, mut present) = (sum(values), values.len());
    if !total.is_finite() {
        let finite = || values.iter().filter(|v| v.is_finite());
        (total, present) = (finite().sum(), finite().count());
    }
    if present == 0 {
        return Err(NoEstimate::NotMeasured);
    }
    let value = total / present as f64;
    if !metric.is_absolute() && (value <= 0.0 || !value.is_finite()) {
        return Err(NoEstimate::NotPositive);
    }
    let unit = if metric.is_absolute() {
        1.0
    } else {
        1.0 / value
    };
    let series: Vec<f64> = values.iter().map(|v| rounded((v - value) * unit)).collect();
    finish(run, metric, value, series, Kind::Mean)
}

/// The deviation, or 0 where it is a rounding error.
fn rounded(deviation: f64) -> f64 {
    if deviation.abs() < ROUNDING {
        0.0
    } else {
        deviation
    }
}

/// Sum ÷ operations over the run.
pub(super) fn per_operation(
    run: &Run,
    metric: Metric,
    sums: &[f64],
    counts: &[f64],
) -> Result<(Estimate, Vec<f64>), NoEstimate> {
    let (mut total, mut squares, mut operations, mut present) = (0.0, 0.0, 0.0, 0_usize);
    for (part, count) in sums.iter().zip(counts) {
        if part.is_finite() && count.is_finite() {
            total += part;
            squares += part * part;
            operations += count;
            present += 1;
        }
    }
    if present == 0 {
        return Err(NoEstimate::NotMeasured);
    }
    if operations <= 0.0 {
        return Err(NoEstimate::NoOperations);
    }
    let value = total / operations;
    if !metric.is_absolute() && (value <= 0.0 || !value.is_finite()) {
        return Err(NoEstimate::NotPositive);
    }
    let each = present as f64 / operations;
    let unit = if metric.is_absolute() {
        each
    } else {
        each / value
    };
    let series = sums
        .iter()
        .zip(counts)
        .map(|(part, count)| rounded((part - value * count) * unit));
    let kind = if metric == Metric::FailureRate {
        // The size of the cluster that a typical failure belongs to; 1 without failures.
        let cluster = if total > 0.0 {
            (squares / total).max(1.0)
        } else {
            1.0
        };
        Kind::Failures {
            least: (cluster / operations).powi(2),
        }
    } else {
        Kind::Mean
    };
    finish(run, metric, value, series.collect(), kind)
}
