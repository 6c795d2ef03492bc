//! Whether rows and counts agree in each complete interval, without a number for each of them. Pure.

use soakbox_schemas::recording::roll_up::factor;

use super::merged::MergedIntervals;

/// The intervals of a run that are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CompleteIntervals {
    /// The first one: rows or counts of earlier ones were deleted.
    pub(super) first: u64,
    /// The last one; `None` where there is none.
    pub(super) last: Option<u64>,
    /// Whether counts of earlier intervals were deleted.
    pub(super) lacks_counts: bool,
    /// Those that are compared together only.
    pub(super) merged: MergedIntervals,
}

impl CompleteIntervals {
    /// Whether an interval is compared.
    pub(super) fn has(&self, interval: u64) -> bool {
        let is_inside = |interval: u64| {
            let last = self.last;
            last.is_some_and(|last| (self.first..=last).contains(&interval))
        };
        match self.merged.group_of(interval) {
            Some(group) => group.is_complete && is_inside(group.first) && is_inside(group.last),
            None => is_inside(interval),
        }
    }

    /// The interval that stands for those which are compared together.
    fn representative(&self, interval: u64) -> u64 {
        let group = self.merged.group_of(interval);
        group.map_or(interval, |group| group.first)
    }
}

/// The sum of the counts of neighbouring intervals, as a roll-up has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CheckSum {
    /// The first interval.
    pub(super) first: u64,
    /// The last one.
    pub(super) last: u64,
    /// Number of rows with counts.
    pub(super) rows: u64,
    /// Counted rows times the factors of their intervals.
    pub(super) recorded: u64,
    /// By how much the counts do not add up, times the same.
    pub(super) difference: u64,
}

#[cfg(test)]
impl CompleteIntervals {
    /// All up to the last complete one.
    pub(super) fn up_to(last: Option<u64>) -> Self {
        Self {
            last,
            ..Self::default()
        }
    }
}

/// Sums to which each complete interval adds its numbers times a factor of its own: they are 0 where
/// all agree, and two intervals do not make up for each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Check {
    complete: CompleteIntervals,
    counted: u64,
    missing: u64,
    difference: u64,
}

impl Check {
    /// Nothing yet.
    pub(super) fn of(complete: CompleteIntervals) -> Self {
        Self {
            complete,
            ..Self::default()
        }
    }

    /// Notes that an interval has counts.
    pub(super) fn count(&mut self, interval: u64) {
        self.counted += u64::from(self.is_complete(interval));
    }

    /// Adds counted rows that are not there, and by how much the counts do not add up. Both are
    /// negative where a row is added that was not counted yet.
    pub(super) fn add(&mut self, interval: u64, missing: i64, difference: i64) {
        if self.is_complete(interval) {
            self.add_all(
                factor(self.complete.representative(interval)),
                missing.cast_unsigned(),
                difference.cast_unsigned(),
            );
        }
    }

    /// Adds the counts of neighbouring intervals, of which all are complete or none.
    pub(super) fn add_sum(&mut self, sum: CheckSum) {
        if self.is_complete(sum.first) && self.is_complete(sum.last) {
            self.counted += sum.rows;
            self.add_all(1, sum.recorded, sum.difference);
        }
    }

    /// Adds another part of the same run.
    pub(super) fn merge(&mut self, other: &Self) {
        self.counted += other.counted;
        self.add_all(1, other.missing, other.difference);
    }

    /// Whether a complete interval has counts.
    pub(super) fn has_counts(&self) -> bool {
        self.counted > 0
    }

    /// Whether all counts of the run are there, also those of intervals that are not complete.
    pub(super) fn has_all_counts(&self) -> bool {
        !self.complete.lacks_counts
    }

    /// Whether rows and counts agree in every interval.
    pub(super) fn agrees(&self) -> bool {
        (self.missing, self.difference) == (0, 0)
    }

    /// Whether an interval is compared.
    pub(super) fn is_complete(&self, interval: u64) -> bool {
        self.complete.has(interval)
    }

    /// The intervals that are compared together only.
    pub(super) fn merged(&self) -> MergedIntervals {
        self.complete.merged.clone()
    }

    fn add_all(&mut self, factor: u64, missing: u64, difference: u64) {
        let more = missing.wrapping_mul(factor);
        self.missing = self.missing.wrapping_add(more);
        let more = difference.wrapping_mul(factor);
        self.difference = self.difference.wrapping_add(more);
    }
}

#[cfg(test)]
mod tests {
    use soakbox_schemas::tables::Stall;

    use super::*;

    /// Rows and counts of 1,000 intervals in two parts, with changes of the rows.
    fn check(changed: &[(u64, i64)], last: Option<u64>) -> Check {
        let complete = CompleteIntervals::up_to(last);
        let (mut rows, mut counts) = (Check::of(complete.clone()), Check::of(complete));
        for interval in 100..1_100 {
            let changed = changed.iter().filter(|(one, _)| *one == interval);
            let more: i64 = changed.map(|(_, more)| more).sum();
            rows.add(interval, -10 - more, 0);
            counts.count(interval);
            counts.add(interval, 10, 0);
        }
        counts.merge(&rows);
        counts
    }

    #[test]
    fn complete_intervals_are_compared_one_by_one() {
        assert!(check(&[], Some(400)).agrees());
        assert!(!check(&[(300, 1)], Some(400)).agrees());
        assert!(!check(&[(300, 1), (301, -1)], Some(400)).agrees());
        assert!(!check(&[(100, 1), (400, -1)], Some(400)).agrees());
        assert!(check(&[(401, 1), (402, -1)], Some(400)).agrees());
        assert_eq!(check(&[(401, 1)], None), Check::default());
        for (last, has_counts) in [(None, false), (Some(99), false), (Some(100), true)] {
            assert_eq!(check(&[], last).has_counts(), has_counts);
        }
        let mut sums = Check::of(CompleteIntervals::up_to(Some(1)));
        sums.add(0, 0, 2);
        sums.add(1, 0, -2);
        assert!(!sums.agrees(), "the counts of both do not add up");
        let mut later = Check::of(CompleteIntervals {
            first: 5,
            last: Some(9),
            lacks_counts: true,
            ..CompleteIntervals::default()
        });
        later.add(4, 3, 0);
        assert!(later.agrees() && !later.has_all_counts());
        later.add(5, 3, 0);
        assert!(!later.agrees());
    }

    #[test]
    fn counts_of_intervals_that_a_stall_merged_are_compared_together() {
        let complete = |last| CompleteIntervals {
            last: Some(last),
            merged: MergedIntervals::of([Stall {
                merged: 44,
                interval: 160,
            }]),
            ..CompleteIntervals::default()
        };
        // Rows of 44 intervals, and their counts in one of those after them.
        let stalled = |late: u64, more: i64, last| {
            let mut check = Check::of(complete(last));
            for interval in 101..145 {
                check.add(interval, -10, 0);
            }
            check.add(late, 440 + more, 0);
            check.count(late);
            check
        };
        assert!(stalled(150, 0, 200).agrees() && stalled(160, 0, 160).agrees());
        assert!(!stalled(150, 1, 200).agrees() && !stalled(161, 0, 200).agrees());
        assert!(!stalled(100, 0, 200).agrees());
        let cut_off = stalled(150, 1, 159);
        assert!(cut_off.agrees() && !cut_off.has_counts(), "not complete");
    }
}
