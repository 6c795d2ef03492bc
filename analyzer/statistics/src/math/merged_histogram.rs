//! The sum of many histograms, from which the percentiles of a run are read.
//!
//! It turns counts into quantiles and their bounds. It knows nothing about windows in time.

use crate::math::distributions::normal_upper_quantile;
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

    /// An interval for the `p` quantile of independent operations at the two-sided `confidence`.
    ///
    /// Woodruff 1952: the quantile function turns an interval for the share of operations below the
    /// quantile into an interval for the quantile. A lower end beyond the data is 0, an upper end
    /// beyond the data is `None` (unknown). The interval is too narrow when the operations of a
    /// window share noise. Comparisons use the variance between windows instead.
    pub fn sampling_interval(&self, p: f64, confidence: f64) -> Option<(f64, Option<f64>)> {
        let total = self.count();
        if total == 0 || !(0.0..=1.0).contains(&p) || !(0.0..1.0).contains(&confidence) {
            return None;
        }
        let z = normal_upper_quantile((1.0 - confidence) / 2.0);
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

    /// Bounds of the true `p` quantile when the fraction `loss` of the operations was lost.
    ///
    /// Assumes nothing about the lost operations: all of them may have been the fastest or the
    /// slowest. The bounds are the observed quantiles `(p − loss) / (1 − loss)` and
    /// `p / (1 − loss)`. The lower bound is 0 if `p < loss`, the upper bound is `None` (unknown) if
    /// `p > 1 − loss`.
    pub fn loss_bounds(&self, p: f64, loss: f64) -> Option<(f64, Option<f64>)> {
        let (low, high) = loss_ranks(p, loss)?;
        let low = match low {
            None => 0.0,
            Some(rank) => self.interpolated(rank)?,
        };
        Some((low, high.and_then(|rank| self.interpolated(rank))))
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
    fn loss_bounds_follow_the_correction() {
        let values: Vec<u64> = (1..=1000).map(|i| i * 1000).collect();
        let all = MergedHistogram::merge(&[Histogram::from_values(&values)]);
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
        let one = MergedHistogram::merge(&[Histogram::from_values(&[5])]);
        for p in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(one.quantile(p), None);
            assert_eq!(one.interpolated(p), None);
        }
        assert_eq!(MergedHistogram::default().quantile(0.5), None);
        assert_eq!(one.quantile(1.0), Some(5.0));
    }

    #[test]
    fn the_sampling_interval_is_woodruffs() {
        let values: Vec<u64> = (0..10_000).map(|i| 1_000_000 + i * 100).collect();
        let all = MergedHistogram::merge(&[Histogram::from_values(&values)]);
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
