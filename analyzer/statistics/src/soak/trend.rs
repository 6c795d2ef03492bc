//! A straight line through a series, with an interval for its slope under autocorrelation.
//!
//! `leak` decides whether a slope is a leak.

use crate::math::distributions::t_upper_quantile;
use crate::math::long_run_variance::combine;
use crate::math::time_scales::{MIN_WINDOWS, TimeScales};

/// A line needs at least this many points.
pub const MIN_POINTS: usize = 5;

/// A fitted line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Rise per unit of time, in the data's units.
    pub slope: f64,
    /// Standard error of the slope under autocorrelation.
    pub standard_error: f64,
    /// Degrees of freedom of that standard error.
    pub degrees_of_freedom: f64,
    /// Fitted value at the first time.
    pub start: f64,
    /// Fitted value at the last time.
    pub end: f64,
    /// Number of points that were not missing.
    pub points: usize,
}

impl Trend {
    /// The interval of the slope, with probability `level` beyond each end (0.025 gives 95%).
    pub fn interval(&self, level: f64) -> (f64, f64) {
        let margin = if self.standard_error == 0.0 {
            0.0
        } else {
            t_upper_quantile(level, self.degrees_of_freedom) * self.standard_error
        };
        (self.slope - margin, self.slope + margin)
    }
}

/// The least-squares line through `values` at `times`. Pairs with a NaN or infinite number are left
/// out.
///
/// The standard error uses the long-run variance of the residuals instead of their variance. For a
/// trend, ordinary least squares is then as good as generalised least squares (Grenander and
/// Rosenblatt 1957). Assumes residuals that are stationary, with a memory that is short compared to
/// the series. With fewer than 12 points their plain variance is used, inflated for their
/// lag-one correlation, with n − 2 degrees of freedom. `None` with fewer than 5 points, or when all
/// times are equal.
pub fn trend(times: &[f64], values: &[f64]) -> Option<Trend> {
    let usable = |v: f64| v.abs() < 1e140;
    let pairs = times
        .iter()
        .zip(values)
        .filter(|(t, v)| usable(**t) && usable(**v));
    let (times, values): (Vec<f64>, Vec<f64>) = pairs.map(|(t, v)| (*t, *v)).unzip();
    let points = values.len();
    if points < MIN_POINTS {
        return None;
    }
    let count = points as f64;
    let (mean_time, mean) = (
        times.iter().sum::<f64>() / count,
        values.iter().sum::<f64>() / count,
    );
    let (mut sxx, mut sxy) = (0.0, 0.0);
    for (time, value) in times.iter().zip(&values) {
        sxx += (time - mean_time).powi(2);
        sxy += (time - mean_time) * (value - mean);
    }
    if sxx <= 0.0 || !sxx.is_finite() || !sxy.is_finite() {
        return None;
    }
    // The rounding errors of a constant are neither slope nor noise.
    let rounding = 1e-12 * mean.abs();
    let slope = sxy / sxx;
    let span = (sxx / count).sqrt();
    let slope = if slope.abs() * span < rounding {
        0.0
    } else {
        slope
    };
    let fitted = |time: f64| mean + slope * (time - mean_time);
    let residuals: Vec<f64> = times
        .iter()
        .zip(&values)
        .map(|(t, v)| v - fitted(*t))
        .map(|r| if r.abs() < rounding { 0.0 } else { r })
        .collect();
    let (variance, degrees_of_freedom) = residual_variance(&residuals)?;
    let first = times.iter().copied().fold(f64::INFINITY, f64::min);
    let last = times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(Trend {
        slope,
        standard_error: (variance / sxx).sqrt(),
        degrees_of_freedom,
        start: fitted(first),
        end: fitted(last),
        points,
    })
}

/// The variance of a residual for the slope's standard error, and its degrees of freedom.
fn residual_variance(residuals: &[f64]) -> Option<(f64, f64)> {
    let count = residuals.len() as f64;
    if residuals.len() >= MIN_WINDOWS {
        let combined = combine(&[(&TimeScales::new(residuals)?, 1.0)])?;
        // The line has two fitted coefficients.
        return Some((
            combined.variances[0] * count * count / (count - 2.0),
            combined.degrees,
        ));
    }
    let squares: f64 = residuals.iter().map(|r| r * r).sum();
    let products: f64 = residuals.windows(2).map(|w| w[0] * w[1]).sum();
    let correlation = if squares > 0.0 {
        (products / squares).clamp(0.0, 0.9)
    } else {
        0.0
    };
    let inflation = (1.0 + correlation) / (1.0 - correlation);
    Some((squares / (count - 2.0) * inflation, count - 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_points_are_ordinary_least_squares() {
        // scipy.stats.linregress([0,1,2,3,4,5], [1.0,2.9,5.2,6.8,9.1,11.0]): slope and stderr; the
        // residuals' lag-one correlation is negative, so that nothing is inflated.
        let found = trend(
            &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            &[1.0, 2.9, 5.2, 6.8, 9.1, 11.0],
        );
        let found = found.unwrap();
        assert!((found.slope - LINREGRESS.0).abs() < 1e-12, "{found:?}");
        assert!(
            (found.standard_error - LINREGRESS.1).abs() < 1e-12,
            "{found:?}"
        );
        assert_eq!(found.degrees_of_freedom, 4.0);
    }

    const LINREGRESS: (f64, f64) = (2.0057142857142853, 0.03768830273792635);

    #[test]
    fn too_little_is_none() {
        assert_eq!(trend(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(trend(&[1.0; 20], &[1.0; 20]), None);
    }

    #[test]
    fn a_constant_has_no_slope() {
        for level in [0.1, 1.0 / 3.0, 1e18] {
            let times: Vec<f64> = (0..500).map(|i| f64::from(i) * 10.0).collect();
            let found = trend(&times, &[level; 500]).unwrap();
            assert_eq!((found.slope, found.standard_error), (0.0, 0.0));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..60)) {
            let (times, values): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
            if let Some(found) = trend(&times, &values) {
                let _ = found.interval(0.025);
            }
        }
    }
}
