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
    trend_of_lives(times, values, &[])
}

/// As [`trend`], with one slope and a level for each life of a process: a life begins at each of
/// the ascending `restarts`. Lives with fewer than 3 points are left out.
pub(crate) fn trend_of_lives(times: &[f64], values: &[f64], restarts: &[f64]) -> Option<Trend> {
    let usable = |v: f64| v.abs() < 1e140;
    let pairs = times
        .iter()
        .zip(values)
        .filter(|(t, v)| usable(**t) && usable(**v));
    let mut lives: Vec<Life> = Vec::new();
    let mut current = usize::MAX;
    for (&time, &value) in pairs {
        let life = restarts.partition_point(|restart| *restart <= time);
        if life != current {
            lives.push(Life::default());
            current = life;
        }
        if let Some(life) = lives.last_mut() {
            life.points.push((time, value));
        }
    }
    if !restarts.is_empty() {
        lives.retain(|life| life.points.len() >= 3);
    }
    let points: usize = lives.iter().map(|life| life.points.len()).sum();
    let coefficients = lives.len() + 1;
    if points < MIN_POINTS.max(coefficients + 1) {
        return None;
    }
    let count = points as f64;
    let (mut sxx, mut sxy, mut size) = (0.0, 0.0, 0.0_f64);
    for life in &mut lives {
        life.centre();
        size = size.max(life.mean.abs());
        for (time, value) in &life.points {
            sxx += (time - life.mean_time).powi(2);
            sxy += (time - life.mean_time) * (value - life.mean);
        }
    }
    if sxx <= 0.0 || !sxx.is_finite() || !sxy.is_finite() {
        return None;
    }
    // The rounding errors of a constant are neither slope nor noise.
    let rounding = 1e-12 * size;
    let slope = sxy / sxx;
    let span = (sxx / count).sqrt();
    let slope = if slope.abs() * span < rounding {
        0.0
    } else {
        slope
    };
    let fitted = |life: &Life, time: f64| life.mean + slope * (time - life.mean_time);
    let residual = |r: f64| if r.abs() < rounding { 0.0 } else { r };
    let residuals: Vec<f64> = lives
        .iter()
        .flat_map(|life| life.points.iter().map(move |(t, v)| v - fitted(life, *t)))
        .map(residual)
        .collect();
    let (variance, degrees_of_freedom) = residual_variance(&residuals, coefficients as f64)?;
    let all = || lives.iter().flat_map(|life| &life.points);
    let first = all().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let last = all().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
    Some(Trend {
        slope,
        standard_error: (variance / sxx).sqrt(),
        degrees_of_freedom,
        start: fitted(lives.first()?, first),
        end: fitted(lives.last()?, last),
        points,
    })
}

/// The points of one life of a process, with their means.
#[derive(Default)]
struct Life {
    points: Vec<(f64, f64)>,
    mean_time: f64,
    mean: f64,
}

impl Life {
    fn centre(&mut self) {
        let count = self.points.len() as f64;
        self.mean_time = self.points.iter().map(|p| p.0).sum::<f64>() / count;
        self.mean = self.points.iter().map(|p| p.1).sum::<f64>() / count;
    }
}

/// The variance of a residual for the slope's standard error, and its degrees of freedom, after
/// this number of coefficients were fitted.
fn residual_variance(residuals: &[f64], coefficients: f64) -> Option<(f64, f64)> {
    let count = residuals.len() as f64;
    if residuals.len() >= MIN_WINDOWS {
        let combined = combine(&[(&TimeScales::new(residuals)?, 1.0)])?;
        return Some((
            combined.variances[0] * count * count / (count - coefficients),
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
    Some((
        squares / (count - coefficients) * inflation,
        count - coefficients,
    ))
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
