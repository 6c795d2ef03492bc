//! A histogram as rows: each value becomes one row with the middle of its bucket. Pure.
//!
//! When a value happened within the interval of its histogram is not known. The rows are even in time,
//! and the order of their values is by chance, so that no trend, period or burst is made within it.

use super::refusal::Refusal;
use super::rows::{Row, in_calendar};
use super::shuffle::Shuffled;
use crate::units::count;

/// The most values of one histogram: each becomes a row.
const MOST_VALUES: u64 = 1_000_000_000;

/// The rows of one histogram, one by one.
#[derive(Debug)]
pub(super) struct Spread {
    /// Durations, ns.
    values: Shuffled,
    begin_ns: u64,
    length_ns: u64,
    operation: u16,
    total: u64,
    given: u64,
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
        let seed = [begin_ns, length_ns, operation.into()];
        let values = Shuffled::new(buckets, &seed);
        let total = values.len();
        if total > MOST_VALUES {
            let most = count(MOST_VALUES);
            return Err(format!("the histogram has more than {most} values").into());
        }
        in_calendar(begin_ns.saturating_add(length_ns))?;
        Ok(Self {
            values,
            begin_ns,
            length_ns,
            operation,
            total,
            given: 0,
        })
    }

    /// The next row; `None` after the last value.
    pub(super) fn next(&mut self) -> Option<Row> {
        let duration_ns = self.values.next()?;
        self.given += 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_is_given_once_evenly_in_time_and_two_intervals_differ(
            counts in prop::collection::vec(0u64..400, 1..20), length_ns in 0u64..1 << 40,
        ) {
            let rows = |begin_ns: u64, operation: u16| {
                let buckets = (1..).zip(counts.iter().copied());
                let mut spread = Spread::new(buckets, begin_ns, length_ns, operation).unwrap();
                let rows: Vec<Row> = std::iter::from_fn(|| spread.next()).collect();
                rows
            };
            let durations = |rows: &[Row]| -> Vec<u64> {
                rows.iter().map(|row| row.duration_ns).collect()
            };
            let found = rows(7, 3);
            let total: u64 = counts.iter().sum();
            let mut left = counts.clone();
            for (number, row) in (1..).zip(&found) {
                left[row.duration_ns as usize - 1] -= 1;
                let share = u128::from(length_ns) * number / u128::from(total);
                prop_assert_eq!(row.finished_at_ns as u128, 7 + share);
                prop_assert_eq!(row.operation, 3);
            }
            prop_assert!(left.iter().all(|count| *count == 0));
            prop_assert_eq!(&found, &rows(7, 3));
            let many = counts.iter().filter(|count| **count >= 50).count() > 1;
            if many {
                prop_assert_ne!(durations(&found), durations(&rows(8, 3)));
                prop_assert_ne!(durations(&found), durations(&rows(7, 4)));
            }
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
