//! The levels on both sides of a step, as they are reported, and which steps are large enough.

use super::{Drift, Series, min_segment};
use crate::series::change::LeastChange;

impl Series {
    /// The part of the series between the neighbours of the split number `i`.
    pub(super) fn around(&self, splits: &[usize], i: usize) -> (usize, usize) {
        let start = if i == 0 { 0 } else { splits[i - 1] };
        (
            start,
            splits.get(i + 1).copied().unwrap_or(self.values.len()),
        )
    }

    /// The levels before and after the split number `i`: those of the drifts where the parts on
    /// its sides drift.
    pub(super) fn levels(&self, splits: &[usize], i: usize, drifts: &[Drift]) -> (f64, f64) {
        let (start, end) = self.around(splits, i);
        let drift = |part| drifts.iter().find(|(of, _)| *of == part).map(|(_, d)| d);
        let (left, right) = ((start, splits[i]), (splits[i], end));
        (
            drift(left).map_or_else(|| self.level(left.0, left.1), |d| d.after),
            drift(right).map_or_else(|| self.level(right.0, right.1), |d| d.before),
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
    pub(super) fn large_enough(
        &self,
        mut splits: Vec<usize>,
        drifts: &[Drift],
        least: &LeastChange,
    ) -> Vec<usize> {
        if *least == LeastChange::default() {
            return splits;
        }
        loop {
            let small = (0..splits.len())
                .map(|i| (i, self.levels(&splits, i, drifts)))
                .filter(|(_, (before, after))| !least.is_reached(*before, *after))
                .map(|(i, (before, after))| (i, (after - before).abs()))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            match small {
                Some((i, _)) => splits.remove(i),
                None => return splits,
            };
        }
    }

    /// The drifts of the parts between the confirmed splits, which may have moved a little since
    /// the drifts were found.
    pub(super) fn aligned(&self, drifts: &[Drift], confirmed: &[usize]) -> Vec<Drift> {
        let length = self.values.len();
        let near = |place: usize| {
            let edges = [0, length].into_iter().chain(confirmed.iter().copied());
            let nearest = edges.min_by_key(|edge| edge.abs_diff(place));
            nearest.filter(|edge| edge.abs_diff(place) <= min_segment(length))
        };
        let align = |drift: &Drift| {
            let part = (near(drift.0.0)?, near(drift.0.1)?);
            let whole = confirmed.iter().all(|at| *at <= part.0 || *at >= part.1);
            if part == drift.0 || !whole || part.1 <= part.0 {
                return None;
            }
            self.line(part.0, part.1).map(|(drift, _)| (part, drift))
        };
        drifts
            .iter()
            .map(|drift| align(drift).unwrap_or(*drift))
            .collect()
    }
}
