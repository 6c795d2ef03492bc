//! Lengths of windows. All of them are a second divided or multiplied by a power of two, so that
//! runs that were cut differently get windows of the same length by merging neighbours.

use std::time::Duration;

/// The most windows of one operation in one run. It bounds the memory for a run of any length.
pub const MOST_WINDOWS: usize = 4096;

/// A second divided by 2⁹, the highest power of two by which whole nanoseconds are left.
const SHORTEST_NS: i64 = 1_953_125;
/// The longest length is 2³³ times the shortest, half a year.
const LARGEST_EXPONENT: u32 = 33;

/// A length of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowLength(u32);

impl WindowLength {
    /// The shortest length.
    pub const SHORTEST: Self = Self(0);
    /// A second.
    pub const SECOND: Self = Self(9);

    /// The shortest length with which a run of `run_ns` has at most [`MOST_WINDOWS`] windows, a
    /// last one included that it does not fill.
    pub fn finest(run_ns: i64) -> Self {
        Self::filling(run_ns, MOST_WINDOWS - 1)
    }

    /// The shortest length of which a run of `run_ns` fills at most this number of windows.
    pub fn filling(run_ns: i64, windows: usize) -> Self {
        let most = i64::try_from(windows).unwrap_or(i64::MAX);
        let lengths = (0..LARGEST_EXPONENT).map(Self);
        let mut enough = lengths.filter(|length| run_ns / length.ns() <= most);
        enough.next().unwrap_or(Self(LARGEST_EXPONENT))
    }

    /// The shortest length that is at least `ns`, or the longest of all.
    pub fn at_least(ns: i64) -> Self {
        let mut lengths = (0..LARGEST_EXPONENT).map(Self);
        let long_enough = lengths.find(|length| length.ns() >= ns);
        long_enough.unwrap_or(Self(LARGEST_EXPONENT))
    }

    /// The longest length that is at most `wanted`, or the shortest of all.
    pub fn at_most(wanted: Duration) -> Self {
        let wanted = i64::try_from(wanted.as_nanos()).unwrap_or(i64::MAX);
        let lengths = (1..=LARGEST_EXPONENT).map(Self);
        let fitting = lengths.take_while(|length| length.ns() <= wanted);
        fitting.last().unwrap_or(Self(0))
    }

    /// The length of exactly `ns`; `None` where it is not one.
    pub fn exactly(ns: i64) -> Option<Self> {
        (0..=LARGEST_EXPONENT)
            .map(Self)
            .find(|length| length.ns() == ns)
    }

    /// Nanoseconds.
    pub const fn ns(self) -> i64 {
        SHORTEST_NS << self.0
    }

    /// As a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.ns().unsigned_abs())
    }

    /// How many windows of this length make one of `longer`; 1 where that is not longer.
    pub const fn parts_of(self, longer: Self) -> usize {
        1 << longer.0.saturating_sub(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_length_has_a_bounded_number_of_windows() {
        for seconds in [0, 1, 8, 9, 60, 3_600, 604_800, 31_536_000, 9_000_000_000] {
            let run_ns = seconds * 1_000_000_000;
            let length = WindowLength::finest(run_ns);
            assert!(run_ns / length.ns() < MOST_WINDOWS as i64, "{seconds} s");
            let shorter = WindowLength(length.0.saturating_sub(1));
            assert!(
                length == WindowLength(0) || run_ns / shorter.ns() >= MOST_WINDOWS as i64,
                "{seconds} s"
            );
        }
        assert_eq!(WindowLength::SECOND.ns(), 1_000_000_000);
    }

    #[test]
    fn lengths_are_found_and_divide_one_another() {
        let at_most = |ms| WindowLength::at_most(Duration::from_millis(ms)).ns();
        assert_eq!(at_most(1_000), 1_000_000_000);
        assert_eq!(at_most(999), 500_000_000);
        assert_eq!(at_most(75), 62_500_000);
        assert_eq!(at_most(0), SHORTEST_NS);
        assert_eq!(at_most(3_000), 2_000_000_000);
        for (ns, at_least) in [
            (0, SHORTEST_NS),
            (62_500_000, 62_500_000),
            (62_500_001, 125_000_000),
        ] {
            assert_eq!(WindowLength::at_least(ns).ns(), at_least);
        }
        assert_eq!(WindowLength::exactly(250_000_000), Some(WindowLength(7)));
        assert_eq!(WindowLength::exactly(300_000_000), None);
        assert_eq!(WindowLength(7).parts_of(WindowLength::SECOND), 4);
        assert_eq!(WindowLength::SECOND.parts_of(WindowLength(7)), 1);
    }
}
