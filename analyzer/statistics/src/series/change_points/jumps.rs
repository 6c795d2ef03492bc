//! Several large steps: found by their jumps, before the search that tests one split at a time.
//!
//! One split leaves the other steps in the noise, so that they hide each other. Here each point is
//! judged by the difference of the means of the `width` points on either side of it (moving sums,
//! Eichinger and Kirch 2018). Its scale is the median of all such differences, which a few steps
//! hardly change. In stationary Gaussian noise of any correlation the ratio is normally
//! distributed, so that no model of the noise is needed. A jump must also be significant against
//! the noise between its neighbours, which is estimated there: this rejects heavy tails, sawteeth
//! and periods of large noise.

use super::states::States;
use super::{Series, min_segment};
use crate::math::median::upper_median;

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

/// The large jumps of a series.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jumps {
    /// Their positions, in order. Empty when there are `states`, and in a sawtooth.
    pub(crate) splits: Vec<usize>,
    /// The levels, when the series only moves between the same few again and again.
    pub(crate) states: Option<States>,
}

/// How many deviations a difference in a series of this many points exceeds if it is no noise.
pub(crate) fn deviations(length: usize) -> f64 {
    let few = (FEW_POINTS / length as f64 - 1.0).clamp(0.0, 4.0);
    DEVIATIONS + MORE_DEVIATIONS * few
}

impl Series {
    /// The large jumps, at the false-alarm rate `rate`.
    pub(crate) fn jumps(&self, rate: f64) -> Jumps {
        let splits = match self.exact_steps() {
            Some(exact) => exact,
            None => self.significant(self.candidates(), rate),
        };
        if self.has_teeth(&splits) {
            return Jumps::default();
        }
        match self.states(&splits) {
            None => Jumps {
                splits,
                states: None,
            },
            states => Jumps {
                splits: Vec::new(),
                states,
            },
        }
    }

    /// Positions at which the means on either side differ far more than elsewhere.
    fn candidates(&self) -> Vec<usize> {
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
        found
    }

    /// The jumps of this width that are not near a jump of `known`; `None` when there are none.
    fn largest_jumps(&self, width: usize, known: &[usize]) -> Option<Vec<usize>> {
        let length = self.values.len();
        let difference = |at: usize| {
            let right = self.prefix[at + width] - self.prefix[at];
            let left = self.prefix[at] - self.prefix[at - width];
            (right - left) / width as f64
        };
        let mut quiet = vec![true; length + 1];
        for &at in known {
            quiet[at.saturating_sub(width)..(at + width + 1).min(length + 1)].fill(false);
        }
        let mut all: Vec<f64> = (width..=length - width).map(difference).collect();
        let places = (width..=length - width).filter(|&at| quiet[at]);
        let left: Vec<f64> = places.map(|at| all[at - width]).collect();
        if (left.len() as f64) < LEAST_QUIET * all.len() as f64 || left.len() < 2 * width {
            return None;
        }
        // A drift moves all differences alike.
        let centre = upper_median(left.clone());
        all.iter_mut().for_each(|d| *d = (*d - centre).abs());
        let left: Vec<f64> = left.iter().map(|d| (d - centre).abs()).collect();
        let limit = deviations(length) * upper_median(left) / 0.6745;
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

    /// The jumps that are significant between their neighbours. Each moves to the best position
    /// there. The least certain one is dropped first, until all are significant.
    fn significant(&self, mut jumps: Vec<usize>, rate: f64) -> Vec<usize> {
        let mut known: Vec<Option<(usize, f64)>> = vec![None; jumps.len()];
        loop {
            for i in 0..jumps.len() {
                if known[i].is_none() {
                    let start = if i == 0 { 0 } else { jumps[i - 1] };
                    let end = jumps.get(i + 1).copied().unwrap_or(self.values.len());
                    known[i] = Some(self.best_position(start, jumps[i], end, rate));
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

    /// The best position near `at` between `start` and `end`, and its p-value there: of a step
    /// alone, which may be abrupt, or of one on a drift, whichever is more certain.
    fn best_position(&self, start: usize, at: usize, end: usize, rate: f64) -> (usize, f64) {
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
        let p = self.step_p_value(start, best, end, self.difference(start, best, end));
        let tilted = self.tilted((start, end), (from, to), rate);
        let drifting = tilted.filter(|tilted| tilted.p <= rate);
        let drifting = drifting.or_else(|| {
            let certain = p <= rate;
            (!certain).then(|| self.step_between_lines((start, end), at, rate))?
        });
        match drifting {
            Some(tilted) if tilted.p < p => (tilted.at, tilted.p),
            _ => (best, p),
        }
    }
}
