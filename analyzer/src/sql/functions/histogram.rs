//! A histogram of signed integers on the buckets of `soakbox_schemas::histogram`, from which
//! quantiles are read. Pure; merging is exact, so that a quantile does not depend on how the rows were
//! divided among threads or files.

use std::fmt::{Display, Formatter, Result as FmtResult};

use soakbox_schemas::tables::histogram::{self, HistogramError, key, rank, representative};

use super::counts::Counts;

/// Why something cannot be added to a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The bytes are no encoded histogram.
    Bytes(HistogramError),
    /// There would be 2^64 values or more.
    TooMany,
}

impl Display for Refused {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self {
            Self::Bytes(error) => write!(f, "a value is no sketch ({error})"),
            Self::TooMany => f.write_str("a group has 2^64 values or more"),
        }
    }
}

/// Counts of values per bucket, their number, and the exact extremes.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Counts,
    total: u64,
    min: i64,
    max: i64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            total: 0,
            min: i64::MAX,
            max: i64::MIN,
        }
    }
}

impl Histogram {
    /// Adds one value. Returns by how many bytes the histogram grew on the heap.
    #[inline]
    pub fn add(&mut self, value: i64) -> usize {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.total += 1;
        let key = key(value);
        if self.counts.add_in_place(key) {
            return 0;
        }
        self.add_elsewhere(key)
    }

    /// Counts a value for whose bucket there is no place yet.
    #[cold]
    fn add_elsewhere(&mut self, key: i16) -> usize {
        let before = self.heap_bytes();
        self.counts.add(key, 1, self.span());
        self.heap_bytes().saturating_sub(before)
    }

    /// Adds a value that stands for `weight` values.
    ///
    /// # Errors
    /// Where there would be too many.
    pub fn add_weighted(&mut self, value: i64, weight: u64) -> Result<(), Refused> {
        if weight == 0 {
            return Ok(());
        }
        self.total = self.total.checked_add(weight).ok_or(Refused::TooMany)?;
        self.extend_extremes((value, value));
        self.counts.add(key(value), weight, self.span());
        Ok(())
    }

    /// Adds the values of an encoded histogram; no bytes are none. `buckets` is room for its
    /// buckets.
    ///
    /// # Errors
    /// Where they are no histogram, or there would be too many values. Nothing is added then.
    pub fn merge(&mut self, bytes: &[u8], buckets: &mut Vec<(i16, u64)>) -> Result<(), Refused> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some((extremes, total)) = decoded(bytes, buckets)? else {
            return Ok(());
        };
        self.total = self.total.checked_add(total).ok_or(Refused::TooMany)?;
        self.extend_extremes(extremes);
        self.counts.add_sorted(buckets, self.span());
        Ok(())
    }

    /// The first and the last bucket, if there are values.
    fn span(&self) -> (i16, i16) {
        (key(self.min), key(self.max))
    }

    fn extend_extremes(&mut self, (min, max): (i64, i64)) {
        self.min = self.min.min(min);
        self.max = self.max.max(max);
    }

    /// The nearest-rank quantile for each of `levels` (0 to 1): the smallest value that at least `p
    /// × n` values do not exceed, within 1/128; the first and the last rank are exact. `None` where
    /// there are no values.
    pub fn quantiles(&self, levels: &[f64]) -> Option<Vec<i64>> {
        if self.total == 0 {
            return None;
        }
        let extremes = (self.min, self.max);
        Some(quantiles(
            &self.counts.entries(self.span()),
            self.total,
            extremes,
            levels,
        ))
    }

    /// Appends the encoded histogram to `out`; [`Histogram::merge`] reads it. An empty histogram is
    /// encoded as no bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.total > 0 {
            histogram::encode(
                Some((self.min, self.max)),
                self.counts.entries(self.span()),
                out,
            );
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.counts.heap_bytes()
    }
}

/// The smallest and the largest value.
pub(super) type Extremes = (i64, i64);

/// Extremes and number of the values of an encoded histogram, and its buckets in order; `None`
/// without values.
///
/// # Errors
/// Where the bytes are no histogram.
pub(super) fn decoded(
    bytes: &[u8],
    buckets: &mut Vec<(i16, u64)>,
) -> Result<Option<(Extremes, u64)>, Refused> {
    buckets.clear();
    let mut total = 0u64;
    let extremes = histogram::decode(bytes, |key, count| {
        buckets.push((key, count));
        // The sum was checked before.
        total = total.saturating_add(count);
    });
    let extremes = extremes.map_err(Refused::Bytes)?;
    Ok(extremes.map(|extremes| (extremes, total)))
}

