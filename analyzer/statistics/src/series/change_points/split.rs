//! One split of a series into two levels: their difference and its p-value.

use super::{Series, min_segment, standardised};
use crate::math::distributions::{normal_upper_quantile, t_upper};
use crate::math::median::median3;

/// An abrupt split is accepted at a rate that is higher by this factor: under slow noise the levels
/// are poorly known, but an abrupt jump is clear.
pub(super) const ABRUPT_FACTOR: f64 = 12.0;
/// An abrupt jump is larger than this number of deviations of all other jumps, and by
/// [`ABRUPT_RATIO`] than the largest of them.
const ABRUPT_DEVIATIONS: f64 = 7.0;
/// An abrupt jump over the largest other jump.
const ABRUPT_RATIO: f64 = 1.7;

impl Series {
    /// Difference of the means on both sides of `at`, scaled so that independent noise gives it the
    /// noise's own standard deviation.
    pub(super) fn difference(&self, start: usize, at: usize, end: usize) -> f64 {
        let (left, right) = ((at - start) as f64, (end - at) as f64);
        (self.mean(at, end) - self.mean(start, at)).abs() * (left * right / (left + right)).sqrt()
    }

    /// The index at which the means differ most, and the difference there.
    pub(super) fn best_split(&self, start: usize, end: usize) -> Option<(usize, f64)> {
        let margin = min_segment(end - start);
        let mut best: Option<(usize, f64)> = None;
        for at in start + margin..(end + 1).saturating_sub(margin) {
            let difference = self.difference(start, at, end);
            if best.is_none_or(|(_, most)| difference > most) {
                best = Some((at, difference));
            }
        }
        best
    }

    /// The values less the mean of their side of `at`.
    pub(super) fn residuals(&self, start: usize, at: usize, end: usize) -> Vec<f64> {
        let (left, right) = (self.mean(start, at), self.mean(at, end));
        let level = |i: usize| if i < at { left } else { right };
        (start..end).map(|i| self.values[i] - level(i)).collect()
    }

    /// The probability that the best split of pure noise has at least this difference.
    pub(super) fn p_value(&self, start: usize, at: usize, end: usize, difference: f64) -> f64 {
        let residuals = self.residuals(start, at, end);
        let margin = min_segment(end - start) as f64 / (end - start) as f64;
        let Some((t, degrees)) = standardised(&residuals, difference) else {
            return 1.0;
        };
        largest_split(normal_upper_quantile(t_upper(t, degrees)), margin)
    }

    /// The p-value of a step: that of its split, divided by [`ABRUPT_FACTOR`] if it is abrupt.
    pub(super) fn step_p_value(&self, start: usize, at: usize, end: usize, difference: f64) -> f64 {
        let p = self.p_value(start, at, end, difference);
        if self.abrupt(start, at, end) {
            p / ABRUPT_FACTOR
        } else {
            p
        }
    }

    /// True when the jump at `at` is far larger than any other. A jump is the difference between
    /// the medians of three points on either side.
    pub(super) fn abrupt(&self, start: usize, at: usize, end: usize) -> bool {
        if at < start + 3 || at + 3 > end {
            return false;
        }
        let jump =
            |i: usize| (median3(&self.values[i..i + 3]) - median3(&self.values[i - 3..i])).abs();
        let elsewhere = (start + 3..end - 2).filter(|i| i.abs_diff(at) > 5);
        let mut others: Vec<f64> = elsewhere.map(jump).collect();
        others.sort_by(f64::total_cmp);
        let (Some(&middle), Some(&most)) = (others.get(others.len() / 2), others.last()) else {
            return false;
        };
        let here = jump(at);
        here > ABRUPT_DEVIATIONS * 1.4826 * middle && here > ABRUPT_RATIO * most
    }
}

/// The probability that the largest standardised split of pure noise exceeds `x`, among splits that
/// leave at least the share `margin` of the points on either side.
pub(super) fn largest_split(x: f64, margin: f64) -> f64 {
    if x < 1.5 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let range = 2.0 * ((1.0 - margin) / margin).ln();
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (x * density * ((1.0 - 1.0 / (x * x)) * range + 4.0 / (x * x))).min(1.0)
}
