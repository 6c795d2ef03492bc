//! A histogram that is counted and written. Its values are from 0 to 2^63 − 1, with three significant
//! digits: a bucket is at most a thousandth of its values wide.

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::layout::{COMPRESSED, Layout, PLAIN};

/// Significant digits, as most writers have them.
const DIGITS: u32 = 3;
/// The lowest value that is told from 0.
const LOWEST: u64 = 1;
/// The highest value that a reader makes room for, unless the values are higher: an hour in ns.
const HIGHEST: u64 = 3_600_000_000_000;
/// The width of a word in the cookies of written histograms.
const WORD: u32 = 0x10;

/// Counts of values.
pub(crate) struct Histogram {
    layout: Layout,
    /// By index; none is 0.
    counts: BTreeMap<u64, u64>,
    largest: u64,
}

impl Histogram {
    /// A histogram without values.
    pub(crate) fn new() -> Result<Self, String> {
        Ok(Self {
            layout: Layout::new(DIGITS, LOWEST)?,
            counts: BTreeMap::new(),
            largest: 0,
        })
    }

    /// Counts a value that many times. Larger ones than 2^63 − 1 count as that one.
    pub(crate) fn add(&mut self, value: u64, count: u64) {
        let value = value.min(i64::MAX.unsigned_abs());
        let known = self.counts.entry(self.layout.index(value)).or_insert(0);
        *known = known
            .saturating_add(count.max(1))
            .min(i64::MAX.unsigned_abs());
        self.largest = self.largest.max(value);
    }

    /// The largest value.
    pub(crate) fn largest(&self) -> u64 {
        self.largest
    }

    /// The histogram as bytes.
    ///
    /// # Errors
    /// Where the compression fails, which it does not in memory.
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut counts = Vec::new();
        let mut next = 0;
        for (&index, &count) in &self.counts {
            if index > next {
                put(-(index - next).cast_signed(), &mut counts);
            }
            put(count.cast_signed(), &mut counts);
            next = index + 1;
        }
        let length = u32::try_from(counts.len()).map_err(io::Error::other)?;
        let mut plain = (PLAIN | WORD).to_be_bytes().to_vec();
        for number in [length, 0, DIGITS] {
            plain.extend(number.to_be_bytes());
        }
        let highest = HIGHEST.max(self.largest);
        for number in [LOWEST, highest, 1f64.to_bits()] {
            plain.extend(number.to_be_bytes());
        }
        plain.extend(counts);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&plain)?;
        let data = zlib.finish()?;
        let length = u32::try_from(data.len()).map_err(io::Error::other)?;
        let mut bytes = (COMPRESSED | WORD).to_be_bytes().to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.extend(data);
        Ok(bytes)
    }
}

/// Appends a number as zigzag LEB128 of at most 9 bytes, of which the ninth has eight bits.
fn put(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    for _ in 0..8 {
        if rest < 0x80 {
            break;
        }
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::super::buckets;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            values in prop::collection::vec((any::<u64>(), 0u32..64, 1u64..1 << 40, 0u32..40), 0..200)
        ) {
            let mut histogram = Histogram::new().unwrap();
            let mut total = 0u64;
            let mut all = Vec::new();
            for (value, shift, count, less) in values {
                let (value, count) = (value >> shift, (count >> less).max(1));
                histogram.add(value, count);
                all.push((value.min(i64::MAX as u64), count));
                total += count;
            }
            let found = buckets(&histogram.encode().unwrap()).unwrap();
            prop_assert_eq!(found.iter().map(|bucket| bucket.count).sum::<u64>(), total);
            // Each rank is within the width of a bucket.
            all.sort_unstable();
            let mut found = found.into_iter();
            let mut bucket = found.next();
            let mut left = bucket.map_or(0, |bucket| bucket.count);
            for (value, mut count) in all {
                while count > 0 {
                    let middle = bucket.unwrap().middle;
                    prop_assert!(middle.abs_diff(value) <= value / 1000 + 1, "{} {}", middle, value);
                    let part = count.min(left);
                    count -= part;
                    left -= part;
                    if left == 0 {
                        bucket = found.next();
                        left = bucket.map_or(0, |bucket| bucket.count);
                    }
                }
            }
            prop_assert!(bucket.is_none());
        }
    }
}
