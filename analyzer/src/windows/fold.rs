//! Adds rows and losses to the windows of one operation in one run, in any order. Folds of parts of
//! a run can be merged. Pure.

use super::observed_time::ObservedTime;
use super::open_window::OpenWindow;
use super::window::MOST_OPERATIONS;
use super::{Represented, Series, Window, WindowLength};
use crate::recording::TimeRange;

/// One recorded operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// When it finished, ns UTC.
    pub finished_at_ns: i64,
    /// Its duration.
    pub duration_ns: u64,
    /// Its on-CPU time.
    pub cpu_ns: Option<u64>,
    /// The memory of its process.
    pub memory_bytes: Option<u64>,
    /// The data that it processed.
    pub bytes: Option<u64>,
    /// Whether it succeeded.
    pub success: Option<bool>,
    /// The number of operations that it stands for.
    pub weight: u64,
}

/// The windows of one operation in one run, while they are being made.
#[derive(Clone, Debug)]
pub struct Fold {
    run: TimeRange,
    length: WindowLength,
    windows: Vec<Window>,
    open: OpenWindow,
    /// The window that `open` belongs to.
    open_index: usize,
    /// Whether the operation was not observed in some of the time.
    is_switched: bool,
}

impl Fold {
    /// No operation yet. What lies outside of `run` is counted in its first or last window.
    pub fn new(run: TimeRange, length: WindowLength) -> Self {
        Self {
            run,
            length,
            windows: Vec::new(),
            open: OpenWindow::new(),
            open_index: 0,
            is_switched: false,
        }
    }

    /// Adds an operation. It is fast where neighbouring rows are in the same window.
    #[inline]
    pub fn add(&mut self, row: &Row) {
        let index = self.index(row.finished_at_ns);
        if index != self.open_index || self.open.is_full() {
            self.close();
            self.open_index = index;
        }
        self.open.add(row);
    }

    /// Adds operations that were lost somewhere in the range: each window gets the share of its
    /// part of the range, in whole numbers.
    pub fn add_lost(&mut self, lost: u64, range: TimeRange) {
        if lost == 0 {
            return;
        }
        for (index, [share]) in self.shares([lost], range) {
            if share > 0 {
                let window = self.window(index);
                window.lost = window.lost.saturating_add(share).min(MOST_OPERATIONS);
            }
        }
    }

    /// Numbers of a range by window, each in proportion to its part of the range.
    fn shares<const N: usize>(
        &self,
        numbers: [u64; N],
        range: TimeRange,
    ) -> Vec<(usize, [u64; N])> {
        let first = self.index(range.first_ns);
        let last = self.index(range.last_ns.saturating_sub(1)).max(first);
        let length = range.length_ns().max(1);
        let up_to = |index: usize| {
            let end = self.start(index + 1).saturating_sub(range.first_ns);
            let part = if index == last {
                length
            } else {
                end.clamp(0, length)
            };
            let of = |number: u64| {
                let share = u128::from(number) * u128::from(part.unsigned_abs());
                (share / u128::from(length.unsigned_abs())) as u64
            };
            numbers.map(of)
        };
        let mut before = [0; N];
        let mut shares = Vec::new();
        for index in first..=last {
            let sums = up_to(index);
            shares.push((index, std::array::from_fn(|of| sums[of] - before[of])));
            before = sums;
        }
        shares
    }

    /// Adds the observed time of an interval, and the operations that began in it. The interval
    /// belongs to the window that has its middle; shorter windows have their parts of it.
    pub(super) fn add_observed(&mut self, times: ObservedTime, begun: u64, range: TimeRange) {
        self.is_switched |= times.unobserved_ns > 0;
        let operations = times.operations(begun).unwrap_or(0).min(MOST_OPERATIONS);
        let numbers = [operations, times.represented_ns];
        let shares = match self.length.ns() < range.length_ns() {
            true => self.shares(numbers, range),
            false => {
                let middle = range.first_ns.saturating_add(range.length_ns() / 2);
                vec![(self.index(middle), numbers)]
            }
        };
        for (index, [operations, ns]) in shares {
            self.window(index).merge(&Window {
                represented: Some(Represented { operations, ns }),
                ..Window::default()
            });
        }
    }

