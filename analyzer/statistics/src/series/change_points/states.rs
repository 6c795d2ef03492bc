//! A series that moves between the same few levels again and again: states, rather than changes.

use super::{MIN_CHANGE_POINTS, Series};
use crate::math::median::median3;

/// Each level must be visited this often on average.
const VISITS: f64 = 2.5;
/// Stretches of at least this share of the series are changes, however often a level comes back.
const LONG_SHARE: usize = 10;

/// The levels between which a series moves again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    /// The levels, ascending, in the data's unit.
    pub levels: Vec<f64>,
    /// How often the series moved from one to another.
    pub moves: usize,
}

impl Series {
    /// The states between which the series moves, if the levels between `splits` are a few that
    /// come back again and again. Levels are the same when they differ by less than a third of the
    /// smallest jump. Stretches that are all long are no states: somebody broke and mended it.
    pub(super) fn states(&self, splits: &[usize]) -> Option<States> {
        if splits.len() < 3 {
            return None;
        }
        let mut edges = vec![0];
        edges.extend(splits);
        edges.push(self.values.len());
        let stretches = || edges.windows(2).map(|e| (e[0], e[1]));
        let levels: Vec<f64> = stretches().map(|(a, b)| self.mean(a, b)).collect();
        let jumps = levels.windows(2).map(|l| (l[1] - l[0]).abs());
        let same = jumps.fold(f64::INFINITY, f64::min) / 3.0;
        let mut sorted: Vec<(f64, usize)> = levels
            .iter()
            .copied()
            .zip(stretches().map(|(a, b)| b - a))
            .collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let groups: Vec<&[(f64, usize)]> = sorted.chunk_by(|a, b| b.0 - a.0 <= same).collect();
        let mut visits = levels.len();
        if groups.len() == 2 {
            // Visits that are too short for a level of their own count too.
            let lower = groups[0].last().map_or(0.0, |l| l.0);
            let middle = 0.5 * (lower + groups[1][0].0);
            let high = |w: &[f64]| median3(w) > middle;
            let states: Vec<bool> = self.values.windows(3).map(high).collect();
            visits = visits.max(1 + states.windows(2).filter(|s| s[0] != s[1]).count());
        }
        let shortest = stretches().map(|(a, b)| b - a).min().unwrap_or(0);
        let long = MIN_CHANGE_POINTS.max(self.values.len() / LONG_SHARE);
        let mended = visits == levels.len() && shortest >= long;
        if mended || (visits as f64) < VISITS * groups.len() as f64 {
            return None;
        }
        let mean = |group: &&[(f64, usize)]| {
            let points: usize = group.iter().map(|l| l.1).sum();
            group.iter().map(|l| l.0 * l.1 as f64).sum::<f64>() / points as f64
        };
        Some(States {
            levels: groups.iter().map(mean).collect(),
            moves: visits - 1,
        })
    }
}
