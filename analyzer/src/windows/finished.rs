//! What the kernel measured of all finished operations of one operation, also of those without a
//! row: sums, and the histogram of their durations, in windows of whole intervals. Pure.
//!
//! An interval belongs to the window that has its middle, so that each window has equally many
//! intervals, whenever the run began. It lies at most half an interval before or after them.

use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::histogram::SparseHistogram;

use super::count_rows::CountRow;
use super::counts::{untimed, values};
use super::durations::Durations;
use super::tally::Tally;
use super::window::MOST_OPERATIONS;
use super::{Finished, Series, Window, WindowLength};
use crate::recording::TimeRange;

/// Bytes that make the durations of a run unknown.
const NO_HISTOGRAM: &[u8] = b"";

/// The windows, while they are being made.
#[derive(Clone, Debug)]
pub(super) struct FinishedFold {
    range: TimeRange,
    length: WindowLength,
    interval_ns: i64,
    windows: Vec<FinishedWindow>,
    /// The durations of one window, which are not in `windows` yet.
    open: Durations,
    open_index: usize,
}

/// Sums over the finished operations of the intervals of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct FinishedWindow {
    all: u64,
    /// Those whose begin was kept, so that the kernel knows their duration.
    timed: u64,
    duration_ns: u64,
    cpu_ns: u64,
    failures: u64,
    /// Those that were sent to the recorder, which makes a row of each.
    recorded: u64,
    /// Those in `durations`.
    in_durations: u64,
    /// As far as intervals have histograms: in the encoding of `schemas`, empty without operations.
    durations: Vec<u8>,
    is_damaged: bool,
}

impl FinishedFold {
    /// No operation yet. Intervals outside of `range` are in its first or last window.
    pub(super) fn new(range: TimeRange, length: WindowLength, interval_ns: i64) -> Self {
        Self {
            range,
            length,
            interval_ns,
            windows: Vec::new(),
            open: Durations::default(),
            open_index: 0,
        }
    }

    /// Adds the counts of an interval, or a part of them, and their histogram where it has one.
    pub(super) fn add(&mut self, row: &CountRow, durations: Option<&[u8]>) {
        let index = self.index(row.at_ns.saturating_add(self.interval_ns / 2));
        self.window(index).add(&values(&row.counters));
        let Some(durations) = durations else { return };
        if index != self.open_index {
            self.close();
            self.open_index = index;
        }
        self.open.add(durations);
    }

    /// Adds those of another part of the same run.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.close();
        other.close();
        for (index, window) in other.windows.iter().enumerate() {
            self.window(index).merge(window);
        }
    }

    /// Adds the durations of all windows to those of a whole run.
    pub(super) fn add_to(&mut self, tally: &mut Tally) {
        self.close();
        for window in &self.windows {
            if window.is_damaged {
                tally.durations.add(NO_HISTOGRAM);
            } else if window.in_durations > 0 {
                tally.durations.add(&window.durations);
            }
        }
    }

    /// The windows of the rows with the durations of all finished operations in the place of theirs,
    /// in each window in which they are known of as many operations as rows and losses leave;
    /// `None` where there is no such window. `knows_outcomes`: each operation without a row succeeded,
    /// or is counted as a failure.
    pub(super) fn in_place_of_rows(
        mut self,
        rows: &Series,
        knows_outcomes: bool,
    ) -> Option<Series> {
        // The histogram of an interval cannot be divided.
        let is_whole = self.length.ns().checked_rem(self.interval_ns) == Some(0);
        if rows.length != self.length || !is_whole {
            return None;
        }
        self.close();
        let all_have = |number: fn(&Window) -> u64| rows.sum(number) == rows.count();
        let has_cpu =
            all_have(|window| window.with_cpu) && self.windows.iter().any(|w| w.cpu_ns > 0);
        let has_outcomes =
            knows_outcomes || (all_have(|window| window.with_outcome) && rows.count() > 0);
        let mut replaced = rows.clone();
        let mut is_any = false;
        for (window, known) in replaced.windows.iter_mut().zip(self.windows) {
            if let Some(window) = window.as_mut().filter(|_| known.has_more_than_rows()) {
                known.put_into(window, has_cpu, has_outcomes);
                is_any = true;
            }
        }
        is_any.then_some(replaced)
    }

    fn index(&self, at_ns: i64) -> usize {
        let last = (self.range.length_ns() - 1).max(0);
        let since = at_ns.saturating_sub(self.range.first_ns).clamp(0, last);
        usize::try_from(since / self.length.ns()).unwrap_or(0)
    }

    fn window(&mut self, index: usize) -> &mut FinishedWindow {
        if self.windows.len() <= index {
            self.windows.resize(index + 1, FinishedWindow::default());
        }
        &mut self.windows[index]
    }

    fn close(&mut self) {
        let is_damaged = self.open.is_damaged();
        if self.open.number() == 0 && !is_damaged {
            return;
        }
        let durations = self.open.take();
        let window = self.window(self.open_index);
        window.is_damaged |= is_damaged;
        window.add_durations(&durations);
    }
}

