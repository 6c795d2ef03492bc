//! Histograms as bytes, with the buckets of [`histogram`](crate::histogram): the values of a
//! column, and the state of an aggregate. The encoding is compact and bounded and has a version;
//! false bytes never make decoding panic or allocate much memory. `docs/format.md` has the encoding
//! with an example.

use crate::histogram::{BUCKETS, bucket, midpoint};

/// The first byte.
pub const VERSION: u8 = 1;
/// Key of the largest bucket; that of the smallest is `-1 - MAX_KEY`.
pub const MAX_KEY: i16 = (BUCKETS - 1) as i16;
/// Factor on `level × n` before it is rounded up: 0.07 × 100 is 7.000000000000001 in binary, and
/// must give 7.
const ROUNDING: f64 = 1.0 - 1e-12;

/// The reason why bytes are not a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// There is no byte, or the first is that of another version.
    #[error("a histogram of another version")]
    Version,
    /// The bytes end within a number.
    #[error("a histogram that is cut off")]
    Cut,
    /// A bucket, a count or an extreme is impossible.
    #[error("a histogram with impossible numbers")]
    Value,
}

/// The key of the bucket of a signed value. From 0 on it is the index of the bucket in `histogram`;
/// for a negative value it is `-1 - index`, with the index of its absolute value.
#[inline]
pub fn key(value: i64) -> i16 {
    let index = bucket(value.unsigned_abs()) as i16;
    if value < 0 { -1 - index } else { index }
}

/// The value that represents a bucket, within 1/128 of every value in it.
pub fn representative(key: i16) -> i64 {
    let magnitude = |index: i16| i64::try_from(midpoint(index as usize)).unwrap_or(i64::MAX);
    if key < 0 {
        -magnitude(-1 - key)
    } else {
        magnitude(key)
    }
}

/// The nearest rank of the quantile at `level` (0 to 1) among `total` values; ranks 0 and 1 are the
/// smallest value.
#[inline]
pub fn rank(level: f64, total: u64) -> u64 {
    (level * total as f64 * ROUNDING).ceil() as u64
}

/// Counts of values by bucket, with the exact smallest and largest value. Without values it is
/// empty and has no extremes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseHistogram {
    /// Key and count, by key; no count is 0.
    buckets: Vec<(i16, u64)>,
    extremes: Option<(i64, i64)>,
}

impl SparseHistogram {
    /// The histogram of these values.
    pub fn of(values: impl IntoIterator<Item = i64>) -> Self {
        let mut histogram = Self::default();
        values.into_iter().for_each(|value| histogram.add(value));
        histogram
    }

    /// The histogram of numbers of values by bucket, by its index in `histogram`, in any order. The
    /// values themselves are not known: its extremes stand for the outer buckets, within 1/128.
    /// Values above `i64::MAX` count as that one.
    pub fn of_buckets(counts: impl IntoIterator<Item = (usize, u64)>) -> Self {
        let mut histogram = Self::default();
        for (bucket, count) in counts {
            let key = i16::try_from(bucket).unwrap_or(MAX_KEY).min(key(i64::MAX));
            if count > 0 {
                histogram.count(key, count);
            }
        }
        let keys = histogram.buckets.first().zip(histogram.buckets.last());
        histogram.extremes =
            keys.map(|((first, _), (last, _))| (representative(*first), representative(*last)));
        histogram
    }

    /// Adds a value.
    pub fn add(&mut self, value: i64) {
        self.count(key(value), 1);
        self.extend_extremes((value, value));
    }

    /// Adds the values of another: the result is the histogram of both together.
    pub fn merge(&mut self, other: &Self) {
        for &(key, count) in &other.buckets {
            self.count(key, count);
        }
        if let Some(extremes) = other.extremes {
            self.extend_extremes(extremes);
        }
    }

    /// Number of values.
    pub fn total(&self) -> u64 {
        let counts = self.buckets.iter().map(|(_, count)| *count);
        counts.fold(0, u64::saturating_add)
    }

    /// Smallest and largest value, exact.
    pub fn extremes(&self) -> Option<(i64, i64)> {
        self.extremes
    }

    /// Key and count of each bucket that has values, by key.
    pub fn buckets(&self) -> &[(i16, u64)] {
        &self.buckets
    }

