//! A histogram as rows: each value becomes one row with the middle of its bucket. Pure.
//!
//! When a value happened within the interval of its histogram is not known. The rows are even in time,
//! and their values come in an order in which every part of the interval has nearly the same histogram
//! (steps of the golden ratio through the sorted values), so that no trend is made within it.

use super::refusal::Refusal;
use super::rows::{Row, in_calendar};
use crate::units::count;

/// The most values of one histogram: each becomes a row.
const MOST_VALUES: u64 = 1_000_000_000;
/// The golden ratio − 1, times 2^64.
const GOLDEN: u128 = 11_400_714_819_323_198_485;

/// Steps of which the best is taken.
const CANDIDATES: u64 = 64;

/// The rows of one histogram, one by one.
#[derive(Debug)]
pub(super) struct Spread {
    /// The middle of each bucket, ns, and the number of values up to its end.
    buckets: Vec<(u64, u64)>,
    begin_ns: u64,
    length_ns: u64,
    operation: u16,
    total: u64,
    given: u64,
    /// The place of the next value among the sorted ones, and the step to the one after it.
    rank: u64,
    step: u64,
}

impl Spread {
    /// The values of `buckets` (duration in ns and count, in the order of the durations) within an
    /// interval, ns since 1970.
    ///
    /// # Errors
    /// Where there are too many values, or the interval ends after 2261.
    pub(super) fn new(
        buckets: impl IntoIterator<Item = (u64, u64)>,
        begin_ns: u64,
        length_ns: u64,
        operation: u16,
    ) -> Result<Self, Refusal> {
        let mut total = 0u64;
        let mut ends = Vec::new();
        for (duration_ns, count) in buckets.into_iter().filter(|(_, count)| *count > 0) {
            total = total.saturating_add(count);
            ends.push((duration_ns, total));
        }
        if total > MOST_VALUES {
            let most = count(MOST_VALUES);
            return Err(format!("the histogram has more than {most} values").into());
        }
        in_calendar(begin_ns.saturating_add(length_ns))?;
        Ok(Self {
            buckets: ends,
            begin_ns,
            length_ns,
            operation,
            total,
            given: 0,
            rank: total / 2,
            step: even_step(total),
        })
    }

    /// The next row; `None` after the last value.
    pub(super) fn next(&mut self) -> Option<Row> {
        if self.given == self.total {
            return None;
        }
        self.given += 1;
        let place = self.buckets.partition_point(|(_, end)| *end <= self.rank);
        let duration_ns = self.buckets.get(place)?.0;
        self.rank = (self.rank + self.step) % self.total;
        let share = u128::from(self.length_ns) * u128::from(self.given) / u128::from(self.total);
        let at_ns = self.begin_ns + u64::try_from(share).unwrap_or(self.length_ns);
        Some(Row {
            finished_at_ns: i64::try_from(at_ns).ok()?,
            duration_ns,
            operation: self.operation,
            success: None,
            memory_bytes: None,
            bytes: None,
        })
    }
}

/// A step near the golden ratio that visits all of `total` places before one comes again. The sum of
/// the quotients of its continued fraction bounds how uneven the visits of any range are.
fn even_step(total: u64) -> u64 {
    // The number of values is below 2^30.
    let golden = u64::try_from((u128::from(total) * GOLDEN) >> 64).unwrap_or_default();
    let steps = golden.max(1)..golden.max(1) + CANDIDATES;
    let steps = steps.filter_map(|step| Some((quotients(total, step)?, step)));
    steps.min().map_or(1, |(_, step)| step)
}

/// The sum of the quotients of the continued fraction of `a / b`; `None` with a common divisor.
fn quotients(mut a: u64, mut b: u64) -> Option<u64> {
    let mut sum = 0;
    while b > 0 {
        sum += a / b;
        (a, b) = (b, a % b);
    }
    (a == 1).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_is_given_once_and_no_part_of_the_interval_differs(
            counts in prop::collection::vec(0u64..400, 1..20), length_ns in 0u64..1 << 40,
        ) {
            let buckets: Vec<(u64, u64)> = (1..).zip(counts.iter().copied()).collect();
            let mut spread = Spread::new(buckets, 7, length_ns, 3).unwrap();
            let total: u64 = counts.iter().sum();
            let mut found = vec![0; counts.len()];
            let mut last = 7;
            let mut given = 0;
            while let Some(row) = spread.next() {
                found[row.duration_ns as usize - 1] += 1;
                prop_assert!(row.finished_at_ns >= last && row.operation == 3);
                last = row.finished_at_ns;
                given += 1;
                // At every moment each bucket has had its share of the values, but for a few.
                for (found, all) in found.iter().zip(&counts) {
                    let share = (*all * given) as f64 / total as f64;
                    prop_assert!((*found as f64 - share).abs() < 8.0, "{found} of {all}, {share}");
                }
            }
            prop_assert_eq!(found, counts);
            prop_assert!(total == 0 || last.unsigned_abs() == 7 + length_ns);
        }
    }

    #[test]
    fn too_many_values_and_too_late_times_are_refused() {
        let refused = |count, begin_ns| Spread::new([(1, count)], begin_ns, 1, 0).unwrap_err();
        assert_eq!(
            refused(u64::MAX, 0).reason,
            "the histogram has more than 1,000,000,000 values"
        );
        assert_eq!(refused(1, u64::MAX).reason, "the time is after 2261");
    }
}
