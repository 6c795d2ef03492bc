//! The estimate of one metric of one run: its value, and a series of windows whose mean has the
//! variance of that value.
//!
//! A ratio or a quantile is not a mean of windows, but its linearisation is (quantile: Woodruff
//! 1952; ratio: Cochran 1977, chapter 6). In this way `long_run_variance` can give the variance of
//! every metric. Two runs are never compared here.

mod mean;
mod quantile;

use crate::compare::scale::Scale;
use crate::compare::unusable::Unusable;
use crate::math::merged_histogram::MergedHistogram;
use crate::math::time_scales::{TimeScales, sum};
use crate::metric::Metric;
use crate::run::{Column, Run};
use std::sync::Arc;

/// Number of standard errors of a quantile's rank at which its own errors are read from the
/// distribution.
const RANK_ERRORS: f64 = 2.5;
/// Where the rank of a quantile is so uncertain that both ends of its interval lie beyond the data,
/// the distribution is read at this share of the way from the quantile to either end of the data:
/// beyond it are single operations, which may be of any size.
const INSIDE: f64 = 0.8;
/// Relative deviations below this are rounding errors.
pub(crate) const ROUNDING: f64 = 1e-12;

/// One metric of one run, after the warm-up was cut.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    /// The value, in the metric's unit.
    pub(crate) value: f64,
    /// The value on the scale of the comparison: its logarithm, or the value itself.
    pub(crate) centre: f64,
    /// The linearised series at all time scales.
    pub(crate) scales: TimeScales,
    /// The part of the series that other runs of the side do not have in common with this one;
    /// `None` where that is unknown, as of a single run.
    pub(crate) own: Option<TimeScales>,
    /// The derivative of `centre` with respect to the mean of the series.
    pub(crate) slope: f64,
    /// Bounds of `centre` if the lost operations had any values at all; infinite when unknown.
    pub(crate) loss: (f64, f64),
    kind: Kind,
}

/// The meaning of an estimate's series.
#[derive(Debug, Clone)]
enum Kind {
    /// The deviation of each window from the mean, in the scale of `centre`.
    Mean,
    /// The failures of each window. One more cluster of failures is always possible, so that the
    /// variance is at least `least`: the square of a typical cluster's size ÷ operations.
    Failures { least: f64 },
    /// The share of operations below the quantile, in each window.
    Quantile {
        p: f64,
        /// The scale of `centre`.
        scale: Scale,
        distribution: Arc<MergedHistogram>,
        /// How far `centre` may be off downwards and upwards because its bucket has a width.
        resolution: (f64, f64),
    },
}

/// The estimate without the first `cut` windows.
pub(crate) fn estimate(
    run: &Run,
    metric: &Metric,
    scale: Scale,
    cut: usize,
) -> Result<Estimate, Unusable> {
    let (estimate, _) = estimate_with_series(run, metric, scale, cut)?;
    Ok(estimate)
}

/// As [`estimate()`], with the linearised series: one number per window, NaN where it is missing.
pub(crate) fn estimate_with_series(
    run: &Run,
    metric: &Metric,
    scale: Scale,
    cut: usize,
) -> Result<(Estimate, Vec<f64>), Unusable> {
    match (run.column(metric), metric.quantile()) {
        (Some(Column::Plain(values)), _) => {
            mean::of_windows(run, metric, scale, &values[cut.min(values.len())..])
        }
        (Some(Column::PerOperation { sums, counts }), _) => mean::per_operation(
            run,
            metric,
            scale,
            &sums[cut.min(sums.len())..],
            &counts[cut.min(counts.len())..],
        ),
        (None, Some(p)) if !run.durations().is_empty() => {
            quantile::quantile(run, metric, scale, p, cut)
        }
        _ => Err(Unusable::NotMeasured),
    }
}