    /// Adds the operations of another part of the same run.
    pub fn merge(&mut self, mut other: Self) {
        self.close();
        other.close();
        self.is_switched |= other.is_switched;
        for (index, window) in other.windows.into_iter().enumerate() {
            if window != Window::default() {
                self.window(index).merge(&window);
            }
        }
    }

    /// The windows that fit into the run; those that overlap one of its `gaps` are missing.
    pub fn finish(mut self, gaps: &[TimeRange]) -> Series {
        self.close();
        let whole = usize::try_from(self.run.length_ns() / self.length.ns()).unwrap_or(0);
        self.windows.resize(whole, Window::default());
        for window in &mut self.windows {
            window.represented = match self.is_switched {
                // A window without counts stands for nothing.
                true => Some(window.represented.unwrap_or_default()),
                false => None,
            };
        }
        let mut series = Series {
            length: self.length,
            windows: self.windows.into_iter().map(Some).collect(),
        };
        series.leave_out(self.run.first_ns, gaps);
        series
    }

    /// The window of a moment.
    #[inline]
    fn index(&self, at_ns: i64) -> usize {
        let last = (self.run.length_ns() - 1).max(0);
        let since = at_ns.saturating_sub(self.run.first_ns).clamp(0, last);
        (since / self.length.ns()) as usize
    }

    /// The begin of a window, ns UTC.
    fn start(&self, index: usize) -> i64 {
        let since = self.length.ns().saturating_mul(index as i64);
        self.run.first_ns.saturating_add(since)
    }

    fn window(&mut self, index: usize) -> &mut Window {
        if self.windows.len() <= index {
            self.windows.resize(index + 1, Window::default());
        }
        &mut self.windows[index]
    }

