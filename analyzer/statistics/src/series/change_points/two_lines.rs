//! A step between two parts that drift differently: a line on either side of it.

use super::split::largest_split;
use super::tilted::Tilted;
use super::{DRIFTS, Series, min_segment, standardised};
use crate::math::distributions::{normal_upper_quantile, t_upper};

/// The step is a third look at its part, after a level and a line, and must be far more certain:
/// two lines follow changing noise closely.
const LOOKS: f64 = 100.0;
/// How far a jump is from the best place of its step, at most.
const REACH: usize = 5;

/// The line through one side of a step.
struct Side {
    /// Its value at the step.
    edge: f64,
    /// Variance of that value, and of the slope's own sum, for noise of variance 1.
    edge_variance: f64,
    slope: f64,
    squares: f64,
    residuals: Vec<f64>,
}

impl Series {
    /// The best step within a few points of `at`, between two lines. `None` unless a side drifts
    /// significantly at the false-alarm rate `rate`.
    pub(super) fn step_between_lines(
        &self,
        (start, end): (usize, usize),
        at: usize,
        rate: f64,
    ) -> Option<Tilted> {
        let margin = min_segment(end - start);
        let from = at.saturating_sub(REACH).max(start + margin);
        let to = (at + REACH).min(end.checked_sub(margin)?);
        let squares = |sides: &[Side; 2]| -> f64 {
            let all = sides.iter().flat_map(|side| &side.residuals);
            all.map(|r| r * r).sum()
        };
        let fits = (from..=to).filter_map(|at| Some((at, self.lines(start, at, end)?)));
        let (at, sides) = fits.min_by(|a, b| squares(&a.1).total_cmp(&squares(&b.1)))?;
        let [left, right] = &sides;
        let residuals = [left.residuals.as_slice(), right.residuals.as_slice()].concat();
        let tail = |difference: f64| {
            let (t, degrees) = standardised(&residuals, difference.abs())?;
            Some(t_upper(t, degrees))
        };
        let slope_p = [left, right].map(|side| {
            let one = tail(side.slope * side.squares.sqrt());
            one.map_or(1.0, |p| (4.0 * p).min(1.0))
        });
        let slope_p = slope_p[0].min(slope_p[1]);
        let deviation = (left.edge_variance + right.edge_variance).sqrt();
        let step = tail((right.edge - left.edge) / deviation)?;
        let share = margin as f64 / (end - start) as f64;
        let p = (LOOKS * largest_split(normal_upper_quantile(step), share)).min(1.0);
        (slope_p <= rate * DRIFTS).then_some(Tilted { at, p, slope_p })
    }

    fn lines(&self, start: usize, at: usize, end: usize) -> Option<[Side; 2]> {
        let edge = 0.5 * (self.times[at - 1] + self.times[at]);
        Some([self.side(start, at, edge)?, self.side(at, end, edge)?])
    }

    fn side(&self, start: usize, end: usize, edge: f64) -> Option<Side> {
        let (line, residuals) = self.line(start, end)?;
        let times = &self.times[start..end];
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let squares: f64 = times.iter().map(|x| (x - mean) * (x - mean)).sum();
        let length = times.last()? - times.first()?;
        let slope = (line.after - line.before) / length;
        Some(Side {
            edge: line.before + slope * (edge - times.first()?),
            edge_variance: 1.0 / count + (edge - mean) * (edge - mean) / squares,
            slope,
            squares,
            residuals,
        })
    }
}
