//! Where operations that overlap are drawn. Slices of one track must nest: one that ends after the one
//! in which it began needs another track. Pure; operations come in the order of their begins, and those
//! that begin together with the longest first.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// The operations that are open on a track, by their ends: each is in the one before it.
#[derive(Debug, Default)]
pub(super) struct Nested(Vec<i64>);

impl Nested {
    /// Whether the operation fits into those that are open, or after them. Then it is one of them.
    pub(super) fn fits(&mut self, begin_ns: i64, end_ns: i64) -> bool {
        while self.0.last().is_some_and(|end| *end <= begin_ns) {
            self.0.pop();
        }
        let fits = self.0.last().is_none_or(|end| end_ns <= *end);
        if fits {
            self.0.push(end_ns);
        }
        fits
    }
}

/// Tracks with one operation at a time, as few as possible.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// End and number of those with an open operation.
    busy: BinaryHeap<Reverse<(i64, usize)>>,
    free: BTreeSet<usize>,
    count: usize,
}

impl Lanes {
    /// The number of the track for this operation: the lowest that is free.
    pub(super) fn place(&mut self, begin_ns: i64, end_ns: i64) -> usize {
        while let Some(&Reverse((end, lane))) = self.busy.peek()
            && end <= begin_ns
        {
            self.busy.pop();
            self.free.insert(lane);
        }
        let lane = self.free.pop_first().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        self.busy.push(Reverse((end_ns, lane)));
        lane
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Operations as they come: begin and end.
    fn operations() -> impl Strategy<Value = Vec<(i64, i64)>> {
        let one = (0i64..60, 0i64..20).prop_map(|(begin, length)| (begin, begin + length));
        prop::collection::vec(one, 0..60).prop_map(|mut all| {
            all.sort_by_key(|(begin, end)| (*begin, Reverse(*end)));
            all
        })
    }

    /// Whether one is in the other, or they are apart.
    fn nests(a: (i64, i64), b: (i64, i64)) -> bool {
        let inside = |a: (i64, i64), b: (i64, i64)| b.0 <= a.0 && a.1 <= b.1;
        inside(a, b) || inside(b, a) || a.1 <= b.0 || b.1 <= a.0
    }

    proptest! {
        #[test]
        fn what_fits_nests_and_what_does_not_fit_would_not(all in operations()) {
            let mut track = Nested::default();
            let mut placed: Vec<(i64, i64)> = Vec::new();
            for (begin, end) in all {
                let fits = track.fits(begin, end);
                prop_assert_eq!(fits, placed.iter().all(|one| nests(*one, (begin, end))));
                if fits {
                    placed.push((begin, end));
                }
            }
        }

        #[test]
        fn lanes_are_as_many_as_operations_at_once(all in operations()) {
            let mut lanes = Lanes::default();
            let mut ends: Vec<i64> = Vec::new();
            for &(begin, end) in &all {
                let lane = lanes.place(begin, end);
                ends.resize(ends.len().max(lane + 1), i64::MIN);
                prop_assert!(ends[lane] <= begin, "two at once");
                ends[lane] = end;
            }
            // An operation of no length needs a track too, while it is.
            let at_once = |at: i64| {
                all.iter().filter(|(begin, end)| *begin <= at && (at < *end || begin == end && at == *end)).count()
            };
            let most = (0..80).map(at_once).max().unwrap_or(0);
            prop_assert!(ends.len() <= most.max(1) && (all.is_empty() || !ends.is_empty()));
        }
    }
}
