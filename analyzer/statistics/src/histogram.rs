//! Sparse histograms of one window and the distribution that many of them merge into.
//!
//! The bucket scheme belongs to `soakbox_schemas::histogram` and is not changed here. This room turns counts into
//! quantiles; it must never know about windows in time.

use soakbox_schemas::histogram::{BUCKETS, bucket, lower, midpoint, upper};

/// Counts per log-linear bucket of one window: only touched buckets, in ascending order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    buckets: Vec<u16>,
    /// Operations in this bucket and all before it.
    cumulative: Vec<u64>,
}

impl Histogram {
    /// From `(bucket, count)` pairs in any order; repeated buckets add up, buckets outside the scheme fall into
    /// the last one, empty ones vanish.
    pub fn from_counts(pairs: &[(usize, u64)]) -> Histogram {
        let mut sorted: Vec<(usize, u64)> = pairs
            .iter()
            .filter(|&&(_, count)| count > 0)
            .map(|&(index, count)| (index.min(BUCKETS - 1), count))
            .collect();
        sorted.sort_unstable_by_key(|&(index, _)| index);
        let mut histogram = Histogram::default();
        let mut total = 0_u64;
        for (index, count) in sorted {
            total = total.saturating_add(count);
            if histogram.buckets.last() == Some(&(index as u16)) {
                if let Some(last) = histogram.cumulative.last_mut() {
                    *last = total;
                }
            } else {
                histogram.buckets.push(index as u16);
                histogram.cumulative.push(total);
            }
        }
        histogram
    }

    /// From raw values (for instance nanoseconds).
    pub fn from_values(values: &[u64]) -> Histogram {
        let mut indices: Vec<u16> = values.iter().map(|&value| bucket(value) as u16).collect();
        indices.sort_unstable();
        let mut histogram = Histogram::default();
        for (seen, index) in (1..).zip(indices) {
            if histogram.buckets.last() == Some(&index) {
                if let Some(last) = histogram.cumulative.last_mut() {
                    *last = seen;
                }
            } else {
                histogram.buckets.push(index);
                histogram.cumulative.push(seen);
            }
        }
        histogram
    }

    /// Number of operations.
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

    /// How many operations lie below the point `at`: whole buckets before it, plus the share of its own.
    pub(crate) fn below(&self, at: Point) -> f64 {
        let place = self
            .buckets
            .partition_point(|&index| usize::from(index) < at.bucket);
        let before = if place == 0 {
            0
        } else {
            self.cumulative[place - 1]
        };
        if self
            .buckets
            .get(place)
            .is_some_and(|&index| usize::from(index) == at.bucket)
        {
            before as f64 + (self.cumulative[place] - before) as f64 * at.share
        } else {
            before as f64
        }
    }
}

/// A place inside a bucket: how far through it, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    bucket: usize,
    share: f64,
}

impl Point {
    /// The value at this place; a bucket of one whole number reaches half a unit to both sides.
    pub(crate) fn value(self) -> f64 {
        let low = (lower(self.bucket) as f64 - 0.5).max(0.0);
        let high = upper(self.bucket) as f64 + 0.5;
        low + (high - low) * self.share
    }
}

/// Many histograms merged: what a run's percentiles are read from.
///
/// Merging loses nothing: the merged counts are those of the pooled operations.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    counts: Vec<u64>,
    cumulative: Vec<u64>,
}