impl FinishedWindow {
    fn add(&mut self, counted: &CounterValues) {
        self.add_sums([
            counted.finished,
            counted.finished.saturating_sub(untimed(counted)),
            counted.duration_sum_ns,
            counted.cpu_sum_ns,
            counted.failures,
            counted.recorded,
        ]);
    }

    fn merge(&mut self, other: &Self) {
        self.add_sums([
            other.all,
            other.timed,
            other.duration_ns,
            other.cpu_ns,
            other.failures,
            other.recorded,
        ]);
        self.is_damaged |= other.is_damaged;
        if other.in_durations > 0 {
            self.add_durations(&SparseHistogram::decode(&other.durations).unwrap_or_default());
        }
    }

    fn add_sums(&mut self, [all, timed, duration_ns, cpu_ns, failures, recorded]: [u64; 6]) {
        for (sum, more) in [
            (&mut self.all, all),
            (&mut self.timed, timed),
            (&mut self.duration_ns, duration_ns),
            (&mut self.cpu_ns, cpu_ns),
            (&mut self.failures, failures),
            (&mut self.recorded, recorded),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    fn add_durations(&mut self, durations: &SparseHistogram) {
        let mut all = match self.durations.is_empty() {
            true => SparseHistogram::default(),
            false => SparseHistogram::decode(&self.durations).unwrap_or_default(),
        };
        all.merge(durations);
        self.durations.clear();
        all.encode(&mut self.durations);
        self.durations.shrink_to_fit();
        self.in_durations = all.total();
    }

    /// Whether it has the durations of at least as many operations as the rows. Durations that were
    /// counted late are in a later interval, so that some windows may have fewer.
    fn has_more_than_rows(&self) -> bool {
        self.in_durations > 0 && !self.is_damaged && self.in_durations >= self.recorded
    }

    fn put_into(self, window: &mut Window, has_cpu: bool, has_outcomes: bool) {
        let share = u128::from(self.duration_ns) * u128::from(self.in_durations);
        let duration_ns = share.checked_div(u128::from(self.timed)).unwrap_or(0);
        window.duration_ns = u64::try_from(duration_ns).unwrap_or(u64::MAX);
        window.durations = self.durations;
        window.finished = Some(Finished {
            timed: self.in_durations.min(MOST_OPERATIONS),
            all: self.all.min(MOST_OPERATIONS),
        });
        if has_cpu {
            (window.with_cpu, window.cpu_ns) = (self.timed, self.cpu_ns);
        }
        if has_outcomes {
            window.with_outcome = self.timed.max(self.failures);
            window.failures = self.failures;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use soakbox_schemas::counters::COUNTERS;

    const SECOND: i64 = 1_000_000_000;
    const RUN: TimeRange = TimeRange {
        first_ns: 5 * SECOND + 300_000_000,
        last_ns: 25 * SECOND,
    };

    /// The counts of an interval in which operations of these durations finished, of which `recorded`
    /// have a row.
    fn row(second: i64, durations: &[i64], recorded: usize) -> CountRow {
        let value = |name: &str| match name {
            "finished" => durations.len() as u64,
            "recorded" => recorded as u64,
            "duration_sum_ns" => durations.iter().sum::<i64>().unsigned_abs(),
            "cpu_sum_ns" => 3 * durations.len() as u64,
            _ => 0,
        };
        let mut row = CountRow {
            at_ns: second * SECOND,
            ..CountRow::default()
        };
        for (sum, counter) in row.counters.iter_mut().zip(COUNTERS) {
            *sum = value(counter.name);
        }
        row
    }

    fn bytes(durations: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        SparseHistogram::of(durations.iter().copied()).encode(&mut bytes);
        bytes
    }

    /// Windows of rows of which all but `count` operations in each were lost.
    fn rows(length: WindowLength, windows: usize, count: u64) -> Series {
        let window = Window {
            count,
            with_cpu: count,
            cpu_ns: count,
            lost: 7,
            ..Window::default()
        };
        Series {
            length,
            windows: vec![Some(window); windows],
        }
    }

    proptest! {
        #[test]
        fn each_window_has_the_operations_of_its_intervals_in_any_order(
            mut intervals in proptest::collection::vec(
                (proptest::collection::vec(1i64..1 << 40, 0..9), any::<u8>()), 20),
            exponent in 0i64..4,
        ) {
            let length = WindowLength::at_least(SECOND << exponent);
            let per_window = 1usize << exponent;
            // The middle of second 5 is before the middle of the first interval of the run.
            let expected: Vec<Vec<i64>> = intervals
                .chunks(per_window)
                .map(|part| part.iter().flat_map(|(durations, _)| durations.clone()).collect())
                .collect();
            let mut numbered: Vec<_> = (5..).zip(intervals.drain(..)).collect();
            numbered.sort_by_key(|(_, (_, order))| *order);
            let (mut whole, mut other) = (
                FinishedFold::new(RUN, length, SECOND),
                FinishedFold::new(RUN, length, SECOND),
            );
            for (second, (durations, order)) in &numbered {
                let part = if order % 3 == 0 { &mut other } else { &mut whole };
                part.add(&row(*second, durations, 0), Some(&bytes(durations)));
            }
            whole.merge(other);
            let windows = 19 >> exponent;
            let found = whole.in_place_of_rows(&rows(length, windows, 1), false);
            let some = expected[..windows].iter().any(|durations| !durations.is_empty());
            prop_assert_eq!(found.is_some(), some);
            for (window, durations) in found.iter().flat_map(|one| &one.windows).zip(&expected) {
                let window = window.as_ref().unwrap();
                let number = durations.len() as u64;
                if number == 0 {
                    prop_assert_eq!(window.finished, None);
                    continue;
                }
                prop_assert_eq!(window.finished, Some(Finished { timed: number, all: number }));
                prop_assert_eq!(window.duration_ns, durations.iter().sum::<i64>().unsigned_abs());
                prop_assert_eq!((window.with_cpu, window.cpu_ns), (number, 3 * number));
                prop_assert_eq!(window.histogram().total(), number);
                prop_assert_eq!((window.count, window.lost), (1, 7));
            }
        }
    }

    #[test]
    fn rows_stay_where_the_histograms_have_fewer_or_are_damaged_or_do_not_fit() {
        let length = WindowLength::SECOND;
        let fold = |recorded, durations: Option<&[u8]>| {
            let mut fold = FinishedFold::new(RUN, length, SECOND);
            fold.add(&row(6, &[10, 20, 30], recorded), durations);
            fold
        };
        let whole = bytes(&[10, 20, 30]);
        let is_used =
            |fold: FinishedFold, rows: &Series| fold.in_place_of_rows(rows, false).is_some();
        let of_rows = rows(length, 3, 1);
        assert!(is_used(fold(3, Some(&whole)), &of_rows));
        assert!(!is_used(fold(3, Some(&bytes(&[10, 20]))), &of_rows));
        assert!(is_used(fold(2, Some(&bytes(&[10, 20]))), &of_rows));
        assert!(!is_used(fold(1, None), &of_rows));
        assert!(!is_used(fold(1, Some(b"damaged")), &of_rows));
        let longer = rows(WindowLength::at_least(2 * SECOND), 3, 1);
        assert!(!is_used(fold(1, Some(&whole)), &longer));
        let mut odd = FinishedFold::new(RUN, length, 300_000_000);
        odd.add(&row(6, &[10], 0), Some(&bytes(&[10])));
        assert!(!is_used(odd, &of_rows));
    }
}
