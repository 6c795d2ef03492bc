//! Log-linear histogram buckets: 64 linear steps to each power of two, exact below 64.
//!
//! A bucket that starts at `lower ≥ 64` is at most `lower / 64` wide, so its midpoint is within
//! 1/128 of every value in it: that is the relative error of each quantile read from such a
//! histogram. No I/O, no allocation, `no_std`. The scheme is that of HdrHistogram (G. Tene),
//! indexed by the top seven significant bits.

/// Bits of linear resolution inside a power of two.
pub const LINEAR_BITS: u32 = 6;
/// Linear steps inside a power of two.
pub const LINEAR_STEPS: u64 = 1 << LINEAR_BITS;
/// Number of buckets that cover all of `u64`.
pub const BUCKETS: usize = ((64 - LINEAR_BITS as usize) + 1) << LINEAR_BITS;
/// Upper bound of the relative error of [`midpoint`].
pub const MAX_RELATIVE_ERROR: f64 = 1.0 / 128.0;

/// The bucket of `value`; always less than [`BUCKETS`].
#[inline(always)]
pub const fn bucket(value: u64) -> usize {
    if value < LINEAR_STEPS {
        return value as usize;
    }
    let exponent = 63 - value.leading_zeros();
    let shift = exponent - LINEAR_BITS;
    // value >> shift is in 64..128: its top bit counts one further power of two.
    ((shift as usize) << LINEAR_BITS) + (value >> shift) as usize
}

/// Smallest value of bucket `index`. Indices from [`BUCKETS`] on give the last bucket's.
#[inline]
pub const fn lower(index: usize) -> u64 {
    let index = if index < BUCKETS { index } else { BUCKETS - 1 };
    if index < LINEAR_STEPS as usize {
        return index as u64;
    }
    let shift = (index >> LINEAR_BITS) - 1;
    let step = (index & (LINEAR_STEPS as usize - 1)) as u64 + LINEAR_STEPS;
    step << shift
}

/// Largest value of bucket `index`, inclusive.
#[inline]
pub const fn upper(index: usize) -> u64 {
    if index >= BUCKETS - 1 {
        u64::MAX
    } else {
        lower(index + 1) - 1
    }
}

/// The value that represents bucket `index`: within [`MAX_RELATIVE_ERROR`] of every value in it.
#[inline]
pub const fn midpoint(index: usize) -> u64 {
    let low = lower(index);
    low + (upper(index) - low) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_edges_are_where_the_scheme_says() {
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(63), 63);
        assert_eq!(bucket(64), 64);
        assert_eq!(bucket(127), 127);
        assert_eq!(bucket(128), 128);
        assert_eq!(bucket(129), 128);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(upper(BUCKETS - 1), u64::MAX);
    }

    #[test]
    fn buckets_follow_one_another_without_a_hole() {
        for index in 0..BUCKETS {
            assert_eq!(bucket(lower(index)), index);
            assert_eq!(bucket(upper(index)), index);
            assert_eq!(bucket(midpoint(index)), index);
            if index + 1 < BUCKETS {
                assert_eq!(lower(index + 1), upper(index) + 1);
            }
        }
    }

    fn any_magnitude() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift)
    }

    proptest! {
        #[test]
        fn the_midpoint_is_within_the_stated_error(value in any_magnitude()) {
            let read = midpoint(bucket(value));
            prop_assert!(read.abs_diff(value) as f64 <= value as f64 * MAX_RELATIVE_ERROR);
        }

        #[test]
        fn larger_values_never_fall_into_smaller_buckets(a in any_magnitude(), b in any_magnitude()) {
            prop_assert!(bucket(a.min(b)) <= bucket(a.max(b)));
        }
    }
}
