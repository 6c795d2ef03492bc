//! The numbers that reader and writer share: cookies, and which values a bucket has.

/// Cookies, without the four bits of the width of a word.
pub(super) const COMPRESSED: u32 = 0x1c84_9304;
pub(super) const PLAIN: u32 = 0x1c84_9303;
pub(super) const WIDTH: u32 = 0xf0;

/// Which values a bucket has.
pub(super) struct Layout {
    unit_bits: u32,
    /// Half of the buckets of a power of two, as bits.
    half_bits: u32,
}

impl Layout {
    /// Of histograms with that many significant digits, whose lowest value above 0 is `lowest`.
    pub(super) fn new(digits: u32, lowest: u64) -> Result<Self, String> {
        if digits > 5 || lowest == 0 {
            return Err("has impossible settings".to_owned());
        }
        let single_units = 2 * 10u64.pow(digits);
        let bits = single_units.next_power_of_two().trailing_zeros();
        Ok(Self {
            unit_bits: lowest.ilog2(),
            half_bits: bits.max(1) - 1,
        })
    }

    /// The middle of the bucket with this index; `None` beyond 2^63.
    pub(super) fn middle(&self, index: u64) -> Option<u64> {
        let half = 1u64 << self.half_bits;
        let (power, within) = match index < half {
            true => (0, index),
            false => ((index >> self.half_bits) - 1, (index & (half - 1)) + half),
        };
        let shift = u32::try_from(power).ok()?.checked_add(self.unit_bits)?;
        if shift >= 63 || within.leading_zeros() <= shift {
            return None;
        }
        Some((within << shift) + ((1 << shift) >> 1))
    }

    /// The index of the bucket of a value below 2^63.
    pub(super) fn index(&self, value: u64) -> u64 {
        let units = value >> self.unit_bits;
        let bits = u64::BITS - units.leading_zeros();
        let power = bits.saturating_sub(self.half_bits + 1);
        (u64::from(power) << self.half_bits) + (units >> power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_is_in_the_bucket_with_its_index(value in 0u64..1 << 62, shift in 0u32..62, digits in 0u32..6, unit in 0u32..8) {
            let layout = Layout::new(digits, 1 << unit).unwrap();
            let value = value >> shift;
            let middle = layout.middle(layout.index(value)).unwrap();
            // The middle is in the same bucket, and no farther than half of its width.
            prop_assert_eq!(layout.index(middle), layout.index(value));
            let width = (value / 10u64.pow(digits)).max(1 << unit);
            prop_assert!(middle.abs_diff(value) <= width, "{} {}", middle, value);
        }
    }
}
