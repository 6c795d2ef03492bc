//! Estimates that are quantiles of the durations of all operations of a run.

use super::{Estimate, Kind, finish};
use crate::compare::scale::Scale;
use crate::compare::unusable::Unusable;
use crate::math::histogram::Histogram;
use crate::math::merged_histogram::{MergedHistogram, loss_ranks};
use crate::metric::Metric;
use crate::run::Run;

/// The `p` quantile of the durations.
pub(super) fn quantile(
    run: &Run,
    metric: &Metric,
    scale: Scale,
    p: f64,
    cut: usize,
) -> Result<(Estimate, Vec<f64>), Unusable> {
    let windows = &run.durations()[cut.min(run.durations().len())..];
    let distribution = MergedHistogram::merge(windows.iter().flatten());
    let total = distribution.count() as f64;
    let Some(point) = distribution.point(p) else {
        return Err(Unusable::NoOperations);
    };
    let value = point.value();
    if value <= 0.0 {
        return Err(Unusable::NotPositive);
    }
    let present = windows.iter().flatten().count() as f64;
    let share = |window: &Option<Histogram>| match window {
        None => f64::NAN,
        Some(histogram) => {
            (histogram.below(point) - p * histogram.count() as f64) * present / total
        }
    };
    let series: Vec<f64> = windows.iter().map(share).collect();
    let (down, up) = distribution.resolution(point);
    let resolution = (
        -((-down / value).max(-0.999_999)).ln_1p(),
        (up / value).ln_1p(),
    );
    let loss = quantile_loss(&distribution, p, run.lost_fraction());
    let kind = Kind::Quantile {
        p,
        distribution,
        resolution,
    };
    let (mut estimate, series) = finish(run, metric, scale, value, series, kind)?;
    estimate.loss = loss;
    Ok((estimate, series))
}

/// Bounds of the logarithm of the quantile when the fraction `loss` of the operations was lost.
fn quantile_loss(distribution: &MergedHistogram, p: f64, loss: f64) -> (f64, f64) {
    let Some((low, high)) = loss_ranks(p, loss) else {
        return (f64::NEG_INFINITY, f64::INFINITY);
    };
    let read = |rank: Option<f64>| rank.and_then(|r| distribution.interpolated(r)).map(f64::ln);
    (
        read(low).unwrap_or(f64::NEG_INFINITY),
        read(high).unwrap_or(f64::INFINITY),
    )
}
