//! The sums of an operation over all runs of a recording. Pure.

use std::collections::BTreeMap;

use super::tally::{Measured, Tally};
use super::{Series, Window};

/// The sums of one operation over a whole recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationTotals {
    /// The operation's name.
    pub operation: String,
    /// The operation's code.
    pub operation_type: i64,
    /// All of its operations with a row, as one window.
    pub whole: Window,
    /// User time, ns.
    pub cpu_user: Measured,
    /// System time, ns.
    pub cpu_system: Measured,
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

    /// The operations that have a row, by name.
    pub(super) fn finish(self) -> Vec<OperationTotals> {
        let operations = self.operations.into_iter();
        let with_rows = operations.filter(|(_, (tally, _))| tally.rows > 0);
        let totals = with_rows.map(|(operation, (tally, whole))| OperationTotals {
            operation,
            operation_type: tally.operation_type.unwrap_or(0),
            whole,
            cpu_user: tally.split[0],
            cpu_system: tally.split[1],
        });
        totals.collect()
    }
}
