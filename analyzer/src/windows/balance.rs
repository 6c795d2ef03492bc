//! Whether the rows of an operation are all of those that the kernel counted, interval by interval.
//! A row may be missing without having been counted as lost: its file was left out or deleted, or a
//! journal is damaged. Pure.

use std::collections::BTreeMap;

use super::check::{Check, CheckSum, CompleteIntervals};
use super::intervals::Intervals;
use super::length::MOST_WINDOWS;
use crate::recording::TimeRange;

/// Most cells: those of a run, and of counts that come late.
const MOST_CELLS: usize = 2 * MOST_WINDOWS;

/// The kernel's counts of one operation in one interval, or a part of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Operations with a row.
    pub(super) recorded: u64,
    /// finished − recorded − filtered − sampled_out − lost: 0 where the counts add up.
    pub(super) difference: i64,
}

/// The rows and the counts of one operation in one run, in cells of one or more intervals, and the
/// comparison of the complete intervals one by one.
#[derive(Clone, Debug)]
pub(super) struct Balance {
    /// Intervals in a cell: as many as keep the number of cells bounded.
    per_cell: u64,
    cells: BTreeMap<u64, Cell>,
    /// The interval of the last row, and the rows of it that are not in `cells` yet.
    open: (u64, i64),
    /// The last cell that was added to, and what is not in `cells` yet: neighbouring intervals are
    /// mostly in the same.
    open_cell: Option<(u64, Cell)>,
    /// The comparison of the complete intervals.
    check: Check,
    /// Whether a row has no interval: an older version wrote it.
    is_unnumbered: bool,
    /// Whether there are more cells than a run can have.
    is_overfull: bool,
    /// Whether complete intervals are left to the comparison, because not all of their counts come one
    /// by one.
    by_check: bool,
    /// Counted rows that were deleted, with the time of their intervals.
    deleted: Vec<(u64, TimeRange)>,
}

/// Where the rows of an operation are not those that the kernel counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Imbalance {
    /// Numbers of operations that finished and have no row, with the time in which they did.
    pub(super) without_row: Vec<(u64, TimeRange)>,
    /// The time in which there are more rows than were counted, or the counts do not add up: counts
    /// are missing, and nothing is known about that time.
    pub(super) doubtful: Vec<TimeRange>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    /// Counted rows that are not there.
    missing: i64,
    /// Sum of [`Counted::difference`].
    difference: i64,
}

impl Balance {
    /// No row and no count yet, of a run of that length, whose complete intervals are known.
    pub(super) fn new(run_ns: i64, interval_ns: i64, complete: CompleteIntervals) -> Self {
        let intervals = run_ns.max(0).checked_div(interval_ns.max(0));
        let intervals = intervals.unwrap_or(0).unsigned_abs();
        Self {
            per_cell: intervals.div_ceil(MOST_WINDOWS as u64).max(1),
            cells: BTreeMap::new(),
            open: (0, 0),
            open_cell: None,
            check: Check::of(complete),
            is_unnumbered: false,
            is_overfull: false,
            by_check: false,
            deleted: Vec::new(),
        }
    }

    /// As it is, or with sums in place of the counts of some intervals: then it is right only if the
    /// [`check`](Self::check) agrees.
    pub(super) fn with_sums(self, by_check: bool) -> Self {
        Self { by_check, ..self }
    }

    /// Whether some row has no interval, so that rows and counts cannot be compared.
    pub(super) fn is_unnumbered(&self) -> bool {
        self.is_unnumbered
    }

    /// Adds a row. It is fast where neighbouring rows are of the same interval.
    #[inline]
    pub(super) fn add_row(&mut self, interval: Option<u64>) {
        let Some(interval) = interval else {
            self.is_unnumbered = true;
            return;
        };
        if interval != self.open.0 {
            self.close_interval();
            self.open.0 = interval;
        }
        self.open.1 += 1;
    }

    /// Adds counts.
    pub(super) fn add_counts(&mut self, interval: u64, counted: Counted) {
        let recorded = i64::try_from(counted.recorded).unwrap_or(i64::MAX);
        let cell = Cell {
            missing: recorded,
            difference: counted.difference,
        };
        self.check.count(interval);
        self.add_interval(interval, cell);
    }

    /// Adds the sum of all counts of an operation in a segment: `recorded` rows in `time`, of which
    /// none is left where the intervals are not compared.
    pub(super) fn add_sum(&mut self, sum: CheckSum, recorded: u64, time: TimeRange) {
        self.check.add_sum(sum);
        if self.by_check && recorded > 0 && !self.check.is_complete(sum.first) {
            self.deleted.push((recorded, time));
        }
    }

