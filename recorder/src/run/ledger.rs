//! Turns what was taken from the kernel's counters into rows of `operation_metrics`. Pure.

use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::{OperationInfo, OperationMetrics};

/// Running totals of each operation.
#[derive(Debug)]
pub(super) struct Ledger {
    operations: Vec<OperationInfo>,
    totals: Vec<CounterValues>,
    in_flight: Vec<i64>,
}

impl Ledger {
    pub(super) fn new(operations: Vec<OperationInfo>) -> Self {
        let totals = vec![CounterValues::default(); operations.len()];
        let in_flight = vec![0; operations.len()];
        Self {
            operations,
            totals,
            in_flight,
        }
    }

    /// Number of operations.
    pub(super) fn len(&self) -> u32 {
        self.operations.len() as u32
    }

    /// Books what was counted of `operation` in `interval`, which began at `at_ns` UTC.
    pub(super) fn book(
        &mut self,
        operation: u32,
        interval: u64,
        at_ns: i64,
        counted: CounterValues,
    ) -> OperationMetrics {
        let index = operation as usize;
        self.totals[index] += counted;
        self.in_flight[index] +=
            counted.begun as i64 - counted.finished as i64 - counted.abandoned as i64;
        let OperationInfo {
            name,
            operation_type,
        } = &self.operations[index];
        OperationMetrics {
            at_ns,
            interval,
            operation: name.clone(),
            operation_type: *operation_type,
            in_flight: self.in_flight[index],
            ..OperationMetrics::from(counted)
        }
    }

    /// Each operation with its totals and what is in flight.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&OperationInfo, &CounterValues, i64)> {
        let in_flight = self.in_flight.iter().copied();
        self.operations
            .iter()
            .zip(&self.totals)
            .zip(in_flight)
            .map(|((info, total), open)| (info, total, open))
    }
}
