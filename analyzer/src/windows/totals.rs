//! The sums of an operation over all runs of a recording. Pure.

use std::collections::BTreeMap;

use soakbox_schemas::tables::histogram::SparseHistogram;

use super::tally::{Measured, Tally};
use super::{Series, Window};

/// The sums of one operation over a whole recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationTotals {
    /// The operation's name.
    pub operation: String,
    /// The operation's code.
    pub operation_type: i64,
    /// All of its operations with a row, as one window.
    pub whole: Window,
    /// The durations of all finished operations, also of those without a row, by the kernel's
    /// histogram; `None` where it is not known of all of them.
    pub finished_durations: Option<SparseHistogram>,
    /// User time, ns.
    pub cpu_user: Measured,
    /// System time, ns.
    pub cpu_system: Measured,
    /// Operations per second for each one that was counted, where its probes were switched off and
    /// on: it stands for others.
    pub per_second: Option<f64>,
}

/// Adds up the operations of runs.
#[derive(Debug, Default)]
pub(super) struct Totals {
    operations: BTreeMap<String, (Tally, Window)>,
}

impl Totals {
    /// Adds what rows and counts of a run add up to.
    pub(super) fn add_tally(&mut self, operation: &str, tally: &Tally) {
        let (sums, _) = self.operations.entry(operation.to_owned()).or_default();
        sums.merge(tally.clone());
    }

    /// Adds the windows of a run.
    pub(super) fn add_windows(&mut self, operation: &str, series: &Series) {
        let (_, whole) = self.operations.entry(operation.to_owned()).or_default();
        whole.merge(&series.total());
    }

    /// The operations that finished, with a row or without, by name.
    pub(super) fn finish(self) -> Vec<OperationTotals> {
        let operations = self.operations.into_iter();
        let observed =
            operations.filter(|(_, (tally, _))| tally.rows > 0 || tally.counters().finished > 0);
        let totals = observed.map(|(operation, (tally, whole))| OperationTotals {
            operation,
            finished_durations: tally.durations(),
            operation_type: tally.operation_type.unwrap_or(0),
            whole,
            cpu_user: tally.split[0],
            cpu_system: tally.split[1],
            per_second: tally.switched.per_second(),
        });
        totals.collect()
    }
}
