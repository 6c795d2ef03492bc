//! A histogram of signed integers on the buckets of `soakbox_schemas::histogram`, from which
//! quantiles are read. A small histogram lists the bucket of each value, a larger one has a dense
//! array of counts. Pure; merging is exact, so that a quantile does not depend on how the rows were
//! divided among threads or files.

use soakbox_schemas::tables::histogram::{self, key, rank, representative};

/// Most values of a histogram that lists them one by one.
const FEW: usize = 64;
/// Dense counts grow by whole blocks of this many buckets, one power of two.
const BLOCK: i16 = 64;

#[derive(Clone, Debug)]
enum Counts {
    /// The bucket of each value, in any order.
    Few(Vec<i16>),
    /// Counts of the buckets from `first` on.
    Dense { first: i16, counts: Vec<u64> },
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
            counts: Counts::Few(Vec::new()),
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
        let key = key(value);
        if let Counts::Dense { first, counts } = &mut self.counts
            && let Ok(index) = usize::try_from(i32::from(key) - i32::from(*first))
            && let Some(count) = counts.get_mut(index)
        {
            *count += 1;
            self.total += 1;
            return 0;
        }
        self.add_elsewhere(key)
    }

    /// Counts a value for whose bucket there is no place yet.
    #[cold]
    fn add_elsewhere(&mut self, key: i16) -> usize {
        let before = self.heap_bytes();
        self.count(key, 1);
        self.heap_bytes().saturating_sub(before)
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        match &other.counts {
            Counts::Few(keys) => keys.iter().for_each(|&key| self.count(key, 1)),
            Counts::Dense { first, counts } => {
                for (key, &count) in (*first..).zip(counts) {
                    if count > 0 {
                        self.count(key, count);
                    }
                }
            }
        }
    }

    fn count(&mut self, key: i16, count: u64) {
        self.total += count;
        if let Counts::Few(keys) = &mut self.counts {
            if keys.len() as u64 + count <= FEW as u64 {
                keys.extend(std::iter::repeat_n(key, count as usize));
                return;
            }
            let keys = std::mem::take(keys);
            self.counts = Counts::Dense {
                first: key.div_euclid(BLOCK) * BLOCK,
                counts: Vec::new(),
            };
            for key in keys {
                self.count_dense(key, 1);
            }
        }
        self.count_dense(key, count);
    }

    #[inline]
    fn count_dense(&mut self, key: i16, count: u64) {
        let Counts::Dense { first, counts } = &mut self.counts else {
            return;
        };
        if key < *first {
            let start = key.div_euclid(BLOCK) * BLOCK;
            let added = (*first - start) as usize;
            counts.splice(0..0, std::iter::repeat_n(0, added));
            *first = start;
        }
        let index = (key - *first) as usize;
        if index >= counts.len() {
            let blocks = index / BLOCK as usize + 1;
            counts.resize(blocks * BLOCK as usize, 0);
        }
        counts[index] += count;
    }

    /// Buckets with their counts, in order.
    fn entries(&self) -> Vec<(i16, u64)> {
        match &self.counts {
            Counts::Few(keys) => {
                let mut keys = keys.clone();
                keys.sort_unstable();
                keys.chunk_by(|a, b| a == b)
                    .map(|equal| (equal[0], equal.len() as u64))
                    .collect()
            }
            Counts::Dense { first, counts } => (*first..)
                .zip(counts)
                .filter_map(|(key, &count)| (count > 0).then_some((key, count)))
                .collect(),
        }
    }

    /// The nearest-rank quantile for each of `levels` (0 to 1): the smallest value that at least `p
    /// × n` values do not exceed, within 1/128; the first and the last rank are exact. `None` where
    /// there are no values.
    pub fn quantiles(&self, levels: &[f64]) -> Option<Vec<i64>> {
        if self.total == 0 {
            return None;
        }
        let entries = self.entries();
        let quantile = |&level: &f64| {
            let rank = rank(level, self.total);
            if rank <= 1 {
                return self.min;
            }
            if rank >= self.total {
                return self.max;
            }
            let mut seen = 0;
            let found = entries.iter().find(|(_, count)| {
                seen += count;
                seen >= rank
            });
            found.map_or(self.max, |&(key, _)| {
                representative(key).clamp(self.min, self.max)
            })
        };
        Some(levels.iter().map(quantile).collect())
    }

    /// Appends the encoded histogram to `out`; [`Histogram::decode`] reads it back. An empty
    /// histogram is encoded as no bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.total > 0 {
            histogram::encode(Some((self.min, self.max)), self.entries(), out);
        }
    }

    /// The histogram that [`Histogram::encode`] wrote; `None` where `bytes` are something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut decoded = Self::default();
        if bytes.is_empty() {
            return Some(decoded);
        }
        let extremes = histogram::decode(bytes, |key, count| decoded.count(key, count));
        if let Some((min, max)) = extremes.ok()? {
            (decoded.min, decoded.max) = (min, max);
        }
        Some(decoded)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.counts {
            Counts::Few(keys) => keys.capacity() * size_of::<i16>(),
            Counts::Dense { counts, .. } => counts.capacity() * size_of::<u64>(),
        }
    }
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
            merged.merge(&Histogram::decode(&bytes).unwrap());
            let levels: Vec<f64> = (0..=100).map(|percent| f64::from(percent) / 100.0).collect();
            prop_assert_eq!(merged.quantiles(&levels), of(&values).quantiles(&levels));
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..26)) {
            let _ = Histogram::decode(&bytes);
        }
    }
}
