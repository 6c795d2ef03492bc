//! The kernel's histogram of the durations of all finished operations, also of those without a row.
//! Pure.

use soakbox_schemas::histogram::BUCKETS;
use soakbox_schemas::tables::histogram::{self, SparseHistogram};

/// The sum of the histograms of many intervals. A cell per bucket makes adding one cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Durations {
    /// By bucket; empty before the first histogram.
    cells: Vec<u64>,
    /// Operations in the cells.
    number: u64,
    /// Whether bytes were no histogram.
    is_damaged: bool,
}

impl Durations {
    /// Adds the histogram of an interval.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.cells.resize(BUCKETS, 0);
        let (cells, number) = (&mut self.cells, &mut self.number);
        let decoded = histogram::decode(bytes, |key, count| {
            let cell = usize::try_from(key).ok().and_then(|key| cells.get_mut(key));
            if let Some(cell) = cell {
                *cell = cell.saturating_add(count);
                *number = number.saturating_add(count);
            }
        });
        self.is_damaged |= decoded.is_err();
    }

    /// Operations in it.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether bytes were no histogram.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Adds those of another part of the run.
    pub(super) fn merge(&mut self, other: &Self) {
        if !other.cells.is_empty() {
            self.cells.resize(BUCKETS, 0);
        }
        for (cell, more) in self.cells.iter_mut().zip(&other.cells) {
            *cell = cell.saturating_add(*more);
        }
        self.number = self.number.saturating_add(other.number);
        self.is_damaged |= other.is_damaged;
    }

    /// The durations, if they are those of exactly `number` operations: `None` where an interval has
    /// no histogram.
    pub(super) fn of_exactly(&self, number: u64) -> Option<SparseHistogram> {
        let is_whole = number > 0 && self.number == number && !self.is_damaged;
        is_whole.then(|| self.histogram())
    }

    /// The durations so far; it is empty afterwards.
    pub(super) fn take(&mut self) -> SparseHistogram {
        let taken = self.histogram();
        for (key, _) in taken.buckets() {
            if let Ok(key) = usize::try_from(*key) {
                self.cells[key] = 0;
            }
        }
        (self.number, self.is_damaged) = (0, false);
        taken
    }

    fn histogram(&self) -> SparseHistogram {
        SparseHistogram::of_buckets(self.cells.iter().copied().enumerate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(histogram: &SparseHistogram) -> Vec<u8> {
        let mut bytes = Vec::new();
        histogram.encode(&mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn parts_are_the_histogram_of_the_whole(
            intervals in proptest::collection::vec(
                proptest::collection::vec(0..BUCKETS, 0..30), 1..10),
        ) {
            let histogram = |buckets: &[usize]| {
                SparseHistogram::of_buckets(buckets.iter().map(|bucket| (*bucket, 1)))
            };
            let all = intervals.concat();
            let (mut sum, mut other) = (Durations::default(), Durations::default());
            for (index, interval) in intervals.iter().enumerate() {
                let part = if index % 2 == 0 { &mut sum } else { &mut other };
                part.add(&bytes(&histogram(interval)));
            }
            sum.merge(&other);
            let number = all.len() as u64;
            let expected = (number > 0).then(|| histogram(&all));
            prop_assert_eq!(sum.of_exactly(number), expected);
            prop_assert_eq!(sum.of_exactly(number + 1), None);
            let taken = sum.clone().take();
            prop_assert_eq!((taken.total(), Some(taken)), (number, Some(histogram(&all))));
            sum.add(b"damaged");
            prop_assert_eq!(sum.of_exactly(number), None);
            sum.take();
            sum.add(&bytes(&histogram(&intervals[0])));
            let first = (!intervals[0].is_empty()).then(|| histogram(&intervals[0]));
            prop_assert_eq!(sum.of_exactly(intervals[0].len() as u64), first);
        }
    }
}