    /// How the complete intervals agree, as far as rows and counts were added.
    pub(super) fn check(&mut self) -> Check {
        self.close();
        self.check.clone()
    }

    /// Adds the rows and counts of another part of the same run.
    pub(super) fn merge(&mut self, mut other: Self) {
        other.close();
        self.is_unnumbered |= other.is_unnumbered;
        self.is_overfull |= other.is_overfull;
        self.check.merge(&other.check);
        self.deleted.append(&mut other.deleted);
        for (key, cell) in other.cells {
            self.add(key, cell);
        }
    }

    /// What is wrong with the rows and counts; `None` where nothing can be known.
    pub(super) fn finish(mut self, intervals: &Intervals) -> Option<Imbalance> {
        self.close();
        let mut found = Imbalance {
            without_row: self.deleted,
            doubtful: Vec::new(),
        };
        if self.is_unnumbered {
            return Some(found);
        }
        if self.is_overfull {
            return None;
        }
        let per_cell = i64::try_from(self.per_cell).unwrap_or(i64::MAX);
        let length_ns = intervals.length_ns().saturating_mul(per_cell);
        let merged = self.check.merged();
        // Of these only the sums are known, and of the cells that they are in.
        for group in merged.groups() {
            let first = group.first / self.per_cell * self.per_cell;
            let after = (group.last / self.per_cell).saturating_add(1);
            let after = after.saturating_mul(self.per_cell);
            found.doubtful.push(TimeRange {
                first_ns: intervals.begin_ns(first)?,
                last_ns: intervals.begin_ns(after)?,
            });
        }
        for (key, cell) in self.cells {
            let first = key.saturating_mul(self.per_cell);
            let first_ns = intervals.begin_ns(first)?;
            let range = TimeRange {
                first_ns,
                last_ns: first_ns.saturating_add(length_ns),
            };
            if merged.touch(first, first.saturating_add(self.per_cell - 1)) {
                continue;
            }
            match u64::try_from(cell.missing) {
                Ok(0) if cell.difference == 0 => {}
                Ok(missing) if cell.difference == 0 => found.without_row.push((missing, range)),
                _ => found.doubtful.push(range),
            }
        }
        Some(found)
    }

    fn close(&mut self) {
        self.close_interval();
        if let Some((key, cell)) = self.open_cell.take() {
            self.add(key, cell);
        }
    }

    fn close_interval(&mut self) {
        let (interval, rows) = self.open;
        self.open.1 = 0;
        if rows > 0 {
            let missing = -rows;
            self.add_interval(
                interval,
                Cell {
                    missing,
                    ..Cell::default()
                },
            );
        }
    }

    fn add_interval(&mut self, interval: u64, more: Cell) {
        self.check.add(interval, more.missing, more.difference);
        if self.by_check && self.check.is_complete(interval) {
            return;
        }
        let key = interval / self.per_cell;
        match &mut self.open_cell {
            Some((open, cell)) if *open == key => cell.add(more),
            open => {
                if let Some((key, cell)) = open.replace((key, more)) {
                    self.add(key, cell);
                }
            }
        }
    }

    fn add(&mut self, key: u64, more: Cell) {
        if self.cells.len() >= MOST_CELLS && !self.cells.contains_key(&key) {
            self.is_overfull = true;
            return;
        }
        self.cells.entry(key).or_default().add(more);
    }
}

impl Cell {
    fn add(&mut self, more: Self) {
        self.missing = self.missing.saturating_add(more.missing);
        self.difference = self.difference.saturating_add(more.difference);
    }
}

#[cfg(test)]
mod tests {
    use soakbox_schemas::tables::Stall;

    use super::*;
    use crate::windows::merged::MergedIntervals;

    const SECOND: i64 = 1_000_000_000;

    fn counted(recorded: u64) -> Counted {
        Counted {
            recorded,
            difference: 0,
        }
    }

    /// Intervals of a second, from number 100 on, which begins at 0.
    fn intervals(seconds: u64) -> Intervals {
        let mut intervals = Intervals::new(seconds as i64 * SECOND, SECOND);
        for second in 0..seconds {
            intervals.add(100 + second, second as i64 * SECOND);
        }
        intervals
    }

    fn second(first: i64, length: i64) -> TimeRange {
        TimeRange {
            first_ns: first * SECOND,
            last_ns: (first + length) * SECOND,
        }
    }