    /// The nearest-rank quantile: the smallest value that at least a share `level` (0 to 1) of the
    /// values does not exceed, within 1/128. The first and the last rank are exact. `None` without
    /// values.
    pub fn quantile(&self, level: f64) -> Option<i64> {
        let ((min, max), total) = (self.extremes?, self.total());
        let rank = rank(level, total);
        if rank <= 1 {
            return Some(min);
        }
        if rank >= total {
            return Some(max);
        }
        let mut seen = 0u64;
        let found = self.buckets.iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        Some(found.map_or(max, |(key, _)| representative(*key).clamp(min, max)))
    }

    /// Appends it to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode(self.extremes, self.buckets.iter().copied(), out);
    }

    /// Reads a histogram, which is all of `bytes`.
    ///
    /// # Errors
    /// Where they are not one histogram.
    pub fn decode(bytes: &[u8]) -> Result<Self, HistogramError> {
        // Most buckets are two bytes: a step of one digit and a count of one digit.
        let mut buckets = Vec::with_capacity(bytes.len() / 2);
        let extremes = decode(bytes, |key, count| buckets.push((key, count)))?;
        Ok(Self { extremes, buckets })
    }

    fn count(&mut self, key: i16, count: u64) {
        match self.buckets.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(index) => self.buckets[index].1 = self.buckets[index].1.saturating_add(count),
            Err(index) => self.buckets.insert(index, (key, count)),
        }
    }

    fn extend_extremes(&mut self, (min, max): (i64, i64)) {
        let (least, most) = self.extremes.unwrap_or((min, max));
        self.extremes = Some((least.min(min), most.max(max)));
    }
}

/// Appends a histogram: its extremes (`None` without values) and its non-empty buckets, in order of
/// their keys.
pub fn encode(
    extremes: Option<(i64, i64)>,
    buckets: impl IntoIterator<Item = (i16, u64)>,
    out: &mut Vec<u8>,
) {
    out.push(VERSION);
    let Some((min, max)) = extremes else {
        return;
    };
    put(zigzag(min), out);
    put(max.wrapping_sub(min).cast_unsigned(), out);
    let mut next = None;
    for (key, count) in buckets {
        let key = i64::from(key);
        put(
            next.map_or_else(|| zigzag(key), |next| (key - next) as u64),
            out,
        );
        put(count, out);
        next = Some(key + 1);
    }
}

