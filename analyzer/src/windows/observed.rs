//! Everything that was read of one run, while it is read: the rows and losses of each operation as
//! windows, and which intervals were counted. At the end, operations without a row count as lost,
//! and windows of which nothing is known are missing, so that no missing row looks like an
//! operation that did not happen. Pure.

use std::collections::BTreeMap;

use super::balance::{Balance, Imbalance};
use super::cut::{RunPlan, fills_enough};
use super::finished::FinishedFold;
use super::intervals::Intervals;
use super::tally::Tally;
use super::totals::Totals;
use super::{Fold, Series, Window, WindowLength};
use crate::recording::TimeRange;
use crate::units::{count, duration};

/// The most operations that a warning names.
const MOST_NAMED: usize = 3;

/// One run.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) intervals: Intervals,
    pub(super) operations: BTreeMap<String, OperationFold>,
}

/// One operation of it.
#[derive(Clone, Debug)]
pub(super) struct OperationFold {
    pub(super) windows: Fold,
    pub(super) balance: Balance,
    pub(super) tally: Tally,
    /// Empty where the kernel's histograms were not read.
    pub(super) finished: FinishedFold,
}

impl OperationFold {
    pub(super) fn new(plan: &RunPlan) -> Self {
        Self {
            windows: Fold::new(plan.range, plan.length),
            balance: Balance::new(
                plan.range.length_ns(),
                plan.interval_ns,
                plan.complete_intervals.clone(),
            )
            .with_sums(plan.is_judged && plan.reads_sums),
            tally: Tally::default(),
            finished: FinishedFold::new(plan.range, plan.finished_length, plan.interval_ns),
        }
    }

    /// Whether operations that were to have a row have none, so that the histograms are needed.
    pub(super) fn lacks_counted_rows(&self) -> bool {
        self.tally.counters().recorded > self.tally.rows
    }

    /// Whether operations that finished have no row, lost ones left out.
    fn leaves_out_rows(&self) -> bool {
        let counted = self.tally.counters();
        counted.filtered > 0 || counted.sampled_out > 0
    }

    /// Whether its rows are those of failures only, because a filter left out the others.
    fn has_failures_only(&self, plan: &RunPlan, operation: &str) -> bool {
        self.tally.counters().filtered > 0 && plan.keeps_failures_only(operation)
    }
}

impl Observed {
    /// Nothing yet.
    pub(super) fn new(plan: &RunPlan) -> Self {
        Self {
            intervals: Intervals::new(plan.range.length_ns(), plan.interval_ns),
            operations: BTreeMap::new(),
        }
    }

    /// Adds another part of the same run.
    pub(super) fn merge(&mut self, other: Self) {
        self.intervals.merge(other.intervals);
        for (operation, fold) in other.operations {
            match self.operations.get_mut(&operation) {
                Some(known) => {
                    known.windows.merge(fold.windows);
                    known.balance.merge(fold.balance);
                    known.tally.merge(fold.tally);
                    known.finished.merge(fold.finished);
                }
                None => drop(self.operations.insert(operation, fold)),
            }
        }
    }

    /// The windows of the complete part of the run, and warnings about what is missing besides the
    /// gaps, as [`Cut`](super::Cut) says. Figures of whole runs are added to `totals`.
    pub(super) fn finish(
        self,
        plan: &RunPlan,
        totals: &mut Totals,
    ) -> (BTreeMap<String, Series>, Vec<String>) {
        if !plan.is_judged {
            let operations = self.operations.into_iter();
            let shown = operations.map(|(name, mut fold)| {
                fold.finished.add_to(&mut fold.tally);
                totals.add_tally(&name, &fold.tally, plan);
                let lacks_rows = fold.leaves_out_rows() || fold.lacks_counted_rows();
                let has_failures_only = fold.has_failures_only(plan, &name);
                let mut series = fold.windows.finish(&[]);
                totals.add_windows(&name, &series);
                if lacks_rows || series.any(|window| window.lost) {
                    let whole = fold.finished.in_place_of_rows(&series, has_failures_only);
                    series = whole.unwrap_or(series);
                }
                if has_failures_only {
                    forget_outcomes_of_rows(&mut series);
                }
                (name, series)
            });
            return (shown.collect(), Vec::new());
        }
        let intervals = self.intervals;
        let uncounted = intervals.uncounted(plan.range);
        let complete = plan.complete.length_ns() / plan.length.ns();
        let complete = usize::try_from(complete).unwrap_or(0);
        let mut operations = BTreeMap::new();
        let (mut without_row, mut left_out) = (Vec::new(), Vec::new());
        for (operation, mut fold) in self.operations {
            // Nobody counts what is imported, and the rows of old versions cannot be compared.
            // Otherwise nothing is known about the losses of a run without any counts.
            let leaves_out = fold.leaves_out_rows();
            let has_failures_only = fold.has_failures_only(plan, &operation);
            let is_comparable = !plan.is_import && !fold.balance.is_unnumbered();
            let imbalance = match intervals.is_empty() {
                true => (!plan.lacks_rows && !is_comparable).then(Imbalance::default),
                false => fold.balance.finish(&intervals),
            };
            let known = uncounted.as_ref().filter(|_| !plan.lacks_gaps);
            let mut unknown = vec![plan.range];
            if let (Some(imbalance), Some(uncounted)) = (imbalance, known) {
                let mut lost = 0u64;
                unknown = [&imbalance.doubtful[..], uncounted].concat();
                for (number, range) in imbalance.without_row {
                    if plan.has_deleted_rows(range) {
                        fold.windows.add_lost(number, range);
                        continue;
                    }
                    // The rows that a crash cut off belong to its gap.
                    if plan.gaps.iter().any(|gap| overlap(*gap, range)) {
                        unknown.push(range);
                        continue;
                    }
                    let starts_inside = range.first_ns < plan.complete.last_ns;
                    lost = lost.saturating_add(if starts_inside { number } else { 0 });
                    fold.windows.add_lost(number, range);
                }
                if lost > 0 {
                    without_row.push(format!("{operation} {}", count(lost)));
                }
            }
            let mut series = fold.windows.finish(&plan.gaps);
            series.windows.truncate(complete);
            let windows = series.leave_out(plan.range.first_ns, &unknown);
            if windows > 0 {
                let length_ns = windows as f64 * plan.length.ns() as f64;
                left_out.push(format!("{operation} {}", duration(length_ns)));
            }
            if leaves_out || is_worth_whole_intervals(&series, plan) {
                series = in_whole_intervals(series, plan, fold.finished, has_failures_only);
            }
            if has_failures_only {
                forget_outcomes_of_rows(&mut series);
            }
            leave_out_unknown(&mut series, plan);
            operations.insert(operation, in_observed_windows(series, plan));
        }
        let warnings = [
            (
                "rows are missing, and their operations are counted as lost",
                without_row,
            ),
            (
                "rows or the kernel's counts are missing, and that time is left out",
                left_out,
            ),
        ];
        let warnings = warnings.into_iter();
        let warnings = warnings.filter(|(_, operations)| !operations.is_empty());
        let warnings = warnings.map(|(what, operations)| format!("{what}: {}", named(&operations)));
        (operations, warnings.collect())
    }
}

