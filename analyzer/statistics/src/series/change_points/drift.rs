//! A straight line as the explanation of a part of a series.

use super::{ChangePoint, Series, standardised};
use crate::math::distributions::t_upper;
use crate::series::change::ChangeKind;

impl Series {
    /// A straight line through the points, as a drift, and the residuals.
    pub(super) fn line(&self, start: usize, end: usize) -> Option<(ChangePoint, Vec<f64>)> {
        let count = (end - start) as f64;
        let middle = self.times[start..end].iter().sum::<f64>() / count;
        let mean = self.mean(start, end);
        let (mut across, mut along) = (0.0, 0.0);
        for i in start..end {
            let x = self.times[i] - middle;
            across += x * x;
            along += x * (self.values[i] - mean);
        }
        if across <= 0.0 || !across.is_finite() {
            return None;
        }
        let slope = along / across;
        let fitted = |i: usize| mean + slope * (self.times[i] - middle);
        let residuals: Vec<f64> = (start..end).map(|i| self.values[i] - fitted(i)).collect();
        let (t, degrees) = standardised(&residuals, slope.abs() * across.sqrt())?;
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