/// The quantiles of `total` values, of which `entries` has the buckets in order.
pub(super) fn quantiles<'a>(
    entries: impl IntoIterator<Item = &'a (i16, u64)> + Clone,
    total: u64,
    (min, max): (i64, i64),
    levels: &[f64],
) -> Vec<i64> {
    let quantile = |&level: &f64| {
        let rank = rank(level, total);
        if rank <= 1 {
            return min;
        }
        if rank >= total {
            return max;
        }
        let mut seen = 0u64;
        let found = entries.clone().into_iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        found.map_or(max, |&(key, _)| representative(key).clamp(min, max))
    };
    levels.iter().map(quantile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use soakbox_schemas::histogram::MAX_RELATIVE_ERROR;

    fn of(values: &[i64]) -> Histogram {
        let mut histogram = Histogram::default();
        for value in values {
            histogram.add(*value);
        }
        histogram
    }

    /// Nearest rank, exactly, in integers: `p` is `thousandths / 1000`.
    fn exact(sorted: &[i64], thousandths: usize) -> i64 {
        let rank = (thousandths * sorted.len()).div_ceil(1000).max(1);
        sorted[rank - 1]
    }

    #[test]
    fn an_empty_one_has_no_quantiles() {
        assert_eq!(of(&[]).quantiles(&[0.5]), None);
    }

    #[test]
    fn more_values_than_a_count_can_have_are_refused() {
        let mut many = Histogram::default();
        many.add_weighted(7, u64::MAX - 1).unwrap();
        let mut bytes = Vec::new();
        many.encode(&mut bytes);
        assert_eq!(many.add_weighted(7, 2), Err(Refused::TooMany));
        assert_eq!(many.merge(&bytes, &mut Vec::new()), Err(Refused::TooMany));
        assert_eq!(many.quantiles(&[0.0, 0.5, 1.0]), Some(vec![7, 7, 7]));
    }

    /// Memory of a group: two bytes for each of a few values however wide they are spread, and never
    /// more than dense counts of all buckets.
    #[test]
    fn a_histogram_takes_little_memory() {
        let mut wide = Histogram::default();
        let (mut most, mut grown) = (0, 0);
        for index in 0u64..200_000 {
            // From 1 µs to 17 minutes.
            let value = 1000u64 << (index * 7 % 30);
            grown += wide.add((value + index % 97) as i64);
            if index < 1000 {
                let bytes = wide.heap_bytes();
                assert!(bytes <= 8 + 4 * (index as usize + 1), "{bytes} for {index}");
            }
            most = most.max(wide.heap_bytes());
        }
        assert!(most <= 31 * 512, "{most}");
        assert!(grown >= wide.heap_bytes());
        // A few buckets with large counts are pairs, also where the bytes come from elsewhere.
        let mut bytes = Vec::new();
        let ends = [(key(i64::MIN), 1 << 20), (key(i64::MAX), 1 << 20)];
        histogram::encode(Some((i64::MIN, i64::MAX)), ends, &mut bytes);
        let mut hostile = Histogram::default();
        hostile.merge(&bytes, &mut Vec::new()).unwrap();
        assert!(hostile.heap_bytes() <= 16, "{}", hostile.heap_bytes());
        for _ in 0..100_000 {
            hostile.merge(&bytes, &mut Vec::new()).unwrap();
        }
        assert!(hostile.heap_bytes() <= 7552 * 8, "{}", hostile.heap_bytes());
    }

    #[test]
    fn ranks_are_nearest_ranks_where_values_are_exact() {
        let hundred: Vec<i64> = (1..=100).collect();
        let levels: Vec<f64> = (1..=63).map(|percent| f64::from(percent) / 100.0).collect();
        let expected: Vec<i64> = (1..=63).collect();
        assert_eq!(of(&hundred).quantiles(&levels), Some(expected));
        assert_eq!(of(&hundred).quantiles(&[0.0, 1.0]), Some(vec![1, 100]));
    }

    fn any_magnitude() -> impl Strategy<Value = i64> {
        (any::<i64>(), 0u32..63).prop_map(|(value, shift)| value >> shift)
    }

    fn values() -> impl Strategy<Value = Vec<i64>> {
        prop_oneof![
            proptest::collection::vec(any_magnitude(), 1..400),
            proptest::collection::vec(0i64..5_000_000, 1..400),
        ]
    }

    proptest! {
        #[test]
        fn every_quantile_is_within_the_stated_error_of_the_exact_one(mut values in values(), p in 0usize..=1000) {
            let read = of(&values).quantiles(&[p as f64 / 1000.0]).unwrap()[0];
            values.sort_unstable();
            let exact = exact(&values, p);
            prop_assert!(read.abs_diff(exact) as f64 <= exact.unsigned_abs() as f64 * MAX_RELATIVE_ERROR,
                "{read} for {exact}");
        }

        #[test]
        fn merging_parts_and_a_round_trip_change_nothing(values in values(), cut in 0.0..1.0f64) {
            let cut = (values.len() as f64 * cut) as usize;
            let (mut merged, second) = (of(&values[..cut]), of(&values[cut..]));
            let mut bytes = Vec::new();
            second.encode(&mut bytes);
            merged.merge(&bytes, &mut Vec::new()).unwrap();
            let levels: Vec<f64> = (0..=100).map(|percent| f64::from(percent) / 100.0).collect();
            prop_assert_eq!(merged.quantiles(&levels), of(&values).quantiles(&levels));
        }

        /// In whatever order and form they were counted, values have one encoding.
        #[test]
        fn merging_is_associative_and_commutative(values in values(), weights in proptest::collection::vec(0u64..200, 3)) {
            let mut parts = vec![Histogram::default(); 3];
            let mut whole = Histogram::default();
            for (index, value) in values.iter().enumerate() {
                let weight = weights[index % 3];
                parts[index % 3].add_weighted(*value, weight).unwrap();
                for _ in 0..weight {
                    whole.add(*value);
                }
            }
            let encoded = |histogram: &Histogram| {
                let mut bytes = Vec::new();
                histogram.encode(&mut bytes);
                bytes
            };
            let merged = |order: &[&[usize]]| {
                let mut all = Histogram::default();
                for group in order {
                    let mut some = Histogram::default();
                    for part in *group {
                        some.merge(&encoded(&parts[*part]), &mut Vec::new()).unwrap();
                    }
                    all.merge(&encoded(&some), &mut Vec::new()).unwrap();
                }
                encoded(&all)
            };
            let expected = encoded(&whole);
            for order in [&[&[0, 1, 2][..]][..], &[&[2], &[1, 0]], &[&[1, 2], &[0]], &[&[0], &[1], &[2]]] {
                prop_assert_eq!(&merged(order), &expected);
            }
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..26)) {
            let _ = Histogram::default().merge(&bytes, &mut Vec::new());
        }
    }
}
