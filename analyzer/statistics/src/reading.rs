//! One metric of one run, read: its value, and the series whose mean it is to first order.
//!
//! A ratio or a quantile is not a mean of windows; its linearisation is (Woodruff 1952 for the quantile, the
//! ordinary ratio estimator, Cochran 1977 chapter 6). That turns every metric into something whose variance
//! `longrun` knows. It must never compare two runs.

use crate::histogram::{Distribution, Histogram, loss_ranks};
use crate::longrun::{Scales, sum};
use crate::metric::Metric;
use crate::run::{Column, Run};

/// Standard deviations at which a quantile's interval is read off its distribution.
const REACH: f64 = 2.5;
/// Relative deviations below this are rounding errors.
pub(crate) const ROUNDING: f64 = 1e-12;

/// One metric of one run, after the warm-up was cut.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// In the metric's unit.
    pub(crate) value: f64,
    /// In the working scale: the logarithm, or the value itself for absolute metrics.
    pub(crate) centre: f64,
    /// The linearised series at all time scales.
    pub(crate) scales: Scales,
    /// d centre / d (mean of the series).
    pub(crate) slope: f64,
    /// Bounds of the centre if the lost operations had been anything: infinite when unknown.
    pub(crate) loss: (f64, f64),
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    /// The series is in the working scale.
    Linear,
    /// The series counts failures: one more cluster is always possible; its square over the operations squared.
    Failures { least: f64 },
    /// The series is a share of operations below the quantile.
    Quantile {
        p: f64,
        distribution: Distribution,
        resolution: (f64, f64),
    },
}

/// Why a run has no reading of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    TooFewWindows,
    NotPositive,
    NoOperations,
    Nothing,
}

impl Unread {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Unread::TooFewWindows => "too few windows to know their variance",
            Unread::NotPositive => "the mean is not positive, so a relative change has no meaning",
            Unread::NoOperations => "no operations were observed",
            Unread::Nothing => "not measured",
        }
    }
}

/// Windows of one metric, linearised; the input of warm-up detection and of the variance.
pub(crate) fn read(run: &Run, metric: Metric, cut: usize) -> Result<Reading, Unread> {
    let (reading, _) = read_with_series(run, metric, cut)?;
    Ok(reading)
}

/// As [`read`], with the linearised series at the windows' own places (NaN where missing).
pub(crate) fn read_with_series(
    run: &Run,
    metric: Metric,
    cut: usize,
) -> Result<(Reading, Vec<f64>), Unread> {
    match (run.column(metric), metric.quantile()) {
        (Some(Column::Plain(values)), _) => plain(run, metric, &values[cut.min(values.len())..]),
        (Some(Column::PerOperation(sums)), _) => {
            let counts = run.counts();
            per_operation(
                run,
                metric,
                &sums[cut.min(sums.len())..],
                &counts[cut.min(counts.len())..],
            )
        }
        (None, Some(p)) if !run.durations().is_empty() => quantile(run, p, cut),
        _ => Err(Unread::Nothing),
    }
}

fn plain(run: &Run, metric: Metric, values: &[f64]) -> Result<(Reading, Vec<f64>), Unread> {
    let (mut total, mut present) = (sum(values), values.len());
    if !total.is_finite() {
        let finite = || values.iter().filter(|v| v.is_finite());
        (total, present) = (finite().sum(), finite().count());
    }
    if present == 0 {
        return Err(Unread::Nothing);
    }
    let value = total / present as f64;
    if !metric.absolute() && (value <= 0.0 || !value.is_finite()) {
        return Err(Unread::NotPositive);
    }
    let unit = if metric.absolute() { 1.0 } else { 1.0 / value };
    let series: Vec<f64> = values.iter().map(|v| rounded((v - value) * unit)).collect();
    finish(run, metric, value, series, Shape::Linear)
}

/// What is left of a constant after its own rounding is nothing.
fn rounded(deviation: f64) -> f64 {
    if deviation.abs() < ROUNDING {
        0.0
    } else {
        deviation
    }
}

fn per_operation(
    run: &Run,
    metric: Metric,
    sums: &[f64],
    counts: &[f64],
) -> Result<(Reading, Vec<f64>), Unread> {
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
        return Err(Unread::Nothing);
    }
    if operations <= 0.0 {
        return Err(Unread::NoOperations);
    }
    let value = total / operations;
    if !metric.absolute() && (value <= 0.0 || !value.is_finite()) {
        return Err(Unread::NotPositive);
    }
    let each = present as f64 / operations;
    let unit = if metric.absolute() {
        each
    } else {
        each / value
    };
    let series = sums
        .iter()
        .zip(counts)
        .map(|(part, count)| rounded((part - value * count) * unit));
    let shape = if metric == Metric::FailureRate {
        // The size of the cluster that a typical failure was in; 1 when none was seen.
        let cluster = if total > 0.0 {
            (squares / total).max(1.0)
        } else {
            1.0
        };
        Shape::Failures {
            least: (cluster / operations).powi(2),
        }
    } else {
        Shape::Linear
    };
    finish(run, metric, value, series.collect(), shape)
}