    #[test]
    fn a_counted_operation_without_a_row_is_found_and_other_disagreements_are_doubtful() {
        let mut balance = Balance::new(5 * SECOND, SECOND, CompleteIntervals::default());
        for (interval, rows, recorded) in [(100, 3, 3), (101, 2, 9), (102, 0, 0), (104, 1, 0)] {
            for _ in 0..rows {
                balance.add_row(Some(interval));
            }
            balance.add_counts(interval, counted(recorded));
        }
        // Counts that do not add up, in two rows and in one.
        let part = |difference| Counted {
            recorded: 0,
            difference,
        };
        balance.add_counts(103, part(1));
        let mut later = Balance::new(5 * SECOND, SECOND, CompleteIntervals::default());
        later.add_counts(103, part(-1));
        balance.merge(later);
        let found = balance.clone().finish(&intervals(5)).unwrap();
        assert_eq!(found.without_row, [(7, second(1, 1))]);
        assert_eq!(found.doubtful, [second(4, 1)]);
        balance.add_counts(103, part(2));
        let found = balance.finish(&intervals(5)).unwrap();
        assert_eq!(found.doubtful, [second(3, 1), second(4, 1)]);
    }

    #[test]
    fn rows_in_any_order_and_parts_balance() {
        let mut balance = Balance::new(9 * SECOND, SECOND, CompleteIntervals::up_to(Some(107)));
        let mut other = Balance::new(9 * SECOND, SECOND, CompleteIntervals::up_to(Some(107)));
        for index in 0..90u64 {
            let part = match index % 3 {
                0 => &mut other,
                _ => &mut balance,
            };
            part.add_row(Some(100 + index * 7 % 9));
        }
        for interval in 100..109 {
            other.add_counts(interval, counted(10));
        }
        balance.merge(other);
        let check = balance.check();
        assert_eq!((check.has_counts(), check.agrees()), (true, true));
        assert_eq!(balance.finish(&intervals(9)), Some(Imbalance::default()));
    }

    #[test]
    fn a_long_run_has_cells_of_several_intervals() {
        let seconds = 3 * MOST_WINDOWS as u64;
        let mut balance = Balance::new(
            seconds as i64 * SECOND,
            SECOND,
            CompleteIntervals::default(),
        );
        for interval in 100..100 + seconds {
            if interval != 300 {
                balance.add_row(Some(interval));
            }
            balance.add_counts(interval, counted(1));
        }
        assert!(balance.cells.len() <= MOST_WINDOWS + 1);
        let found = balance.finish(&intervals(seconds)).unwrap();
        assert_eq!(found.without_row, [(1, second(200, 3))]);
    }

    /// 105 to 144 were merged into 145 to 160.
    const STALL: Stall = Stall {
        merged: 40,
        interval: 160,
    };

    #[test]
    fn of_intervals_that_a_stall_merged_nothing_is_known_and_no_row_is_missing() {
        let complete = CompleteIntervals {
            last: Some(299),
            merged: MergedIntervals::of([STALL]),
            ..CompleteIntervals::default()
        };
        for by_check in [false, true] {
            let balance = Balance::new(200 * SECOND, SECOND, complete.clone());
            let mut balance = balance.with_sums(by_check);
            let late = 105..145;
            for interval in 100..300 {
                balance.add_row(Some(interval));
                let more = u64::from(interval == 150) * late.clone().count() as u64;
                if !late.contains(&interval) {
                    balance.add_counts(interval, counted(1 + more));
                }
            }
            assert!(balance.check().agrees());
            let found = balance.finish(&intervals(200)).unwrap();
            assert_eq!(found.without_row, []);
            assert_eq!(found.doubtful, [second(5, 56)]);
        }
        // In cells of three intervals, all of those are doubtful that one of them is in.
        let seconds = 3 * MOST_WINDOWS as u64;
        let complete = CompleteIntervals {
            merged: MergedIntervals::of([STALL]),
            ..complete
        };
        let mut balance = Balance::new(seconds as i64 * SECOND, SECOND, complete);
        for interval in 100..100 + seconds {
            if interval != 161 {
                balance.add_row(Some(interval));
            }
            balance.add_counts(interval, counted(1));
        }
        let found = balance.finish(&intervals(seconds)).unwrap();
        assert_eq!(
            (found.without_row, found.doubtful),
            (vec![], vec![second(5, 57)])
        );
    }

    #[test]
    fn without_numbers_nothing_is_compared_and_impossible_numbers_are_no_evidence() {
        let mut older = Balance::new(SECOND, SECOND, CompleteIntervals::default());
        older.add_row(None);
        older.add_counts(100, counted(5));
        assert_eq!(older.finish(&intervals(1)), Some(Imbalance::default()));
        let mut wrong = Balance::new(SECOND, SECOND, CompleteIntervals::default());
        for interval in 0..=MOST_CELLS as u64 {
            wrong.add_row(Some(interval * 10));
        }
        assert_eq!(wrong.finish(&intervals(1)), None);
    }
}
