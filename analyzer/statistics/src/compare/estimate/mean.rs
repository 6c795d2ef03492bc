//! Estimates that are means: over the windows, or over the operations.

use super::{Estimate, Kind, ROUNDING, finish};
use crate::compare::scale::Scale;
use crate::compare::unusable::Unusable;
use crate::math::time_scales::sum;
use crate::metric::Metric;
use crate::run::Run;

/// The mean over the windows.
pub(super) fn of_windows(
    run: &Run,
    metric: &Metric,
    scale: Scale,
    values: &[f64],
) -> Result<(Estimate, Vec<f64>), Unusable> {
    let (mut total, mut present) = (sum(values), values.len());
    if !total.is_finite() {
        let finite = || values.iter().filter(|v| v.is_finite());
        (total, present) = (finite().sum(), finite().count());
    }
    if present == 0 {
        return Err(Unusable::NotMeasured);
    }
    let value = total / present as f64;
    if !value.is_finite() || (!scale.absolute && value <= 0.0) {
        return Err(Unusable::NotPositive);
    }
    let unit = if scale.absolute { 1.0 } else { 1.0 / value };
    let series: Vec<f64> = values.iter().map(|v| rounded((v - value) * unit)).collect();
    finish(run, metric, scale, value, series, Kind::Mean)
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
    metric: &Metric,
    scale: Scale,
    sums: &[f64],
    counts: &[f64],
) -> Result<(Estimate, Vec<f64>), Unusable> {
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
        return Err(Unusable::NotMeasured);
    }
    if operations <= 0.0 {
        return Err(Unusable::NoOperations);
    }
    let value = total / operations;
    if !value.is_finite() || (!scale.absolute && value <= 0.0) {
        return Err(Unusable::NotPositive);
    }
    let each = present as f64 / operations;
    let unit = if scale.absolute { each } else { each / value };
    let series = sums
        .iter()
        .zip(counts)
        .map(|(part, count)| rounded((part - value * count) * unit));
    let kind = if *metric == Metric::FailureRate {
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
    finish(run, metric, scale, value, series.collect(), kind)
}
