//! A temporary shift: the level moves and later returns, so that no single split shows it.

use super::{Series, min_segment, standardised};
use crate::math::distributions::t_upper;

/// A part with fewer points than this is not searched for a temporary shift.
const MIN_POINTS: usize = 150;
/// Number of cells of the coarse grid on which temporary shifts are searched for.
const GRID: usize = 48;

impl Series {
    /// The two ends of a temporary shift: found on a coarse grid first, then refined
    /// to single points.
    pub(super) fn temporary_shift(
        &self,
        start: usize,
        end: usize,
        rate: f64,
    ) -> Option<Vec<usize>> {
        let length = end - start;
        let cells = GRID.min(length / min_segment(length));
        if cells < 4 || length < MIN_POINTS {
            return None;
        }
        let edge = |cell: usize| start + cell * length / cells;
        let scaled = |a: usize, b: usize| {
            let inside = (b - a) as f64;
            let outside = length as f64 - inside;
            let mean = self.mean(a, b) - self.mean(start, end);
            mean.abs() * (inside * length as f64 / outside).sqrt()
        };
        let mut best = (0.0, start, end);
        for left in 1..cells - 1 {
            for right in left + 1..cells {
                let (a, b) = (edge(left), edge(right));
                let size = scaled(a, b);
                if size > best.0 {
                    best = (size, a, b);
                }
            }
        }
        let (mut size, mut a, mut b) = best;
        let reach = length / cells + 1;
        for _ in 0..2 {
            for next in a.saturating_sub(reach).max(start + 1)..(a + reach).min(b - 1) {
                if scaled(next, b) > size {
                    (size, a) = (scaled(next, b), next);
                }
            }
            for next in b.saturating_sub(reach).max(a + 2)..(b + reach).min(end) {
                if scaled(a, next) > size {
                    (size, b) = (scaled(a, next), next);
                }
            }
        }
        let margin = min_segment(length);
        if b - a < margin || a - start < margin || end - b < margin {
            return None;
        }
        let inside = self.mean(a, b);
        let rest = (length as f64 * self.mean(start, end) - (b - a) as f64 * inside)
            / (length - (b - a)) as f64;
        let level = |i: usize| if i >= a && i < b { inside } else { rest };
        let residuals: Vec<f64> = (start..end).map(|i| self.values[i] - level(i)).collect();
        let (t, degrees) = standardised(&residuals, size)?;
        let pairs = (cells * cells / 2) as f64;
        (2.0 * pairs * t_upper(t, degrees) <= rate).then(|| vec![a, b])
    }
}