impl Distribution {
    /// Merges histograms of any windows or runs.
    pub fn merge<'a>(histograms: impl IntoIterator<Item = &'a Histogram>) -> Distribution {
        let mut counts: Vec<u64> = Vec::new();
        for histogram in histograms {
            let needed = histogram
                .buckets
                .last()
                .map_or(0, |&last| usize::from(last) + 1);
            if counts.len() < needed {
                counts.resize(needed, 0);
            }
            let mut before = 0;
            for (&index, &upto) in histogram.buckets.iter().zip(&histogram.cumulative) {
                let slot = &mut counts[usize::from(index)];
                *slot = slot.saturating_add(upto - before);
                before = upto;
            }
        }
        let mut total = 0_u64;
        let cumulative = counts
            .iter()
            .map(|&count| {
                total = total.saturating_add(count);
                total
            })
            .collect();
        Distribution { counts, cumulative }
    }

    /// Number of operations.
    pub fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// The `p` quantile by nearest rank, as the midpoint of its bucket: within 1/128 of the exact order statistic.
    /// `None` when empty or when `p` is not in 0..=1.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 || !(0.0..=1.0).contains(&p) {
            return None;
        }
        let rank = ((p * total as f64).ceil() as u64).clamp(1, total);
        let index = self.cumulative.partition_point(|&upto| upto < rank);
        Some(midpoint(index) as f64)
    }

    /// The `p` quantile interpolated inside its bucket: continuous in `p` and in the counts, within 1/64 of the
    /// order statistic and far closer where neighbouring buckets are alike. Comparisons read this one.
    pub fn interpolated(&self, p: f64) -> Option<f64> {
        self.point(p).map(Point::value)
    }

    pub(crate) fn point(&self, p: f64) -> Option<Point> {
        let total = self.count();
        if total == 0 || !(0.0..=1.0).contains(&p) {
            return None;
        }
        let rank = p * total as f64;
        let mut index = self
            .cumulative
            .partition_point(|&upto| (upto as f64) < rank);
        index = index.min(self.counts.len() - 1);
        while self.counts[index] == 0 && index + 1 < self.counts.len() {
            index += 1;
        }
        let before = self.cumulative[index] - self.counts[index];
        let share = ((rank - before as f64) / self.counts[index] as f64).clamp(0.0, 1.0);
        Some(Point {
            bucket: index,
            share,
        })
    }

    /// An interval for the `p` quantile from independent operations at the two-sided `confidence`.
    ///
    /// Woodruff 1952: an interval of the share below it, read back through the quantile function. An end beyond
    /// the data is `None` (unknown above) or 0. Windows that share noise make this too narrow: comparisons use the
    /// variance between windows instead.
    pub fn sampling_interval(&self, p: f64, confidence: f64) -> Option<(f64, Option<f64>)> {
        let total = self.count();
        if total == 0 || !(0.0..=1.0).contains(&p) || !(0.0..1.0).contains(&confidence) {
            return None;
        }
        let z = crate::distribution::normal_upper_quantile((1.0 - confidence) / 2.0);
        let reach = z * (p * (1.0 - p) / total as f64).sqrt();
        let low = if p - reach <= 0.0 {
            0.0
        } else {
            self.interpolated(p - reach)?
        };
        let high = if p + reach >= 1.0 {
            None
        } else {
            self.interpolated(p + reach)
        };
        Some((low, high))
    }

    /// Bounds of the true `p` quantile when the fraction `loss` of the operations has no row.
    ///
    /// Assumes nothing about the lost ones: all of them may have been the fastest or the slowest. The upper bound
    /// is `None` (unknown) if `p > 1 − loss`, the lower one is 0 if `p < loss`; otherwise they are the observed
    /// quantiles `(p − loss) / (1 − loss)` and `p / (1 − loss)`.
    pub fn loss_bounds(&self, p: f64, loss: f64) -> Option<(f64, Option<f64>)> {
        let (low, high) = loss_ranks(p, loss)?;
        let low = match low {
            None => 0.0,
            Some(rank) => self.interpolated(rank)?,
        };
        Some((low, high.and_then(|rank| self.interpolated(rank))))
    }

    /// How far the quantile at `p` may lie from the reading for no other reason than the width of its bucket:
    /// `(down, up)` in the data's unit. Nearly 0 where the neighbouring buckets hold as many operations, the whole
    /// bucket where all its operations may share one value.
    pub(crate) fn resolution(&self, at: Point) -> (f64, f64) {
        let count = self.counts[at.bucket] as f64;
        if count == 0.0 {
            return (0.0, 0.0);
        }
        let beside = |index: Option<usize>| {
            index.and_then(|i| self.counts.get(i)).copied().unwrap_or(0) as f64
        };
        let largest = beside(at.bucket.checked_sub(1)).max(beside(Some(at.bucket + 1)));
        let lumped = (1.0 - largest / count).max(0.0);
        let width = (upper(at.bucket) - lower(at.bucket)) as f64;
        (lumped * width * at.share, lumped * width * (1.0 - at.share))
    }
}