/// Completes the estimate from its linearised series.
fn finish(
    run: &Run,
    metric: &Metric,
    scale: Scale,
    value: f64,
    series: Vec<f64>,
    kind: Kind,
) -> Result<(Estimate, Vec<f64>), Unusable> {
    let total = sum(&series);
    let scales = if total.is_finite() {
        TimeScales::of_sum(&series, total)
    } else {
        let present: Vec<f64> = series.iter().copied().filter(|v| v.is_finite()).collect();
        TimeScales::new(&present)
    };
    let scales = scales.ok_or(Unusable::TooFewWindows)?;
    let centre = scale.centre(value);
    let lost = run.lost_fraction_of(metric);
    // A mean has no bounds under loss. A failure rate has bounds: none or all of the lost
    // operations failed. A rate includes lost operations already, and memory does not depend on
    // operations.
    let loss = match metric {
        _ if lost == 0.0 => (centre, centre),
        Metric::FailureRate => (value * (1.0 - lost), value * (1.0 - lost) + lost),
        Metric::Rate | Metric::Memory | Metric::Value | Metric::Other(_) => (centre, centre),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let mut estimate = Estimate {
        value,
        centre,
        scales,
        own: None,
        slope: 1.0,
        loss,
        kind,
    };
    estimate.slope = estimate.typical_slope();
    Ok((estimate, series))
}

/// The standard error of the rank of the `p` quantile. Its variance is never below that of
/// independent operations.
fn rank_error(p: f64, distribution: &MergedHistogram, variance: f64) -> f64 {
    let independent = p * (1.0 - p) / distribution.count() as f64;
    variance.max(independent).sqrt()
}

impl Estimate {
    /// Standard errors of `centre` downwards and upwards, from the variance of the series' mean.
    /// They are infinite where the interval reaches beyond the data.
    pub(crate) fn errors(&self, variance: f64) -> (f64, f64) {
        match &self.kind {
            Kind::Mean => (variance.sqrt(), variance.sqrt()),
            Kind::Failures { least } => {
                let error = variance.max(*least).sqrt();
                (error, error)
            }
            Kind::Quantile {
                p,
                scale,
                distribution,
                ..
            } => {
                let operations = distribution.count() as f64;
                let error = rank_error(*p, distribution, variance);
                let (low, high) = (p - RANK_ERRORS * error, p + RANK_ERRORS * error);
                let read =
                    |rank: f64| scale.centre(distribution.interpolated(rank).unwrap_or(self.value));
                let down = if low <= 0.5 / operations {
                    f64::INFINITY
                } else {
                    (self.centre - read(low)).max(0.0) / RANK_ERRORS
                };
                let up = if high >= 1.0 - 0.5 / operations {
                    f64::INFINITY
                } else {
                    (read(high) - self.centre).max(0.0) / RANK_ERRORS
                };
                (down, up)
            }
        }
    }

    /// The variance of `centre`, from the variance of the series' mean: the square of the mean of
    /// the [errors](Estimate::errors) downwards and upwards, or of the one that is known. Where
    /// neither is, it is extrapolated from the middle of the data: no interval of one run, but a
    /// part of the noise of several.
    pub(crate) fn variance(&self, variance: f64) -> f64 {
        let (down, up) = self.errors(variance);
        match (down.is_finite(), up.is_finite()) {
            (true, true) => (0.5 * (down + up)).powi(2),
            (true, false) => down * down,
            (false, true) => up * up,
            (false, false) => self.extrapolated(variance),
        }
    }

    /// The variance of `centre` of a quantile whose rank could be anywhere in the data, by the mean
    /// slope of the distribution around the quantile; infinite where that is unknown.
    fn extrapolated(&self, variance: f64) -> f64 {
        let Kind::Quantile {
            p,
            scale,
            distribution,
            ..
        } = &self.kind
        else {
            return f64::INFINITY;
        };
        let read = |rank: f64| {
            let value = distribution.interpolated(rank);
            value.map_or(f64::NAN, |value| scale.centre(value))
        };
        let (below, above) = (p * INSIDE, (1.0 - p) * INSIDE);
        let down = (self.centre - read(p - below)) / below;
        let up = (read(p + above) - self.centre) / above;
        let error = 0.5 * (down + up) * rank_error(*p, distribution, variance);
        if error.is_finite() {
            error * error
        } else {
            f64::INFINITY
        }
    }

    /// Why an end of the interval is not known: the number of operations that a run needs for this
    /// quantile, where there are fewer, whatever the windows are like; `None` where the windows
    /// differ too much.
    pub(crate) fn operations_needed(&self) -> Option<u64> {
        let Kind::Quantile {
            p, distribution, ..
        } = &self.kind
        else {
            return None;
        };
        // With x = 1/√n both ends are inside the data where x²/2 + reach · x is below the distance
        // of the quantile from the nearer end.
        let reach = RANK_ERRORS * (p * (1.0 - p)).sqrt();
        let x = (reach * reach + 2.0 * p.min(1.0 - p)).sqrt() - reach;
        let least = (1.0 / (x * x)).ceil() as u64 + 1;
        (distribution.count() < least).then_some(least)
    }

    /// How far `centre` may be off downwards and upwards because a bucket has a width.
    pub(crate) fn resolution(&self) -> (f64, f64) {
        match &self.kind {
            Kind::Quantile { resolution, .. } => *resolution,
            _ => (0.0, 0.0),
        }
    }

    /// The slope of a quantile at its typical error: 0 where all values around it are the same, 1
    /// where it is unknown. 1 for everything else.
    fn typical_slope(&self) -> f64 {
        let Kind::Quantile {
            p, distribution, ..
        } = &self.kind
        else {
            return 1.0;
        };
        let independent = self.scales.independent_variance();
        let (down, up) = self.errors(independent);
        let error = down.min(up);
        // Windows may have exactly the same share, and operations have a variance nevertheless.
        let of_rank = match independent > 0.0 {
            true => independent.sqrt(),
            false => rank_error(*p, distribution, independent),
        };
        if error.is_finite() && of_rank > 0.0 {
            error / of_rank
        } else {
            1.0
        }
    }
}
