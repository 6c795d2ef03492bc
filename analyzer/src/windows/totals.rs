//! The sums of an operation over all runs of a recording. Pure.

use std::collections::BTreeMap;

use soakbox_schemas::tables::histogram::SparseHistogram;

use super::cut::RunPlan;
use super::tally::{Measured, Tally};
use super::{Series, Window};
use crate::coverage::{length_ns, merge};
use crate::recording::TimeRange;

/// The sums of one operation over a whole recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationTotals {
    /// The operation's name.
    pub operation: String,
    /// The operation's code.
    pub operation_type: i64,
    /// All of its operations with a row, as one window; a row of a sample counts as many as it stands
    /// for.
    pub whole: Window,
    /// Its rows.
    pub rows: u64,
    /// Whether the outcome of all finished operations is known, because those without a row did not fail
    /// or are counted as failures.
    pub knows_outcomes: bool,
    /// The durations of all finished operations, also of those without a row, by the kernel's
    /// histogram; `None` where it is not known of all of them.
    pub finished_durations: Option<SparseHistogram>,
    /// User time, ns.
    pub cpu_user: Measured,
    /// System time, ns.
    pub cpu_system: Measured,
    /// How many operations the counted ones stand for, where its probes were switched off and on in a
    /// run.
    pub represented: Option<f64>,
    /// The time in which its probes were never on, and nobody else observed it, ns.
    pub blind_ns: i64,
}

/// Adds up the operations of runs.
#[derive(Debug, Default)]
pub(super) struct Totals {
    operations: BTreeMap<String, Sums>,
}

/// The sums of one operation, while they are being made.
#[derive(Debug, Default)]
struct Sums {
    tally: Tally,
    whole: Window,
    knows_outcomes: bool,
    represented: f64,
    /// When its probes were never on.
    blind: Vec<TimeRange>,
    /// When they were.
    seeing: Vec<TimeRange>,
}

impl Totals {
    /// Adds what rows and counts of a run add up to.
    pub(super) fn add_tally(&mut self, operation: &str, tally: &Tally, plan: &RunPlan) {
        let sums = self.operations.entry(operation.to_owned()).or_default();
        sums.tally.merge(tally.clone());
        sums.knows_outcomes |= plan.keeps_failures_only(operation);
        let finished = tally.finished() as f64;
        let observed_s = plan.observed_ns as f64 / 1e9;
        // Each run stands for its own time, whether its probes were switched or not.
        let time = match tally.switched.is_blind() {
            true => &mut sums.blind,
            false => &mut sums.seeing,
        };
        time.extend(&plan.observed);
        if tally.switched.is_blind() {
            return;
        }
        if let Some(per_second) = tally.switched.per_second() {
            sums.represented += finished * per_second * observed_s;
        } else {
            sums.represented += finished;
        }
    }

    /// Adds the windows of a run.
    pub(super) fn add_windows(&mut self, operation: &str, series: &Series) {
        let sums = self.operations.entry(operation.to_owned()).or_default();
        sums.whole.merge(&series.total());
    }

    /// The operations that finished, with a row or without, by name.
    pub(super) fn finish(self) -> Vec<OperationTotals> {
        let operations = self.operations.into_iter();
        let observed = operations
            .filter(|(_, sums)| sums.tally.rows > 0 || sums.tally.counters().finished > 0);
        let totals = observed.map(|(operation, sums)| OperationTotals {
            operation,
            finished_durations: sums.tally.durations(),
            operation_type: sums.tally.operation_type.unwrap_or(0),
            whole: sums.whole,
            rows: sums.tally.rows,
            knows_outcomes: sums.knows_outcomes,
            cpu_user: sums.tally.split[0],
            cpu_system: sums.tally.split[1],
            represented: sums
                .tally
                .switched
                .unobserved_ns()
                .map(|_| sums.represented),
            blind_ns: blind_ns(sums.blind, sums.seeing),
        });
        totals.collect()
    }
}

/// How long nobody saw anything, ns.
fn blind_ns(blind: Vec<TimeRange>, seeing: Vec<TimeRange>) -> i64 {
    let seeing = merge(seeing);
    let blind = merge(blind).into_iter();
    length_ns(
        &blind
            .flat_map(|time| time.outside(&seeing))
            .collect::<Vec<_>>(),
    )
}