/// Reads a histogram: calls `bucket` with each key and count, by key, and returns the extremes.
///
/// # Errors
/// Where `bytes` are not one histogram; `bucket` may have been called by then.
pub fn decode(
    bytes: &[u8],
    mut bucket: impl FnMut(i16, u64),
) -> Result<Option<(i64, i64)>, HistogramError> {
    let Some((&VERSION, mut rest)) = bytes.split_first() else {
        return Err(HistogramError::Version);
    };
    if rest.is_empty() {
        return Ok(None);
    }
    let min = unzigzag(take(&mut rest)?);
    let span = take(&mut rest)?;
    let max = min
        .checked_add_unsigned(span)
        .ok_or(HistogramError::Value)?;
    let mut total = 0u64;
    let mut add = |key: i64, count: u64| {
        total = total.checked_add(count).ok_or(HistogramError::Value)?;
        let key = i16::try_from(key).map_err(|_| HistogramError::Value)?;
        if count == 0 || !(-1 - MAX_KEY..=MAX_KEY).contains(&key) {
            return Err(HistogramError::Value);
        }
        bucket(key, count);
        Ok(key)
    };
    if rest.is_empty() {
        return Err(HistogramError::Value);
    }
    let mut place = unzigzag(take(&mut rest)?);
    let first = add(place, take(&mut rest)?)?;
    let mut last = first;
    while !rest.is_empty() {
        let (step, count) = match rest {
            // Most buckets are near the one before, and have few values.
            [step @ ..0x80, count @ ..0x80, others @ ..] => {
                rest = others;
                (u64::from(*step), u64::from(*count))
            }
            _ => (take(&mut rest)?, take(&mut rest)?),
        };
        place = (place + 1)
            .checked_add_unsigned(step)
            .ok_or(HistogramError::Value)?;
        last = add(place, count)?;
    }
    // The extremes are in the first and the last bucket.
    if (first, last) != (key(min), key(max)) {
        return Err(HistogramError::Value);
    }
    Ok(Some((min, max)))
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Appends a number in base 128, the least significant digit first; each digit but the last has its
/// top bit set (LEB128).
fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn take(bytes: &mut &[u8]) -> Result<u64, HistogramError> {
    if let Some((&digit @ ..0x80, rest)) = bytes.split_first() {
        *bytes = rest;
        return Ok(u64::from(digit));
    }
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&digit, rest) = bytes.split_first().ok_or(HistogramError::Cut)?;
        *bytes = rest;
        let bits = u64::from(digit & 0x7f);
        if (bits << shift) >> shift != bits {
            return Err(HistogramError::Value);
        }
        value |= bits << shift;
        if digit < 0x80 {
            return Ok(value);
        }
    }
    Err(HistogramError::Value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::MAX_RELATIVE_ERROR;
    use proptest::prelude::*;

    fn bytes(values: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        SparseHistogram::of(values.iter().copied()).encode(&mut out);
        out
    }

    #[test]
    fn the_example_of_the_documentation_is_what_is_written() {
        assert_eq!(bytes(&[]), [0x01]);
        assert_eq!(
            bytes(&[1000, 1000, 1000, 5, -3]),
            [
                0x01, 0x05, 0xeb, 0x07, 0x07, 0x01, 0x08, 0x01, 0xb7, 0x02, 0x03
            ]
        );
    }

    #[test]
    fn other_bytes_are_refused_with_the_reason() {
        use HistogramError::{Cut, Value, Version};
        let refused = |bytes: &[u8]| SparseHistogram::decode(bytes).unwrap_err();
        assert_eq!(refused(&[]), Version);
        assert_eq!(refused(&[2]), Version);
        assert_eq!(refused(&[1, 0]), Cut);
        assert_eq!(refused(&[1, 0, 0]), Value, "extremes without a bucket");
        assert_eq!(refused(&[1, 0, 0, 0, 0]), Value, "a count of 0");
        assert_eq!(
            refused(&[1, 0, 0, 2, 1]),
            Value,
            "the extreme is in another bucket"
        );
        assert_eq!(refused(&[1, 0, 0, 0, 1, 0x80]), Cut);
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(refused(&[&[1][..], &huge].concat()), Value);
    }

    fn value() -> impl Strategy<Value = i64> {
        prop_oneof![
            (any::<i64>(), 0u32..63).prop_map(|(value, shift)| value >> shift),
            0i64..5_000_000,
        ]
    }

    fn values() -> impl Strategy<Value = Vec<i64>> {
        proptest::collection::vec(value(), 0..300)
    }

    proptest! {
        #[test]
        fn a_histogram_reads_back_and_has_one_encoding(values in values()) {
            let histogram = SparseHistogram::of(values.iter().copied());
            let mut encoded = Vec::new();
            histogram.encode(&mut encoded);
            prop_assert_eq!(SparseHistogram::decode(&encoded), Ok(histogram));
            let mut reversed = values;
            reversed.reverse();
            prop_assert_eq!(bytes(&reversed), encoded);
        }

        #[test]
        fn merging_gives_the_histogram_of_both(values in values(), cut in 0.0..=1.0f64) {
            let cut = (values.len() as f64 * cut) as usize;
            let (first, second) = values.split_at(cut);
            let mut merged = SparseHistogram::of(first.iter().copied());
            merged.merge(&SparseHistogram::of(second.iter().copied()));
            prop_assert_eq!(merged, SparseHistogram::of(values));
        }

        #[test]
        fn a_quantile_is_within_the_stated_error(mut values in values(), thousandths in 0usize..=1000) {
            let read = SparseHistogram::of(values.iter().copied()).quantile(thousandths as f64 / 1000.0);
            values.sort_unstable();
            let rank = (thousandths * values.len()).div_ceil(1000).max(1);
            let exact = values.get(rank - 1).copied();
            prop_assert_eq!(read.is_some(), exact.is_some());
            if let (Some(read), Some(exact)) = (read, exact) {
                let bound = exact.unsigned_abs() as f64 * MAX_RELATIVE_ERROR;
                prop_assert!(read.abs_diff(exact) as f64 <= bound, "{} for {}", read, exact);
            }
        }

        #[test]
        fn no_bytes_make_it_panic_and_a_decoded_histogram_reads_back(
            noise in proptest::collection::vec(any::<u8>(), 0..60),
            values in values(),
            place in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let mut harmed = bytes(&values);
            let place = place.index(harmed.len());
            harmed[place] = byte;
            for bytes in [noise, harmed] {
                if let Ok(histogram) = SparseHistogram::decode(&bytes) {
                    let mut again = Vec::new();
                    histogram.encode(&mut again);
                    prop_assert_eq!(SparseHistogram::decode(&again), Ok(histogram));
                }
            }
        }
    }
}
