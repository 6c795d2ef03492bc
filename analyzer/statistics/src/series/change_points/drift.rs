//! A drift: a part of a series that is explained by a straight line.

use super::{ChangePoint, Series, standardised};
use crate::math::distributions::t_upper;
use crate::series::change::ChangeKind;

impl Series {
    /// The least-squares line through the points, as a drift, and its residuals.
    pub(super) fn line(&self, start: usize, end: usize) -> Option<(ChangePoint, Vec<f64>)> {
        let count = (end - start) as f64;
        let mean_time = self.times[start..end].iter().sum::<f64>() / count;
        let mean = self.mean(start, end);
        let (mut sxx, mut sxy) = (0.0, 0.0);
        for i in start..end {
            let x = self.times[i] - mean_time;
            sxx += x * x;
            sxy += x * (self.values[i] - mean);
        }
        if sxx <= 0.0 || !sxx.is_finite() {
            return None;
        }
        let slope = sxy / sxx;
        let fitted = |i: usize| mean + slope * (self.times[i] - mean_time);
        let residuals: Vec<f64> = (start..end).map(|i| self.values[i] - fitted(i)).collect();
        let (t, degrees) = standardised(&residuals, slope.abs() * sxx.sqrt())?;
        let part = ChangePoint {
            start,
            kind: ChangeKind::Drift,
            before: fitted(start),
            after: fitted(end - 1),
            p: (2.0 * t_upper(t, degrees)).min(1.0),
        };
        Some((part, residuals))
    }
}
