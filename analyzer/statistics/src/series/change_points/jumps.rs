//! Several large steps: found by their jumps, before the search that tests one split at a time.
//!
//! One split leaves the other steps in the noise, so that they hide each other. Here each point is
//! judged by the difference of the means of the `width` points on either side of it (moving sums,
//! Eichinger and Kirch 2018). Its scale is the median of all such differences, which a few steps
//! hardly change. In stationary Gaussian noise of any correlation the ratio is normally
//! distributed, so that no model of the noise is needed. A jump must also be significant against
//! the noise between its neighbours, which is estimated there: this rejects heavy tails, sawteeth
//! and periods of large noise.

use super::{Series, min_segment};
use crate::math::median::{median3, upper_median};

/// The smallest number of points on either side of a jump.
const NARROWEST: usize = 5;
/// Widths double from [`NARROWEST`] up to this share of the series.
const WIDEST_SHARE: usize = 24;
/// A jump exceeds this number of robust deviations of all differences of its width. In stationary
/// Gaussian noise the largest of a series exceeds it in fewer than 1 of 200 (simulated, 200 to
/// 1,000 points).
const DEVIATIONS: f64 = 5.0;
/// Below this number of points the deviation is known less well, so that [`MORE_DEVIATIONS`] are
/// added.
const FEW_POINTS: f64 = 200.0;
/// Added to [`DEVIATIONS`] at half of [`FEW_POINTS`].
const MORE_DEVIATIONS: f64 = 0.5;
/// A width is used only where at least this share of its differences is not near a known jump.
const LEAST_QUIET: f64 = 0.25;
/// Each level must be visited fewer times than this on average, see [`Series::recurs`].
const VISITS: f64 = 2.5;

impl Series {
    /// The positions of large jumps, in order. Empty when the series has none, and when it only
    /// moves between the same few levels again and again.
    pub(super) fn jumps(&self, rate: f64) -> Vec<usize> {
        let length = self.values.len();
        let mut found: Vec<usize> = Vec::new();
        let mut width = NARROWEST;
        while width == NARROWEST || width <= length / WIDEST_SHARE {
            if length < 4 * width + 4 {
                break;
            }
            while let Some(next) = self.largest_jumps(width, &found) {
                found.extend(next);
                found.sort_unstable();
            }
            width *= 2;
        }
        let confirmed = self.significant(found, rate);
        if self.recurs(&confirmed) {
            return Vec::new();
        }
        confirmed
    }

    /// The jumps of this width that are not near a jump of `known`; `None` when there are none.
    fn largest_jumps(&self, width: usize, known: &[usize]) -> Option<Vec<usize>> {
        let length = self.values.len();
        let difference = |at: usize| {
            let right = self.prefix[at + width] - self.prefix[at];
            let left = self.prefix[at] - self.prefix[at - width];
            (right - left).abs() / width as f64
        };
        let mut quiet = vec![true; length + 1];
        for &at in known {
            quiet[at.saturating_sub(width)..(at + width + 1).min(length + 1)].fill(false);
        }
        let all: Vec<f64> = (width..=length - width).map(difference).collect();
        let left: Vec<f64> = (width..=length - width)
            .filter(|&at| quiet[at])
            .map(|at| all[at - width])
            .collect();
        if (left.len() as f64) < LEAST_QUIET * all.len() as f64 || left.len() < 2 * width {
            return None;
        }
        let limit = self.deviations() * upper_median(left) / 0.6745;
        let rounding = 1e-9 * self.values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let mut next = Vec::new();
        for at in (width..=length - width).filter(|&at| quiet[at]) {
            let here = all[at - width];
            if here <= limit.max(rounding) {
                continue;
            }
            let from = at.saturating_sub(2 * width).max(width);
            let to = (at + 2 * width).min(length - width);
            let higher = (from..=to).any(|other| {
                let there = all[other - width];
                quiet[other] && (there > here || (there == here && other < at))
            });
            if !higher {
                next.push(at);
            }
        }
        (!next.is_empty()).then_some(next)
    }

    fn deviations(&self) -> f64 {
        let few = (FEW_POINTS / self.values.len() as f64 - 1.0).clamp(0.0, 4.0);
        DEVIATIONS + MORE_DEVIATIONS * few
    }

    /// The jumps that are significant between their neighbours. Each moves to the best position
    /// there. The least certain one is dropped first, until all are significant.
    fn significant(&self, mut jumps: Vec<usize>, rate: f64) -> Vec<usize> {
        let mut known: Vec<Option<(usize, f64)>> = vec![None; jumps.len()];
        loop {
            for i in 0..jumps.len() {
                if known[i].is_none() {
                    let start = if i == 0 { 0 } else { jumps[i - 1] };
                    let end = jumps.get(i + 1).copied().unwrap_or(self.values.len());
                    known[i] = Some(self.best_position(start, jumps[i], end));
                }
            }
            let all = known.iter().flatten().map(|&(_, p)| p).enumerate();
            match all.max_by(|a, b| a.1.total_cmp(&b.1)) {
                Some((i, p)) if p > rate => {
                    jumps.remove(i);
                    known.remove(i);
                    for next_to in [i.wrapping_sub(1), i] {
                        if let Some(next_to) = known.get_mut(next_to) {
                            *next_to = None;
                        }
                    }
                }
                _ => break,
            }
        }
        let mut kept: Vec<usize> = known.iter().flatten().map(|&(at, _)| at).collect();
        kept.sort_unstable();
        kept.dedup();
        kept
    }

    /// The best position near `at` between `start` and `end`, and its p-value there.
    fn best_position(&self, start: usize, at: usize, end: usize) -> (usize, f64) {
        let margin = min_segment(end - start);
        if at < start + margin || at + margin > end {
            return (at, 1.0);
        }
        let from = at.saturating_sub(margin).max(start + margin);
        let to = (at + margin).min(end - margin);
        let best = (from..=to)
            .max_by(|&a, &b| {
                let (a, b) = (
                    self.difference(start, a, end),
                    self.difference(start, b, end),
                );
                a.total_cmp(&b)
            })
            .unwrap_or(at);
        let p = self.p_value(start, best, end, self.difference(start, best, end));
        (best, p)
    }

    /// True when the levels between `splits` are a few that come back again and again: two states
    /// of a system rather than changes. Levels are the same when they differ by less than a third
    /// of the smallest jump.
    fn recurs(&self, splits: &[usize]) -> bool {
        if splits.len() < 3 {
            return false;
        }
        let mut edges = vec![0];
        edges.extend(splits);
        edges.push(self.values.len());
        let levels: Vec<f64> = edges.windows(2).map(|e| self.mean(e[0], e[1])).collect();
        let jumps = levels.windows(2).map(|l| (l[1] - l[0]).abs());
        let same = jumps.fold(f64::INFINITY, f64::min) / 3.0;
        let mut sorted = levels.clone();
        sorted.sort_by(f64::total_cmp);
        let distinct = 1 + sorted.windows(2).filter(|l| l[1] - l[0] > same).count();
        let mut visits = levels.len();
        if distinct == 2 {
            // Visits that are too short for a level of their own count too.
            let middle = sorted
                .windows(2)
                .max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])));
            let middle = middle.map_or(0.0, |l| 0.5 * (l[0] + l[1]));
            let high = |w: &[f64]| median3(w) > middle;
            let states: Vec<bool> = self.values.windows(3).map(high).collect();
            visits = visits.max(1 + states.windows(2).filter(|s| s[0] != s[1]).count());
        }
        visits as f64 >= VISITS * distinct as f64
    }
}