/// Whether a few windows with all durations are better than many with the bounds that the loss
/// leaves.
fn is_worth_whole_intervals(series: &Series, plan: &RunPlan) -> bool {
    /// A comparison has all of its degrees of freedom.
    const ENOUGH: i64 = 240;
    /// Of more, the bounds of the 99th percentile are of no use.
    const FEW_LOST: f64 = 0.02;
    let lost = series.sum(|window| window.lost);
    let all = series.count().saturating_add(lost);
    let keeps_windows = plan.finished_length == series.length
        || plan.complete.length_ns() / plan.finished_length.ns() >= ENOUGH;
    lost > 0 && (keeps_windows || lost as f64 > FEW_LOST * all as f64)
}

/// The windows with the durations of all finished operations, in windows that are as long as an
/// interval at least. As they are, if the run fills too few of these or nothing is known.
fn in_whole_intervals(
    series: Series,
    plan: &RunPlan,
    finished: FinishedFold,
    knows_outcomes: bool,
) -> Series {
    let is_longer = plan.finished_length > series.length;
    if is_longer && !fills_enough(plan.complete.length_ns(), plan.finished_length) {
        return series;
    }
    let whole = series.merged(plan.finished_length);
    let whole = finished.in_place_of_rows(&whole, knows_outcomes);
    whole.unwrap_or(series)
}

/// Forgets the outcomes of windows that have those of their rows, of which each one failed.
fn forget_outcomes_of_rows(series: &mut Series) {
    let windows = series.windows.iter_mut().flatten();
    for window in windows.filter(|window| window.finished.is_none()) {
        (window.with_outcome, window.failures) = (0, 0);
    }
}

impl RunPlan {
    /// Whether rows of this time were deleted, or would have been: the oldest are deleted first, and
    /// the deleted ones cannot tell whether any was missing before them.
    fn has_deleted_rows(&self, time: TimeRange) -> bool {
        self.deleted_rows
            .is_some_and(|deleted| time.first_ns < deleted.last_ns)
    }
}

/// Leaves out the windows of deleted rows of which no durations are known.
fn leave_out_unknown(series: &mut Series, plan: &RunPlan) {
    let length_ns = series.length.ns();
    for (window, begin) in series.windows.iter_mut().zip(0i64..) {
        let first_ns = plan
            .range
            .first_ns
            .saturating_add(begin.saturating_mul(length_ns));
        let time = TimeRange {
            first_ns,
            last_ns: first_ns.saturating_add(length_ns),
        };
        let is_unknown = |window: &Window| window.lost > 0 && window.finished.is_none();
        if plan.has_deleted_rows(time) && window.as_ref().is_some_and(is_unknown) {
            *window = None;
        }
    }
}

/// The windows of an operation that was observed in a part of the time: as long as needed for each to
/// have observed time, as far as the run fills enough of them. Those without any are missing.
fn in_observed_windows(series: Series, plan: &RunPlan) -> Series {
    if !series.any(|window| u64::from(window.represented.is_some())) {
        return series;
    }
    let mut series = series.merged_to(plan.finished_length);
    let is_blind = |window: &Window| window.represented.is_none_or(|one| one.ns == 0);
    while series.windows.iter().flatten().any(is_blind)
        && let Some(longer) = WindowLength::exactly(series.length.ns() * 2)
        && fills_enough(plan.complete.length_ns(), longer)
    {
        series = series.merged_to(longer);
    }
    for window in &mut series.windows {
        if window.as_ref().is_some_and(is_blind) {
            *window = None;
        }
    }
    series
}

fn overlap(one: TimeRange, other: TimeRange) -> bool {
    one.first_ns < other.last_ns && other.first_ns < one.last_ns
}

fn named(operations: &[String]) -> String {
    let named = operations.iter().take(MOST_NAMED).cloned();
    let named = named.collect::<Vec<_>>().join(", ");
    match operations.len().saturating_sub(MOST_NAMED) {
        0 => named,
        1 => format!("{named} and 1 more operation"),
        more => format!("{named} and {more} more operations"),
    }
}
