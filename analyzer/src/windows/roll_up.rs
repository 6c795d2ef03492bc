//! Which segments of `operation_metrics` are read by what their rows add up to. The sum cannot be
//! divided: all of its intervals must lie in one window, and be compared with the rows as a whole
//! or not at all. The last intervals of a run are read one by one, because they tell what is in
//! flight. A verdict is made from a sum only where it is that of the rows.

use arrow::array::{Array, Int64Array, RecordBatch};
use soakbox_schemas::counters::SLOTS;
use soakbox_schemas::recording::roll_up::{
    DIFFERENCE_CHECK, LAST_AT, LAST_INTERVAL, RECORDED_CHECK, ROWS,
};

use super::check::CheckSum;
use super::columns::{integers, positive, times};
use super::count_rows::{CountRow, CountRows, DURATIONS, counted_columns};
use super::counts::values;
use super::cut::RunPlan;
use super::source::Source;
use crate::recording::{Segment, TimeRange};

/// The sums of the counts of a segment, which may be read in place of its rows.
pub(super) struct RolledUp {
    rows: CountRows,
    /// From the first interval to the end of the last one.
    time: TimeRange,
    checks: Vec<CheckSum>,
    /// Begin of the latest interval of each row, ns UTC.
    last_at_ns: Vec<i64>,
}

/// The roll-up of a file, if it has one that may be read in place of its rows.
pub(super) fn usable_roll_up(source: Source<'_>, plan: &RunPlan) -> Option<RolledUp> {
    let segment = plan.may_be_summed(source).filter(|_| plan.reads_sums)?;
    let rows = segment.roll_up()?;
    let (sums, unknown) = (rows.schema(), segment.missing_columns.as_ref());
    let has = |name: String| unknown.contains(&name) || sums.column_with_name(&name).is_some();
    if !counted_columns().chain([DURATIONS.to_owned()]).all(has) {
        return None;
    }
    let found = RolledUp::of(&rows, plan)?;
    (found.rows_added_up() == segment.rows).then_some(found)
}

impl RolledUp {
    /// `None` also where it lacks a column, or has one of another type.
    fn of(rows: &RecordBatch, plan: &RunPlan) -> Option<Self> {
        let (at, last_at) = (times(rows, "at").ok()?, times(rows, LAST_AT).ok()?);
        let integers = |name| integers(rows, name).ok();
        let (first, last) = (integers("interval")?, integers(LAST_INTERVAL)?);
        let [number, recorded, difference] = [
            integers(ROWS)?,
            integers(RECORDED_CHECK)?,
            integers(DIFFERENCE_CHECK)?,
        ];
        let columns: [&dyn Array; 7] = [
            &at,
            &last_at,
            &first,
            &last,
            &number,
            &recorded,
            &difference,
        ];
        let is_null = columns.iter().any(|column| column.null_count() > 0);
        let time = at.values().iter().min().zip(last_at.values().iter().max());
        let (first_ns, last_ns) = time.filter(|_| !is_null)?;
        let time = TimeRange {
            first_ns: *first_ns,
            last_ns: last_ns.saturating_add(plan.interval_ns),
        };
        let value = |column: &Int64Array, row: usize| positive(column.value(row));
        let checks: Vec<CheckSum> = (0..rows.num_rows())
            .map(|row| CheckSum {
                first: value(&first, row),
                last: value(&last, row),
                rows: value(&number, row),
                recorded: recorded.value(row).cast_unsigned(),
                difference: difference.value(row).cast_unsigned(),
            })
            .collect();
        let is_usable = plan.is_in_one_window(time)
            && checks
                .iter()
                .all(|sum| plan.may_add_up(sum.first, sum.last));
        let rolled_up = Self {
            rows: CountRows::of(rows).ok()?,
            time,
            checks,
            last_at_ns: last_at.values().to_vec(),
        };
        let is_usable = is_usable
            && rolled_up.is_steady(plan)
            && (!plan.is_judged || rolled_up.is_evidence(plan));
        is_usable.then_some(rolled_up)
    }

    /// Whether no interval is missing, and UTC was not stepped.
    fn is_steady(&self, plan: &RunPlan) -> bool {
        let mut sums = (0..self.rows.len()).zip(&self.checks).zip(&self.last_at_ns);
        sums.all(|((index, sum), last_at_ns)| {
            let (_, row) = self.rows.row(index);
            let later = i64::try_from(sum.last - sum.first).unwrap_or(i64::MAX);
            let expected_ns = later.saturating_mul(plan.interval_ns);
            let shift_ns = last_at_ns
                .saturating_sub(row.at_ns)
                .saturating_sub(expected_ns);
            sum.rows > sum.last - sum.first && shift_ns.abs() < plan.interval_ns
        })
    }

    /// Whether a verdict may be made from the sums: what the rows do not show is as much as that of the
    /// intervals added up, and all rows are there or none is.
    fn is_evidence(&self, plan: &RunPlan) -> bool {
        let mut sums = (0..self.rows.len()).zip(&self.checks);
        sums.all(|(index, sum)| {
            let (_, row) = self.rows.row(index);
            let counted = values(&row.counters);
            let is_sum = counted.lost_ring_full == 0 || counted.sampled_out == 0;
            let without_rows = sum.difference == 0 && self.time.last_ns <= plan.rows_begin_ns;
            is_sum && (plan.complete_intervals.has(sum.first) || without_rows)
        })
    }

    /// A row per operation.
    pub(super) fn rows(&self) -> &CountRows {
        &self.rows
    }

    /// The time of a row's intervals.
    pub(super) fn time(&self, row: &CountRow) -> TimeRange {
        TimeRange {
            first_ns: row.at_ns,
            ..self.time
        }
    }

    /// What a row is compared by.
    pub(super) fn check(&self, row: usize) -> CheckSum {
        self.checks.get(row).copied().unwrap_or_default()
    }

    fn rows_added_up(&self) -> u64 {
        let rows = self.checks.iter().map(|sum| sum.rows);
        rows.fold(0, u64::saturating_add)
    }
}

impl RunPlan {
    /// The segment, where a file of counts may be read by its sum as far as its footer tells.
    pub(super) fn may_be_summed<'a>(&self, source: Source<'a>) -> Option<&'a Segment> {
        let Source::Segment(segment) = source else {
            return None;
        };
        let is_near = self.is_in_one_window(segment.range?);
        (segment.has_roll_up() && is_near).then_some(segment)
    }

    /// Whether all moments of a range are in the same window, also where windows are those of whole
    /// intervals.
    fn is_in_one_window(&self, range: TimeRange) -> bool {
        // What lies outside of the run is in its first or last window.
        let last = (self.range.length_ns() - 1).max(0);
        [self.length, self.finished_length].iter().all(|length| {
            let since = |at_ns: i64| at_ns.saturating_sub(self.range.first_ns).clamp(0, last);
            let window = |at_ns: i64| since(at_ns) / length.ns();
            window(range.first_ns) == window(range.last_ns.saturating_sub(1))
        })
    }

    /// Whether intervals may be added up: all are compared or none is, and they are long over.
    fn may_add_up(&self, first: u64, last: u64) -> bool {
        let complete = &self.complete_intervals;
        let is_over = |newest: u64| last.saturating_add(u64::from(SLOTS)) < newest;
        let is_compared = |interval| complete.has(interval);
        first <= last
            && !complete.merged.touch(first, last)
            && is_compared(first) == is_compared(last)
            && (is_compared(first) || last < complete.first)
            && complete.last.is_some_and(is_over)
    }
}
