//! Turns the counts of intervals into rows of `operation_metrics`, and keeps the number of
//! operations in flight. No I/O.

use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::{OperationInfo, OperationMetrics};

/// The number of operations in flight, by operation.
#[derive(Debug)]
pub(super) struct InFlight {
    operations: Vec<OperationInfo>,
    in_flight: Vec<i64>,
}

impl InFlight {
    pub(super) fn new(operations: Vec<OperationInfo>) -> Self {
        let in_flight = vec![0; operations.len()];
        Self {
            operations,
            in_flight,
        }
    }

    /// The row for the counts of `operation` in `interval`, which began at `at_ns` UTC.
    pub(super) fn row(
        &mut self,
        operation: usize,
        interval: u64,
        at_ns: i64,
        counted: &CounterValues,
    ) -> OperationMetrics {
        self.in_flight[operation] += in_flight(counted);
        let OperationInfo {
            name,
            operation_type,
        } = &self.operations[operation];
        OperationMetrics {
            at_ns,
            interval,
            operation: name.clone(),
            operation_type: *operation_type,
            in_flight: self.in_flight[operation],
            ..OperationMetrics::from(*counted)
        }
    }
}

/// The change of the number of operations in flight that follows from these counts. It may be
/// negative: an operation may end in a later interval than it began in.
pub(crate) fn in_flight(counted: &CounterValues) -> i64 {
    counted.begun as i64 - counted.finished as i64 - counted.abandoned as i64
}
