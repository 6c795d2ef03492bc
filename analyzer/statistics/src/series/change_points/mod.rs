//! Where the level of a series changes: its steps and drifts.
//!
//! Large jumps are found first (`jumps`), since several of them hide each other. Then each part is
//! searched on its own: it is split in two where the means differ most, and then each part again
//! (binary segmentation, Vostrikova 1981; the least-squares position, Bai 1994). A split is
//! accepted when the largest split of pure noise would rarely differ as much. The noise is the
//! long-run variance of the residuals *after* the split. The tail of the largest split is that of
//! the standardised Brownian bridge (James, James and Siegmund 1987), at the normal quantile that
//! corresponds to the t value. A step that a drift hides is fitted together with it (`tilted`).
//! `changes` removes missing points and outliers before.

mod drift;
mod exact;
mod jumps;
mod levels;
mod rare;
mod split;
mod states;
mod teeth;
mod temporary_shift;
mod tilted;
mod two_lines;

pub(crate) use jumps::deviations;
pub use states::States;

use crate::math::long_run_variance::of_residuals;
use crate::math::time_scales::TimeScales;
use crate::series::change::{ChangeKind, LeastChange};

/// Share of the false alarm rate that is used for steps.
const STEPS: f64 = 0.45;
/// Share for temporary shifts: the level moves and later returns.
const TEMPORARY: f64 = 0.15;
/// Share for drifts.
const DRIFTS: f64 = 0.1;
/// Share for steps on a drift that are not abrupt: slow noise looks like both together.
const TILTED: f64 = 0.01;
/// Share for outliers.
pub(crate) const OUTLIERS: f64 = 0.2;
/// Share for the first and the last points.
pub(crate) const ENDS: f64 = 0.1;
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

/// What the search found.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChangePoints {
    /// Drifts first, then the steps, in order.
    pub(crate) points: Vec<ChangePoint>,
    /// The levels of a series that moves between the same few again and again.
    pub(crate) states: Option<States>,
    /// How many steps were found but are smaller than asked for.
    pub(crate) left_out: usize,
}

/// Steps that are known before the search: where the first and the last few points have a level of
/// their own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EndLevels {
    /// Number of points of the first level and the p-value of its end.
    pub(crate) first: Option<(usize, f64)>,
    /// The same of the last level.
    pub(crate) last: Option<(usize, f64)>,
}