fn quantile(run: &Run, p: f64, cut: usize) -> Result<(Reading, Vec<f64>), Unread> {
    let windows = &run.durations()[cut.min(run.durations().len())..];
    let distribution = Distribution::merge(windows.iter().flatten());
    let total = distribution.count() as f64;
    let Some(at) = distribution.point(p) else {
        return Err(Unread::NoOperations);
    };
    let value = at.value();
    if value <= 0.0 {
        return Err(Unread::NotPositive);
    }
    let present = windows.iter().flatten().count() as f64;
    let share = |window: &Option<Histogram>| match window {
        None => f64::NAN,
        Some(histogram) => (histogram.below(at) - p * histogram.count() as f64) * present / total,
    };
    let series: Vec<f64> = windows.iter().map(share).collect();
    let (down, up) = distribution.resolution(at);
    let resolution = (
        -((-down / value).max(-0.999_999)).ln_1p(),
        (up / value).ln_1p(),
    );
    let metric = Metric::DurationP50;
    let loss = quantile_loss(&distribution, p, run.lost_fraction());
    let shape = Shape::Quantile {
        p,
        distribution,
        resolution,
    };
    let (mut reading, series) = finish(run, metric, value, series, shape)?;
    reading.loss = loss;
    Ok((reading, series))
}

fn quantile_loss(distribution: &Distribution, p: f64, loss: f64) -> (f64, f64) {
    let Some((low, high)) = loss_ranks(p, loss) else {
        return (f64::NEG_INFINITY, f64::INFINITY);
    };
    let read = |rank: Option<f64>| rank.and_then(|r| distribution.interpolated(r)).map(f64::ln);
    (
        read(low).unwrap_or(f64::NEG_INFINITY),
        read(high).unwrap_or(f64::INFINITY),
    )
}

fn finish(
    run: &Run,
    metric: Metric,
    value: f64,
    series: Vec<f64>,
    shape: Shape,
) -> Result<(Reading, Vec<f64>), Unread> {
    let total = sum(&series);
    let scales = if total.is_finite() {
        Scales::of_sum(&series, total)
    } else {
        let present: Vec<f64> = series.iter().copied().filter(|v| v.is_finite()).collect();
        Scales::new(&present)
    };
    let scales = scales.ok_or(Unread::TooFewWindows)?;
    let centre = if metric.absolute() { value } else { value.ln() };
    let lost = run.lost_fraction();
    // A mean has no bounds under loss; a failure rate has: none or all of the lost ones failed. A rate counts
    // the lost ones already, memory is not a property of operations.
    let loss = match metric {
        _ if lost == 0.0 => (centre, centre),
        Metric::FailureRate => (value * (1.0 - lost), value * (1.0 - lost) + lost),
        Metric::Rate | Metric::Memory | Metric::Value => (centre, centre),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let mut reading = Reading {
        value,
        centre,
        scales,
        slope: 1.0,
        loss,
        shape,
    };
    reading.slope = reading.typical_slope();
    Ok((reading, series))
}

impl Reading {
    /// Standard errors of the centre downwards and upwards, from the variance of the series' mean; infinite where
    /// the data end before the interval does.
    pub(crate) fn errors(&self, variance: f64) -> (f64, f64) {
        match &self.shape {
            Shape::Linear => (variance.sqrt(), variance.sqrt()),
            Shape::Failures { least } => {
                let error = variance.max(*least).sqrt();
                (error, error)
            }
            Shape::Quantile {
                p, distribution, ..
            } => {
                // Independent operations would leave this much: windows rarely know more.
                let operations = distribution.count() as f64;
                let error = variance.max(p * (1.0 - p) / operations).sqrt();
                let (low, high) = (p - REACH * error, p + REACH * error);
                let read = |rank: f64| distribution.interpolated(rank).unwrap_or(self.value).ln();
                let down = if low <= 0.5 / operations {
                    f64::INFINITY
                } else {
                    (self.centre - read(low)).max(0.0) / REACH
                };
                let up = if high >= 1.0 - 0.5 / operations {
                    f64::INFINITY
                } else {
                    (read(high) - self.centre).max(0.0) / REACH
                };
                (down, up)
            }
        }
    }

    /// How far the centre may be off for the width of a bucket alone: downwards, upwards.
    pub(crate) fn resolution(&self) -> (f64, f64) {
        match &self.shape {
            Shape::Quantile { resolution, .. } => *resolution,
            _ => (0.0, 0.0),
        }
    }

    fn typical_slope(&self) -> f64 {
        match &self.shape {
            Shape::Quantile { .. } => {
                let naive = self.scales.naive();
                let (down, up) = self.errors(naive);
                let error = down.min(up);
                if error.is_finite() && error > 0.0 && naive > 0.0 {
                    error / naive.sqrt()
                } else {
                    1.0
                }
            }
            _ => 1.0,
        }
    }
}