/// The observed ranks that bound the true rank `p` under loss: `None` below means 0, `None` above means unknown.
///
/// `None` as a whole when an argument is not in its range (`loss` 1 leaves nothing observed).
pub fn loss_ranks(p: f64, loss: f64) -> Option<(Option<f64>, Option<f64>)> {
    if !(0.0..=1.0).contains(&p) || !(0.0..1.0).contains(&loss) {
        return None;
    }
    let kept = 1.0 - loss;
    let low = if p < loss {
        None
    } else {
        Some(((p - loss) / kept).max(0.0))
    };
    let high = if p > kept {
        None
    } else {
        Some((p / kept).min(1.0))
    };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(values: &[u64], p: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let rank = ((p * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
        sorted[rank - 1] as f64
    }

    #[test]
    fn loss_bounds_follow_the_correction() {
        let values: Vec<u64> = (1..=1000).map(|i| i * 1000).collect();
        let all = Distribution::merge(&[Histogram::from_values(&values)]);
        assert_eq!(all.loss_bounds(0.99, 0.02).map(|b| b.1), Some(None));
        assert_eq!(
            all.loss_bounds(0.01, 0.02),
            Some((0.0, all.interpolated(0.01 / 0.98)))
        );
        assert_eq!(loss_ranks(0.5, 0.0), Some((Some(0.5), Some(0.5))));
        assert_eq!(loss_ranks(0.5, 1.0), None);
    }

    #[test]
    fn a_wrong_rank_is_refused() {
        let one = Distribution::merge(&[Histogram::from_values(&[5])]);
        for p in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(one.quantile(p), None);
            assert_eq!(one.interpolated(p), None);
        }
        assert_eq!(Distribution::default().quantile(0.5), None);
        assert_eq!(one.quantile(1.0), Some(5.0));
    }

    #[test]
    fn the_sampling_interval_is_woodruffs() {
        let values: Vec<u64> = (0..10_000).map(|i| 1_000_000 + i * 100).collect();
        let all = Distribution::merge(&[Histogram::from_values(&values)]);
        let (low, high) = all.sampling_interval(0.5, 0.95).unwrap();
        // scipy 1.16: norm.isf(0.025) * sqrt(0.25 / 10000) = 0.0097998 of the rank.
        assert!((low - 1_490_200.0).abs() < 10_000.0, "{low}");
        assert!((high.unwrap() - 1_509_800.0).abs() < 10_000.0, "{high:?}");
        assert_eq!(all.sampling_interval(0.9999, 0.95).unwrap().1, None);
    }

    proptest! {
        #[test]
        fn quantiles_keep_the_stated_errors(
            values in proptest::collection::vec(1..u64::MAX / 2, 1..200), p in 0.0..=1.0f64
        ) {
            let all = Distribution::merge(&[Histogram::from_values(&values)]);
            let want = exact(&values, p);
            prop_assert!((all.quantile(p).unwrap() - want).abs() <= want / 128.0 * (1.0 + 1e-12));
        }

        #[test]
        fn merging_is_pooling(a in proptest::collection::vec(any::<u64>(), 0..50),
                              b in proptest::collection::vec(any::<u64>(), 0..50), p in 0.0..=1.0f64) {
            let apart = Distribution::merge(&[Histogram::from_values(&a), Histogram::from_values(&b)]);
            let pooled: Vec<u64> = a.iter().chain(&b).copied().collect();
            let pooled = Distribution::merge(&[Histogram::from_values(&pooled)]);
            prop_assert_eq!(apart.quantile(p), pooled.quantile(p));
            prop_assert_eq!(apart.interpolated(p), pooled.interpolated(p));
        }

        #[test]
        fn interpolation_is_monotone(values in proptest::collection::vec(any::<u64>(), 1..50),
                                     p in 0.0..=1.0f64, q in 0.0..=1.0f64) {
            let all = Distribution::merge(&[Histogram::from_values(&values)]);
            let (low, high) = (all.interpolated(p.min(q)).unwrap(), all.interpolated(p.max(q)).unwrap());
            prop_assert!(low <= high * (1.0 + 1e-12));
        }

        #[test]
        fn pairs_survive(pairs in proptest::collection::vec((0usize..5000, 0u64..1 << 40), 0..50)) {
            let histogram = Histogram::from_counts(&pairs);
            let again: Vec<_> = histogram.pairs().collect();
            prop_assert_eq!(&Histogram::from_counts(&again), &histogram);
            prop_assert_eq!(histogram.count(), pairs.iter().map(|p| p.1).sum::<u64>());
        }
    }
}
