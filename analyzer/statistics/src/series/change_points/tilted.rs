//! A step on a drifting level: a line and a step, fitted together by least squares.
//!
//! Each hides the other: next to a drift a step's noise contains the drift, and a line through a
//! step fits badly. Fitted together each has its own share of the rest (Frisch and Waugh 1933). The
//! drift must be significant next to the step, otherwise the step alone is the simpler answer.

use super::split::largest_split;
use super::{DRIFTS, Series, min_segment, standardised};
use crate::math::distributions::{normal_upper_quantile, t_upper};

/// The step is a second look at a part that was searched without a line.
const LOOKS: f64 = 2.0;

/// A step on a drift.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tilted {
    pub(super) at: usize,
    /// The probability that the best split of pure noise around a line has such a step.
    pub(super) p: f64,
    /// The two-sided p-value of the drift next to the step.
    pub(super) slope_p: f64,
}

/// Sums over the points of a part from each of them on, around the means of the part.
struct Sums<'a> {
    series: &'a Series,
    start: usize,
    end: usize,
    mean: f64,
    mean_time: f64,
    /// Σ time² and Σ time · value.
    squares: f64,
    products: f64,
    /// Σ time and Σ value of the points from `start + i` on.
    right: Vec<(f64, f64)>,
}

impl<'a> Sums<'a> {
    fn new(series: &'a Series, start: usize, end: usize) -> Option<Self> {
        let count = (end - start) as f64;
        let mean = series.values[start..end].iter().sum::<f64>() / count;
        let mean_time = series.times[start..end].iter().sum::<f64>() / count;
        let (mut squares, mut products) = (0.0, 0.0);
        let (mut time, mut value) = (0.0, 0.0);
        let mut right = vec![(0.0, 0.0); end - start + 1];
        for i in (start..end).rev() {
            let (x, y) = (series.times[i] - mean_time, series.values[i] - mean);
            squares += x * x;
            products += x * y;
            time += x;
            value += y;
            right[i - start] = (time, value);
        }
        (squares > 0.0 && squares.is_finite() && products.is_finite()).then_some(Self {
            series,
            start,
            end,
            mean,
            mean_time,
            squares,
            products,
            right,
        })
    }

    /// What the step at `at` has of its own next to a line: its squares and its product with the
    /// values. `None` where a line is as good.
    fn step(&self, at: usize) -> Option<(f64, f64)> {
        let (time, value) = self.right[at - self.start];
        let (right, left) = ((self.end - at) as f64, (at - self.start) as f64);
        let alone = right * left / (right + left);
        let own = alone - time * time / self.squares;
        (own > 1e-9 * alone).then(|| (own, value - time * self.products / self.squares))
    }

    /// The scaled difference, as [`Series::difference`] has it.
    fn difference(&self, at: usize) -> f64 {
        self.step(at)
            .map_or(0.0, |(own, with)| with.abs() / own.sqrt())
    }

    fn fitted(&self, at: usize) -> Option<Tilted> {
        let (own, with) = self.step(at)?;
        let height = with / own;
        let (time, _) = self.right[at - self.start];
        let slope = (self.products - height * time) / self.squares;
        let count = (self.end - self.start) as f64;
        let share = (self.end - at) as f64 / count;
        let left = at - self.start;
        let residual = |(i, (value, x)): (usize, (&f64, &f64))| {
            let step = if i < left { -share } else { 1.0 - share };
            value - self.mean - slope * (x - self.mean_time) - height * step
        };
        let part = self.start..self.end;
        let values = self.series.values[part.clone()].iter();
        let residuals: Vec<f64> = values
            .zip(&self.series.times[part])
            .enumerate()
            .map(residual)
            .collect();
        let (t, degrees) = standardised(&residuals, with.abs() / own.sqrt())?;
        let margin = min_segment(self.end - self.start) as f64 / count;
        let p = largest_split(normal_upper_quantile(t_upper(t, degrees)), margin);
        let own = self.squares - time * time / (count * share * (1.0 - share));
        let slope_p = match standardised(&residuals, slope.abs() * own.max(0.0).sqrt()) {
            Some((t, degrees)) => (2.0 * t_upper(t, degrees)).min(1.0),
            None => 1.0,
        };
        Some(Tilted {
            at,
            p: (LOOKS * p).min(1.0),
            slope_p,
        })
    }
}

impl Series {
    /// The best step in `from..=to` of the part, with a line. `None` without a significant drift
    /// next to it at the false-alarm rate `rate`.
    pub(super) fn tilted(
        &self,
        (start, end): (usize, usize),
        (from, to): (usize, usize),
        rate: f64,
    ) -> Option<Tilted> {
        if from <= start || to >= end || from > to {
            return None;
        }
        let sums = Sums::new(self, start, end)?;
        let best = (from..=to).max_by(|&a, &b| {
            let (a, b) = (sums.difference(a), sums.difference(b));
            a.total_cmp(&b)
        })?;
        sums.fitted(best)
            .filter(|found| found.slope_p <= rate * DRIFTS)
    }

    /// As [`Series::tilted`], anywhere in the part.
    pub(super) fn best_tilted(&self, start: usize, end: usize, rate: f64) -> Option<Tilted> {
        let margin = min_segment(end - start);
        self.tilted(
            (start, end),
            (start + margin, end.checked_sub(margin)?),
            rate,
        )
    }
}
