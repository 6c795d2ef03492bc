//! What is known of the times of an import whose file did not have the time of each operation.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Run, RunIdentity, Series, WindowLength};

/// Why nothing is searched over time, and no rate is compared.
pub const MADE_UP: &str = "the times of the rows were made up by the import";
/// The fewest intervals whose course over time is searched.
const FEWEST_INTERVALS: u64 = 30;

/// Times that were made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeUpTimes {
    /// Intervals of which begin and end are known: only the times within them were made up, evenly. 0
    /// where the length of the run was made up too.
    pub intervals: u64,
}

impl RunIdentity {
    /// Whether its course over time is known, at least by interval.
    pub fn is_searchable(&self) -> bool {
        let made_up = self.made_up_times;
        made_up.is_none_or(|times| times.intervals >= FEWEST_INTERVALS)
    }

    /// Whether it is known how long it took.
    pub fn has_length(&self) -> bool {
        self.made_up_times.is_none_or(|times| times.intervals > 0)
    }

    /// The mean length of the intervals within which times were made up, ns; 0 where all are known, or
    /// where there are too few intervals for a search.
    pub fn made_up_ns(&self) -> i64 {
        if !self.is_searchable() {
            return 0;
        }
        let intervals = self.made_up_times.map_or(0, |times| times.intervals);
        let length_ns = self.last_ns.saturating_sub(self.first_ns);
        let intervals = i64::try_from(intervals).unwrap_or(i64::MAX);
        length_ns.checked_div(intervals).unwrap_or(0)
    }
}

impl Run {
    /// A series of the run in windows that are no shorter than the intervals within which its times
    /// were made up.
    pub fn as_known<'a>(&self, series: &'a Series) -> Cow<'a, Series> {
        series.merged(series.length.no_shorter_than(self.identity.made_up_ns()))
    }
}

impl WindowLength {
    /// Twice as long until it is at least `ns`, if windows can be so long.
    fn no_shorter_than(self, ns: i64) -> Self {
        let mut length = self;
        while length.ns() < ns {
            match Self::exactly(length.ns().saturating_mul(2)) {
                Some(longer) => length = longer,
                None => break,
            }
        }
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(intervals: Option<u64>) -> RunIdentity {
        RunIdentity {
            last_ns: 60_000_000_000,
            made_up_times: intervals.map(|intervals| MadeUpTimes { intervals }),
            ..RunIdentity::default()
        }
    }

    #[test]
    fn what_is_known_depends_on_the_number_of_intervals() {
        let known = |intervals| {
            let identity = identity(intervals);
            (identity.has_length(), identity.is_searchable())
        };
        assert_eq!(known(None), (true, true));
        assert_eq!(known(Some(0)), (false, false));
        assert_eq!(known(Some(1)), (true, false));
        assert_eq!(known(Some(29)), (true, false));
        assert_eq!(known(Some(30)), (true, true));
        assert_eq!(identity(Some(30)).made_up_ns(), 2_000_000_000);
        assert_eq!(identity(Some(29)).made_up_ns(), 0);
        assert_eq!(identity(None).made_up_ns(), 0);
    }

    #[test]
    fn windows_are_no_shorter_than_intervals() {
        let ms = |ms: i64| WindowLength::exactly(ms * 1_000_000).unwrap();
        assert_eq!(ms(250).no_shorter_than(0), ms(250));
        assert_eq!(ms(250).no_shorter_than(1_500_000_000), ms(2_000));
        assert!(ms(250).no_shorter_than(i64::MAX).ns() > 0);
    }
}