/// A part of the series and its drift.
type Drift = ((usize, usize), ChangePoint);

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

    /// All steps and drifts at the familywise `rate`, the steps of at least `least`.
    pub(crate) fn change_points(
        &self,
        ends: EndLevels,
        rate: f64,
        least: &LeastChange,
    ) -> ChangePoints {
        let length = self.values.len();
        let begin = ends.first.map_or(0, |(count, _)| count);
        let end = length - ends.last.map_or(0, |(count, _)| count);
        // Large jumps first: the noise of each part is then free of them.
        let found = self.part(begin, end).jumps(rate);
        let mut jumps: Vec<usize> = found.splits.iter().map(|at| at + begin).collect();
        jumps.extend([begin, end]);
        jumps.retain(|at| (1..length).contains(at));
        jumps.sort_unstable();
        let (mut splits, drifts) = self.searched(&jumps, rate);
        splits.sort_unstable();
        let confirmed = self.confirmed(&splits, &jumps, rate);
        let confirmed = self.beyond_rare_points(confirmed, rate);
        let drifts = self.aligned(&drifts, &confirmed);
        let kept = self.large_enough(confirmed.clone(), &drifts, least);
        let mut points: Vec<ChangePoint> = drifts.iter().map(|(_, drift)| *drift).collect();
        for (i, &at) in kept.iter().enumerate() {
            let (before, after) = self.levels(&kept, i, &drifts);
            // Steps that are too small to be reported are no noise: the tested part ends at them.
            let place = confirmed.partition_point(|split| *split < at);
            let (first, last) = self.around(&confirmed, place);
            let known = [(begin, ends.first), (end, ends.last)];
            let known = known.iter().filter(|(place, _)| *place == at);
            let known = known.filter_map(|(_, end)| end.map(|(_, p)| p));
            let tilted = self.tilted((first, last), (at, at), rate).map(|t| t.p);
            let p = self.step_p_value(first, at, last, self.difference(first, at, last));
            points.push(ChangePoint {
                start: at,
                kind: ChangeKind::Step,
                before,
                after,
                p: known.chain(tilted).fold(p, f64::min),
            });
        }
        ChangePoints {
            points,
            states: found.states,
            left_out: confirmed.len() - kept.len(),
        }
    }

    fn part(&self, start: usize, end: usize) -> Series {
        Series::new(
            self.values[start..end].to_vec(),
            self.times[start..end].to_vec(),
        )
    }

    /// Searches the parts between `jumps`: all splits, not in order, and the parts that drift.
    fn searched(&self, jumps: &[usize], rate: f64) -> (Vec<usize>, Vec<Drift>) {
        let length = self.values.len();
        let mut splits = jumps.to_vec();
        let mut drifts = Vec::new();
        let mut edges = vec![0];
        edges.extend(&splits);
        edges.push(length);
        let mut open: Vec<(usize, usize)> = edges.windows(2).map(|w| (w[0], w[1])).collect();
        while let Some((start, end)) = open.pop() {
            let share = rate * (end - start) as f64 / length as f64;
            match self.explain(start, end, share) {
                Found::Nothing => {}
                Found::Drift(part) => drifts.push(((start, end), part)),
                Found::Splits(at) => {
                    let mut edges = vec![start];
                    edges.extend(&at);
                    edges.push(end);
                    open.extend(edges.windows(2).map(|w| (w[0], w[1])));
                    splits.extend(at);
                }
            }
            if splits.len() + drifts.len() >= MAX_CHANGES {
                break;
            }
        }
        (splits, drifts)
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
            let alone = self
                .best_split(start, end)
                .map(|(at, difference)| (at, self.step_p_value(start, at, end, difference)));
            let tilted = self.best_tilted(start, end, rate).map(|t| (t.at, t.p));
            let both = alone.into_iter().chain(tilted);
            match both.min_by(|a, b| a.1.total_cmp(&b.1)) {
                Some((at, p)) if p <= rate => kept.push(at),
                Some(_) => {}
                None => kept.push(split),
            }
        }
        kept
    }

    /// The best explanation of `start..end` at the false alarm rate `rate`.
    fn explain(&self, start: usize, end: usize, rate: f64) -> Found {
        let values = &self.values[start..end];
        if end - start < MIN_CHANGE_POINTS || values.iter().all(|value| *value == values[0]) {
            return Found::Nothing;
        }
        let Some((at, difference)) = self.best_split(start, end) else {
            return Found::Nothing;
        };
        let step = self.p_value(start, at, end, difference);
        let line = self.line(start, end);
        let stepped = step <= rate * STEPS
            || (step <= rate * split::ABRUPT_FACTOR && self.abrupt(start, at, end));
        if let Some((part, residuals)) = &line {
            let squares: f64 = self.residuals(start, at, end).iter().map(|r| r * r).sum();
            let straight: f64 = residuals.iter().map(|r| r * r).sum();
            if (stepped || part.p <= rate * DRIFTS) && straight < squares {
                // The line explains more than a step. It is a drift unless the residuals of the
                // line still have a step in them.
                let rest = Series::new(residuals.clone(), self.times[start..end].to_vec());
                let again = rest.best_split(0, end - start);
                let flat =
                    again.is_none_or(|(split, d)| rest.p_value(0, split, end - start, d) > 0.05);
                if flat {
                    return Found::Drift(*part);
                }
            }
        }
        if let Some(tilted) = self.best_tilted(start, end, rate)
            && (tilted.p <= rate * TILTED
                || (tilted.p <= rate * STEPS && self.abrupt(start, tilted.at, end)))
            && (!stepped || tilted.p < step)
        {
            return Found::Splits(vec![tilted.at]);
        }
        if stepped {
            return Found::Splits(vec![at]);
        }
        self.temporary_shift(start, end, rate * TEMPORARY)
            .map_or(Found::Nothing, Found::Splits)
    }
}

/// The smallest number of points in a segment with a level of its own.
pub(crate) fn min_segment(length: usize) -> usize {
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
