//! The sparse histogram of one window.
//!
//! The bucket scheme belongs to `soakbox_schemas::histogram` and is not changed here. A histogram
//! knows nothing about windows in time.

use soakbox_schemas::histogram::{BUCKETS, bucket, lower, upper};

/// Counts per log-linear bucket: only the buckets that hold an operation, in ascending order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    buckets: Vec<u16>,
    /// Operations in this bucket and in all buckets before it.
    cumulative: Vec<u64>,
}

impl Histogram {
    /// From `(bucket, count)` pairs in any order. Counts of a repeated bucket are added. A bucket
    /// outside the scheme counts as the last one. Empty buckets are dropped.
    pub fn from_counts(pairs: &[(usize, u64)]) -> Histogram {
        if pairs.is_sorted_by_key(|&(index, _)| index) {
            return Histogram::from_sorted(pairs);
        }
        let mut sorted = pairs.to_vec();
        sorted.sort_unstable_by_key(|&(index, _)| index);
        Histogram::from_sorted(&sorted)
    }

    /// From `(bucket, count)` pairs in ascending order.
    fn from_sorted(pairs: &[(usize, u64)]) -> Histogram {
        let mut histogram = Histogram::with_capacity(pairs.len());
        for &(index, count) in pairs {
            histogram.push(index, count);
        }
        histogram
    }

    /// An empty histogram with room for `buckets` different buckets.
    pub fn with_capacity(buckets: usize) -> Histogram {
        Histogram {
            buckets: Vec::with_capacity(buckets),
            cumulative: Vec::with_capacity(buckets),
        }
    }

    /// Adds `count` operations to a bucket, which should not be before the last one: then this is
    /// cheap. A bucket outside the scheme counts as the last one of the scheme.
    #[inline]
    pub fn push(&mut self, bucket: usize, count: u64) {
        let bucket = bucket.min(BUCKETS - 1) as u16;
        let total = self.count().saturating_add(count);
        if count > 0 && self.buckets.last().is_none_or(|&last| last < bucket) {
            self.buckets.push(bucket);
            self.cumulative.push(total);
        } else if count > 0 {
            self.push_earlier(bucket, count);
        }
    }

    /// Adds operations to the last bucket or to one before it.
    #[cold]
    fn push_earlier(&mut self, bucket: u16, count: u64) {
        *self = self.merged(&Histogram {
            buckets: vec![bucket],
            cumulative: vec![count],
        });
    }

    /// From single values (for instance nanoseconds).
    pub fn from_values(values: &[u64]) -> Histogram {
        let mut indices: Vec<u16> = values.iter().map(|&value| bucket(value) as u16).collect();
        indices.sort_unstable();
        let mut histogram = Histogram::default();
        for (seen, index) in (1..).zip(indices) {
            histogram.set(index, seen);
        }
        histogram
    }

    /// The sum of both: the histogram of all operations together.
    pub fn merged(&self, other: &Histogram) -> Histogram {
        let mut merged = Histogram::default();
        let (mut left, mut right) = (self.pairs().peekable(), other.pairs().peekable());
        let mut total = 0_u64;
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if b.0 < a.0 => right.next(),
                (Some(_), _) => left.next(),
                (None, _) => right.next(),
            };
            let Some((index, count)) = next else {
                return merged;
            };
            total = total.saturating_add(count);
            merged.set(index as u16, total);
        }
    }

    /// Sets the cumulative count of the last bucket, which is `index`.
    fn set(&mut self, index: u16, total: u64) {
        match (self.buckets.last(), self.cumulative.last_mut()) {
            (Some(&known), Some(last)) if known == index => *last = total,
            _ => {
                self.buckets.push(index);
                self.cumulative.push(total);
            }
        }
    }

    /// Number of operations.
    #[inline]
    pub fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// `(bucket, count)` pairs in ascending order.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let before = std::iter::once(0).chain(self.cumulative.iter().copied());
        self.buckets
            .iter()
            .zip(self.cumulative.iter().zip(before))
            .map(|(&index, (&upto, before))| (usize::from(index), upto - before))
    }

    /// The bucket after the last one that holds an operation; 0 when there is none.
    pub(crate) fn end(&self) -> usize {
        self.buckets.last().map_or(0, |&last| usize::from(last) + 1)
    }

    /// How many operations lie below `point`: all operations in the buckets before it, and the
    /// corresponding share of those in its own bucket.
    pub(crate) fn below(&self, point: Point) -> f64 {
        let place = self
            .buckets
            .partition_point(|&index| usize::from(index) < point.bucket);
        let before = if place == 0 {
            0
        } else {
            self.cumulative[place - 1]
        };
        if self
            .buckets
            .get(place)
            .is_some_and(|&index| usize::from(index) == point.bucket)
        {
            before as f64 + (self.cumulative[place] - before) as f64 * point.share
        } else {
            before as f64
        }
    }
}

/// A position inside a bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Index in the bucket scheme.
    pub(crate) bucket: usize,
    /// Distance from the bucket's lower edge, as a share of its width: 0 to 1.
    pub(crate) share: f64,
}

impl Point {
    /// The value at this position. A bucket of several whole numbers extends half a unit beyond
    /// them on both sides; one of a single number has that value everywhere.
    pub(crate) fn value(self) -> f64 {
        if lower(self.bucket) == upper(self.bucket) {
            return lower(self.bucket) as f64;
        }
        let low = lower(self.bucket) as f64 - 0.5;
        let high = upper(self.bucket) as f64 + 0.5;
        low + (high - low) * self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pairs_survive(pairs in proptest::collection::vec((0usize..5000, 0u64..1 << 40), 0..50)) {
            let histogram = Histogram::from_counts(&pairs);
            let again: Vec<_> = histogram.pairs().collect();
            prop_assert_eq!(&Histogram::from_counts(&again), &histogram);
            prop_assert_eq!(histogram.count(), pairs.iter().map(|p| p.1).sum::<u64>());
        }

        #[test]
        fn the_sum_is_that_of_all_pairs(a in proptest::collection::vec((0usize..60, 0u64..1 << 40), 0..50),
                                        b in proptest::collection::vec((0usize..60, 0u64..1 << 40), 0..50)) {
            let sum = Histogram::from_counts(&a).merged(&Histogram::from_counts(&b));
            prop_assert_eq!(sum, Histogram::from_counts(&[a, b].concat()));
        }

        #[test]
        fn buckets_may_be_added_in_any_order(pairs in proptest::collection::vec((0usize..5000, 0u64..1 << 40), 0..50)) {
            let mut histogram = Histogram::with_capacity(3);
            pairs.iter().for_each(|&(bucket, count)| histogram.push(bucket, count));
            prop_assert_eq!(histogram, Histogram::from_counts(&pairs));
        }
    }
}
