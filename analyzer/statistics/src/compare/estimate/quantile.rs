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
    let distribution = run.distribution(cut);
    let total = distribution.count() as f64;
    let Some(point) = distribution.point(p) else {
        return Err(Unusable::NoOperations);
    };
    let value = point.value();
    if value <= 0.0 && !scale.absolute {
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
    let resolution = if scale.absolute {
        (down, up)
    } else {
        (
            -((-down / value).max(-0.999_999)).ln_1p(),
            (up / value).ln_1p(),
        )
    };
    let loss = quantile_loss(&distribution, scale, p, run.lost_fraction_of(metric));
    let kind = Kind::Quantile {
        p,
        scale,
        distribution,
        resolution,
    };
    let (mut estimate, series) = finish(run, metric, scale, value, series, kind)?;
    estimate.loss = loss;
    Ok((estimate, series))
}

/// Bounds of the quantile on the scale when the fraction `loss` of the operations was lost.
fn quantile_loss(distribution: &MergedHistogram, scale: Scale, p: f64, loss: f64) -> (f64, f64) {
    // No operation takes less than 0.
    let least = scale.centre(0.0);
    let Some((low, high)) = loss_ranks(p, loss) else {
        return (least, f64::INFINITY);
    };
    let read = |rank: Option<f64>| {
        let value = rank.and_then(|rank| distribution.interpolated(rank));
        value.map(|value| scale.centre(value))
    };
    (
        read(low).unwrap_or(least),
        read(high).unwrap_or(f64::INFINITY),
    )
}
