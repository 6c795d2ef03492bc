//! Where the level of a series changes: its steps and drifts.
//!
//! Large jumps are found first (`jumps`), since several of them hide each other. Then each part is
//! searched on its own: it is split in two where the means differ most, and then each part again
//! (binary segmentation, Vostrikova 1981; the least-squares position, Bai 1994). A split is
//! accepted when the largest split of pure noise would rarely differ as much. The noise is the
//! long-run variance of the residuals *after* the split. The tail of the largest split is that of
//! the standardised Brownian bridge (James, James and Siegmund 1987), at the normal quantile that
//! corresponds to the t value. `changes` removes missing points and outliers before.

mod drift;
mod jumps;
mod split;
mod temporary_shift;

use crate::math::long_run_variance::of_residuals;
use crate::math::time_scales::TimeScales;
use crate::series::change::{ChangeKind, LeastChange};

/// Share of the false alarm rate that is used for steps.
const STEPS: f64 = 0.45;
/// Share for temporary shifts: the level moves and later returns.
const TEMPORARY: f64 = 0.15;
/// Share for drifts.
const DRIFTS: f64 = 0.1;
/// Share for outliers.
pub(crate) const OUTLIERS: f64 = 0.2;
/// Most changes of one series.
const MAX_CHANGES: usize = 1000;
/// A part with fewer points than this is not searched, and a series with fewer has no changes.
pub const MIN_CHANGE_POINTS: usize = 24;

/// A step or drift: a [`Change`](crate::Change) whose positions count only the points that are
/// present.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangePoint {
    /// First point after the change.
    pub(crate) start: usize,
    pub(crate) kind: ChangeKind,
    pub(crate) before: f64,
    pub(crate) after: f64,
    pub(crate) p: f64,
}

/// The points that are present, with their times.
pub(crate) struct Series {
    values: Vec<f64>,
    times: Vec<f64>,
    /// Prefix sums of the values around their overall mean.
    prefix: Vec<f64>,
    centre: f64,
}

/// The best explanation of a part of the series.
enum Found {
    Nothing,
    /// Indices at which the part is split.
    Splits(Vec<usize>),
    Drift(ChangePoint),
}

impl Series {
    pub(crate) fn new(values: Vec<f64>, times: Vec<f64>) -> Series {
        let centre = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let mut sum = 0.0;
        let mut prefix = vec![0.0];
        prefix.extend(values.iter().map(|v| {
            sum += v - centre;
            sum
        }));
        Series {
            values,
            times,
            prefix,
            centre,
        }
    }

    fn mean(&self, start: usize, end: usize) -> f64 {
        self.centre + (self.prefix[end] - self.prefix[start]) / (end - start) as f64
    }

    /// All steps and drifts at the familywise `rate`: drifts first, then the steps of at least
    /// `least`, in order.
    pub(crate) fn change_points(&self, rate: f64, least: &LeastChange) -> Vec<ChangePoint> {
        let length = self.values.len();
        // Large jumps first: the noise of each part is then free of them.
        let jumps = self.jumps(rate);
        let mut splits = jumps.clone();
        let mut parts = Vec::new();
        let mut edges = vec![0];
        edges.extend(&splits);
        edges.push(length);
        let mut open: Vec<(usize, usize)> = edges.windows(2).map(|w| (w[0], w[1])).collect();
        while let Some((start, end)) = open.pop() {
            let share = rate * (end - start) as f64 / length as f64;
            match self.explain(start, end, share) {
                Found::Nothing => {}
                Found::Drift(part) => parts.push(part),
                Found::Splits(at) => {
                    let mut edges = vec![start];
                    edges.extend(&at);
                    edges.push(end);
                    open.extend(edges.windows(2).map(|w| (w[0], w[1])));
                    splits.extend(at);
                }
            }
            if splits.len() + parts.len() >= MAX_CHANGES {
                break;
            }
        }
        splits.sort_unstable();
        let confirmed = self.confirmed(&splits, &jumps, rate);
        let kept = self.large_enough(confirmed.clone(), least);
        for (i, &at) in kept.iter().enumerate() {
            let (start, end) = self.around(&kept, i);
            // Steps that are too small to be reported are no noise: the tested part ends at them.
            let place = confirmed.partition_point(|split| *split < at);
            let (first, last) = self.around(&confirmed, place);
            let difference = self.difference(first, at, last);
            parts.push(ChangePoint {
                start: at,
                kind: ChangeKind::Step,
                before: self.level(start, at),
                after: self.level(at, end),
                p: self.step_p_value(first, at, last, difference),
            });
        }
        parts
    }

