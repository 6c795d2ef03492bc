//! One metric of one run, read without a comparison.

use crate::compare::difference::within_run;
use crate::compare::estimate::estimate;
use crate::compare::scale::Scale;
use crate::compare::unusable::Unusable;
use crate::metric::Metric;
use crate::run::Run;

/// One metric of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The value, in the metric's unit.
    pub value: f64,
    /// Standard error from the noise inside the run: relative to the value, or in the metric's unit
    /// if [`absolute`](Reading::absolute). `None` when it is unknown.
    pub error: Option<f64>,
    /// True when `error` is in the metric's unit.
    pub absolute: bool,
    /// Number of windows behind it.
    pub windows: usize,
    /// The lower bound of the value, whatever the lost operations were; `None` when unknown.
    pub loss_low: Option<f64>,
    /// The upper bound of the value, whatever the lost operations were; `None` when unknown.
    pub loss_high: Option<f64>,
}

/// Reads one metric of a run without its first `cut` windows.
///
/// # Errors
/// Why the metric cannot be estimated in this run.
pub fn read(run: &Run, metric: &Metric, cut: usize) -> Result<Reading, Unusable> {
    let mut scale = Scale::of(metric);
    let mut estimated = estimate(run, metric, scale, cut);
    if metric.may_be_zero() && matches!(estimated, Err(Unusable::NotPositive)) {
        scale = Scale::absolute(metric);
        estimated = estimate(run, metric, scale, cut);
    }
    let estimate = estimated?;
    let error = within_run(&estimate).sqrt();
    let known = |centre: f64| centre.is_finite().then(|| scale.value(centre));
    Ok(Reading {
        value: estimate.value,
        error: error.is_finite().then_some(error),
        absolute: scale.absolute,
        windows: estimate.scales.length,
        loss_low: known(estimate.loss.0),
        loss_high: known(estimate.loss.1),
    })
}
