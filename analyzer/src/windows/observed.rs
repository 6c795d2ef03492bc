//! Everything that was read of one run, while it is read: the rows and losses of each operation as
//! windows, and which intervals were counted. At the end, operations without a row count as lost,
//! and windows of which nothing is known are missing, so that no missing row looks like an
//! operation that did not happen. Pure.

use std::collections::BTreeMap;

use super::balance::{Balance, Imbalance};
use super::cut::RunPlan;
use super::intervals::Intervals;
use super::tally::Tally;
use super::{Fold, Series};
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
}

impl OperationFold {
    pub(super) fn new(plan: &RunPlan) -> Self {
        Self {
            windows: Fold::new(plan.range, plan.length),
            balance: Balance::new(
                plan.range.length_ns(),
                plan.interval_ns,
                plan.complete_intervals,
            ),
            tally: Tally::default(),
        }
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
                }
                None => drop(self.operations.insert(operation, fold)),
            }
        }
    }

    /// The windows of the complete part of the run, and warnings about what is missing besides the
    /// gaps, as [`Cut`](super::Cut) says.
    pub(super) fn finish(self, plan: &RunPlan) -> (BTreeMap<String, Series>, Vec<String>) {
        if !plan.is_judged {
            let operations = self.operations.into_iter();
            let shown = operations.map(|(name, fold)| (name, fold.windows.finish(&[])));
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
            operations.insert(operation, series);
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
