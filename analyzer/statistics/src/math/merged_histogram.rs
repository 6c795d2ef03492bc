//! The sum of many histograms, from which the percentiles of a run are read.
//!
//! It turns counts into quantiles and their bounds. It knows nothing about windows in time.

use crate::math::histogram::{Histogram, Point};
use soakbox_schemas::histogram::{lower, midpoint, upper};

/// The sum of many histograms.
///
/// Merging loses nothing: the counts are those of a histogram of all operations together.
#[derive(Debug, Clone, Default)]
pub struct MergedHistogram {
    counts: Vec<u64>,
    cumulative: Vec<u64>,
}

impl MergedHistogram {
    /// Merges histograms of any windows or runs.
    pub fn merge<'a>(histograms: impl IntoIterator<Item = &'a Histogram>) -> MergedHistogram {
        let mut counts: Vec<u64> = Vec::new();
        for histogram in histograms {
            if counts.len() < histogram.end() {
                counts.resize(histogram.end(), 0);
            }
            for (index, count) in histogram.pairs() {
                counts[index] = counts[index].saturating_add(count);
            }
        }
        MergedHistogram::of_counts(counts)
    }

    fn of_counts(counts: Vec<u64>) -> MergedHistogram {
        let mut total = 0_u64;
        let cumulative = counts
            .iter()
            .map(|&count| {
                total = total.saturating_add(count);
                total
            })
            .collect();
        MergedHistogram { counts, cumulative }
    }

    /// The sum without histograms that are a part of it; `None` where the sum is too large to be
    /// taken apart.
    pub(crate) fn without<'a>(
        &self,
        parts: impl IntoIterator<Item = &'a Histogram>,
    ) -> Option<MergedHistogram> {
        if self.count() == u64::MAX {
            return None;
        }
        let mut counts = self.counts.clone();
        for (index, count) in parts.into_iter().flat_map(Histogram::pairs) {
            let rest = counts.get_mut(index)?;
            *rest = rest.checked_sub(count)?;
        }
        let last = counts.iter().rposition(|&count| count > 0);
        counts.truncate(last.map_or(0, |last| last + 1));
        Some(MergedHistogram::of_counts(counts))
    }

    /// Number of operations.
    pub fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// The `p` quantile by nearest rank, as the midpoint of its bucket: within 1/128 of the exact
    /// order statistic. `None` when empty or when `p` is not in 0..=1.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 || !(0.0..=1.0).contains(&p) {
            return None;
        }
        let rank = ((p * total as f64).ceil() as u64).clamp(1, total);
        let index = self.cumulative.partition_point(|&upto| upto < rank);
        Some(midpoint(index) as f64)
    }

    /// The `p` quantile, interpolated inside its bucket: continuous in `p` and in the counts. It
    /// lies within 1/64 of the order statistic, and far closer where neighbouring buckets hold
    /// similar counts. Comparisons use this one.
    pub fn interpolated(&self, p: f64) -> Option<f64> {
        self.point(p).map(Point::value)
    }

    /// Where the `p` quantile lies; `None` as for [`interpolated`](MergedHistogram::interpolated).
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

    /// How far the true quantile may lie from the interpolated one because its bucket has a width:
    /// `(down, up)` in the data's unit. It is nearly 0 where a neighbouring bucket holds as many
    /// operations, and the whole bucket where all of its operations may have the same value.
    pub(crate) fn resolution(&self, point: Point) -> (f64, f64) {
        let count = self.counts[point.bucket] as f64;
        if count == 0.0 {
            return (0.0, 0.0);
        }
        let neighbour = |index: Option<usize>| {
            index.and_then(|i| self.counts.get(i)).copied().unwrap_or(0) as f64
        };
        let largest = neighbour(point.bucket.checked_sub(1)).max(neighbour(Some(point.bucket + 1)));
        let excess = (1.0 - largest / count).max(0.0);
        let width = (upper(point.bucket) - lower(point.bucket)) as f64;
        (
            excess * width * point.share,
            excess * width * (1.0 - point.share),
        )
    }
}

/// The observed ranks `(low, high)` that bound the true rank `p` when the fraction `loss` was lost.
/// A `low` of `None` stands for the value 0, a `high` of `None` for an unknown value.
///
/// `None` as a whole when `p` is not in 0..=1 or `loss` not in 0..1.
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
    use crate::math::histogram::Histogram;
    use proptest::prelude::*;

    fn exact(values: &[u64], p: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let rank = ((p * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
        sorted[rank - 1] as f64
    }

    #[test]
    fn ranks_under_loss_follow_the_correction() {
        assert_eq!(loss_ranks(0.5, 0.0), Some((Some(0.5), Some(0.5))));
        let (low, high) = loss_ranks(0.5, 0.02).unwrap();
        assert!((low.unwrap() - 0.48 / 0.98).abs() < 1e-12);
        assert!((high.unwrap() - 0.5 / 0.98).abs() < 1e-12);
        assert_eq!(loss_ranks(0.99, 0.02).unwrap().1, None);
        assert_eq!(loss_ranks(0.01, 0.02).unwrap().0, None);
        assert_eq!(loss_ranks(0.5, 1.0), None);
    }

    #[test]
    fn a_wrong_rank_is_refused() {
        let one = MergedHistogram::merge(&[Histogram::from_values(&[5])]);
        for p in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(one.quantile(p), None);
            assert_eq!(one.interpolated(p), None);
        }
        assert_eq!(MergedHistogram::default().quantile(0.5), None);
        assert_eq!(one.quantile(1.0), Some(5.0));
    }

    proptest! {
        #[test]
        fn quantiles_keep_the_stated_errors(
            values in proptest::collection::vec(1..u64::MAX / 2, 1..200), p in 0.0..=1.0f64
        ) {
            let all = MergedHistogram::merge(&[Histogram::from_values(&values)]);
            let want = exact(&values, p);
            prop_assert!((all.quantile(p).unwrap() - want).abs() <= want / 128.0 * (1.0 + 1e-12));
        }

        #[test]
        fn merging_is_pooling(a in proptest::collection::vec(any::<u64>(), 0..50),
                              b in proptest::collection::vec(any::<u64>(), 0..50), p in 0.0..=1.0f64) {
            let apart = MergedHistogram::merge(&[Histogram::from_values(&a), Histogram::from_values(&b)]);
            let pooled: Vec<u64> = a.iter().chain(&b).copied().collect();
            let pooled = MergedHistogram::merge(&[Histogram::from_values(&pooled)]);
            prop_assert_eq!(apart.quantile(p), pooled.quantile(p));
            prop_assert_eq!(apart.interpolated(p), pooled.interpolated(p));
        }

        #[test]
        fn interpolation_is_monotone(values in proptest::collection::vec(any::<u64>(), 1..50),
                                     p in 0.0..=1.0f64, q in 0.0..=1.0f64) {
            let all = MergedHistogram::merge(&[Histogram::from_values(&values)]);
            let (low, high) = (all.interpolated(p.min(q)).unwrap(), all.interpolated(p.max(q)).unwrap());
            prop_assert!(low <= high * (1.0 + 1e-12));
        }
    }
}