    /// The part of the series between the neighbours of the split number `i`.
    fn around(&self, splits: &[usize], i: usize) -> (usize, usize) {
        let start = if i == 0 { 0 } else { splits[i - 1] };
        (
            start,
            splits.get(i + 1).copied().unwrap_or(self.values.len()),
        )
    }

    /// The mean as it is reported: of equal values exactly their value.
    fn level(&self, start: usize, end: usize) -> f64 {
        let values = &self.values[start..end];
        if values.iter().all(|value| *value == values[0]) {
            return values[0];
        }
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// The splits without those whose levels differ by less than `least`: the smallest is removed
    /// first, which changes the levels next to it.
    fn large_enough(&self, mut splits: Vec<usize>, least: &LeastChange) -> Vec<usize> {
        loop {
            let levels = |i: usize| {
                let (start, end) = self.around(&splits, i);
                (self.mean(start, splits[i]), self.mean(splits[i], end))
            };
            let small = (0..splits.len())
                .map(|i| (i, levels(i)))
                .filter(|(_, (before, after))| !least.is_reached(*before, *after))
                .map(|(i, (before, after))| (i, (after - before).abs()))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            match small {
                Some((i, _)) => splits.remove(i),
                None => return splits,
            };
        }
    }

    /// Tests each split again between its neighbours. It moves to the best position there, and
    /// is dropped when it is no longer significant. Large jumps were tested in this way before.
    fn confirmed(&self, splits: &[usize], jumps: &[usize], rate: f64) -> Vec<usize> {
        let length = self.values.len();
        let mut kept: Vec<usize> = Vec::new();
        for (i, &split) in splits.iter().enumerate() {
            let start = kept.last().copied().unwrap_or(0);
            let end = splits.get(i + 1).copied().unwrap_or(length);
            if jumps.binary_search(&split).is_ok() {
                kept.push(split);
                continue;
            }
            if end - split < min_segment(end - start) || split - start < min_segment(end - start) {
                kept.push(split);
                continue;
            }
            match self.best_split(start, end) {
                Some((at, difference)) if self.step_p_value(start, at, end, difference) <= rate => {
                    kept.push(at);
                }
                Some(_) => {}
                None => kept.push(split),
            }
        }
        kept
    }

    /// The best explanation of `start..end` at the false alarm rate `rate`.
    fn explain(&self, start: usize, end: usize, rate: f64) -> Found {
        if end - start < MIN_CHANGE_POINTS {
            return Found::Nothing;
        }
        let Some((at, difference)) = self.best_split(start, end) else {
            return Found::Nothing;
        };
        let step = self.p_value(start, at, end, difference);
        let line = self.line(start, end);
        let stepped = step <= rate * STEPS
            || (step <= rate * split::ABRUPT_FACTOR && self.abrupt(start, at, end));
        if let Some((part, residuals)) = line {
            let squares: f64 = self.residuals(start, at, end).iter().map(|r| r * r).sum();
            let straight: f64 = residuals.iter().map(|r| r * r).sum();
            if (stepped || part.p <= rate * DRIFTS) && straight < squares {
                // The line explains more than a step. It is a drift unless the residuals of the
                // line still have a step in them.
                let rest = Series::new(residuals, self.times[start..end].to_vec());
                let again = rest.best_split(0, end - start);
                let flat =
                    again.is_none_or(|(split, d)| rest.p_value(0, split, end - start, d) > 0.05);
                if flat {
                    return Found::Drift(part);
                }
            }
        }
        if stepped {
            return Found::Splits(vec![at]);
        }
        self.temporary_shift(start, end, rate * TEMPORARY)
            .map_or(Found::Nothing, Found::Splits)
    }
}

/// The smallest number of points in a segment with a level of its own.
fn min_segment(length: usize) -> usize {
    (((length as f64).sqrt() / 2.0) as usize).max(6)
}

/// A scaled difference divided by the long-run deviation of the residuals, and the degrees of
/// freedom of that deviation. `None` when the difference is only rounding.
fn standardised(residuals: &[f64], difference: f64) -> Option<(f64, f64)> {
    let (variance, degrees) = of_residuals(&TimeScales::new(residuals)?)?;
    let deviation = (variance * residuals.len() as f64).sqrt();
    if deviation > 0.0 {
        Some((difference / deviation, degrees))
    } else {
        // Without noise any difference that is larger than rounding is a change.
        let size = residuals.iter().map(|r| r.abs()).fold(0.0, f64::max);
        (difference > 1e-9 * size.max(f64::MIN_POSITIVE)).then_some((f64::INFINITY, 1.0))
    }
}