    /// Moves the rows of the open window to the others.
    fn close(&mut self) {
        let window = self.open.take();
        if window.count > 0 {
            let index = self.open_index;
            self.window(index).merge(&window);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use soakbox_schemas::tables::histogram::SparseHistogram;

    const RUN: TimeRange = TimeRange {
        first_ns: 5_000,
        last_ns: 20_000_005_000,
    };

    fn row() -> impl Strategy<Value = Row> {
        let measured = || proptest::option::weighted(0.8, 0u64..1 << 40);
        (
            // Some lie outside of the run.
            -100i64..20_100_000_000,
            0u64..50_000_000,
            (measured(), measured(), measured()),
            proptest::option::weighted(0.7, any::<bool>()),
            1u64..3,
        )
            .prop_map(
                |(at, duration_ns, (cpu_ns, memory_bytes, bytes), success, weight)| Row {
                    finished_at_ns: at,
                    duration_ns,
                    cpu_ns,
                    memory_bytes,
                    bytes,
                    success,
                    weight,
                },
            )
    }

    /// A fold of these rows, and of losses.
    fn folded(rows: &[Row], losses: &[(u64, i64)], length: WindowLength) -> Fold {
        let mut fold = Fold::new(RUN, length);
        for row in rows {
            fold.add(row);
        }
        for (lost, at) in losses {
            let first_ns = at * 1_000_000_000;
            fold.add_lost(
                *lost,
                TimeRange {
                    first_ns,
                    last_ns: first_ns + 1_000_000_000,
                },
            );
        }
        fold
    }

    proptest! {
        #[test]
        fn parts_in_any_order_give_the_windows_of_the_whole(
            mut rows in proptest::collection::vec(row(), 0..200),
            losses in proptest::collection::vec((0u64..50, -2i64..22), 0..6),
            cuts in proptest::collection::vec(0.0..1.0f64, 0..4),
            gaps in proptest::collection::vec((0i64..20_000_000_000, 0i64..3_000_000_000), 0..3),
            shuffle: u64,
        ) {
            let gaps: Vec<TimeRange> = gaps
                .iter()
                .map(|&(first_ns, length)| TimeRange { first_ns, last_ns: first_ns + length })
                .collect();
            let length = WindowLength::at_most(std::time::Duration::from_millis(250));
            let whole = folded(&rows, &losses, length).finish(&gaps);
            // Another order of the rows, in several parts.
            rows.sort_by_key(|row| {
                (row.finished_at_ns.cast_unsigned() ^ shuffle).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            });
            let mut cuts: Vec<usize> = cuts.iter().map(|c| (c * rows.len() as f64) as usize).collect();
            cuts.extend([0, rows.len()]);
            cuts.sort_unstable();
            let mut parts = folded(&[], &losses, length);
            for ends in cuts.windows(2).rev() {
                parts.merge(folded(&rows[ends[0]..ends[1]], &[], length));
            }
            prop_assert_eq!(parts.finish(&gaps), whole);
        }

        #[test]
        fn longer_windows_are_the_merged_shorter_ones(
            rows in proptest::collection::vec(row(), 0..100),
            gap in (0i64..20_000_000_000, 0i64..3_000_000_000),
        ) {
            let gaps = [TimeRange { first_ns: gap.0, last_ns: gap.0 + gap.1 }];
            let short = WindowLength::at_most(std::time::Duration::from_millis(125));
            let merged = folded(&rows, &[], short).finish(&gaps).merged_to(WindowLength::SECOND);
            let at_once = folded(&rows, &[], WindowLength::SECOND).finish(&gaps);
            prop_assert_eq!(&merged.windows, &at_once.windows);
            prop_assert_eq!(merged.windows.len(), 20);
        }

        #[test]
        fn nothing_is_lost_and_nothing_is_counted_twice(
            rows in proptest::collection::vec(row(), 0..100),
            losses in proptest::collection::vec((0u64..1_000, -2i64..22), 0..6),
        ) {
            // 20 windows fill the run.
            let total = folded(&rows, &losses, WindowLength::SECOND).finish(&[]).total();
            prop_assert_eq!(total.count, rows.iter().map(|row| row.weight).sum::<u64>());
            prop_assert_eq!(total.lost, losses.iter().map(|loss| loss.0).sum::<u64>());
            let durations = rows.iter().flat_map(|row| {
                std::iter::repeat_n(row.duration_ns.cast_signed(), row.weight as usize)
            });
            prop_assert_eq!(total.histogram(), SparseHistogram::of(durations));
            let failed = rows.iter().filter(|row| row.success == Some(false));
            prop_assert_eq!(total.failures, failed.map(|row| row.weight).sum::<u64>());
        }
    }

    #[test]
    fn a_gap_makes_every_window_missing_that_it_touches() {
        let run = TimeRange {
            first_ns: 0,
            last_ns: 5_500_000_000,
        };
        let gap = |first_ns, last_ns| TimeRange { first_ns, last_ns };
        let second = 1_000_000_000;
        let missing = |gaps: &[TimeRange]| -> Vec<bool> {
            let series = Fold::new(run, WindowLength::SECOND).finish(gaps);
            series.windows.iter().map(Option::is_none).collect()
        };
        assert_eq!(missing(&[]), [false; 5]);
        assert_eq!(
            missing(&[gap(second, 2 * second)]),
            [false, true, false, false, false]
        );
        let around = [gap(second - 1, second + 1), gap(3 * second, 3 * second)];
        assert_eq!(missing(&around), [true, true, false, false, false]);
        assert_eq!(
            missing(&[gap(4 * second + 1, 9 * second)]),
            [false, false, false, false, true]
        );
        assert_eq!(
            missing(&[gap(-second, 1)]),
            [true, false, false, false, false]
        );
    }

    #[test]
    fn a_run_without_time_has_no_window() {
        let run = TimeRange {
            first_ns: 7,
            last_ns: 7,
        };
        let mut fold = Fold::new(run, WindowLength::finest(0));
        fold.add(&Row {
            finished_at_ns: 7,
            weight: 1,
            ..Row::default()
        });
        fold.add_lost(3, run);
        assert_eq!(fold.finish(&[run]).windows, []);
    }
}
