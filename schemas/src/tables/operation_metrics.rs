//! `operation_metrics`: one row per operation and interval, from counters kept in the kernel. Rows of the same
//! operation and interval add up (a late count makes a row of its own).

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::column::{self, REQUIRED};
use crate::counters::{CounterValues, for_each_counter};

/// A row of `operation_metrics`. Counts are of the interval alone, except `in_flight`, a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationMetrics {
    /// Start of the interval, ns UTC.
    pub at_ns: i64,
    /// The interval, as the kernel assigned it.
    pub interval: u64,
    /// Name of the operation.
    pub operation: String,
    /// Its code.
    pub operation_type: i64,
    /// Begins seen.
    pub begun: u64,
    /// Operations that finished while observed.
    pub finished: u64,
    /// Those with a row in `operation_log`.
    pub recorded: u64,
    /// Those that the operation's own rule left out.
    pub filtered: u64,
    /// Those that sampling left out.
    pub sampled_out: u64,
    /// No room in the ring buffer.
    pub lost_ring_full: u64,
    /// Nested deeper than is followed.
    pub lost_too_deep: u64,
    /// The kernel had no memory for the begin.
    pub lost_no_memory: u64,
    /// Reached the recorder, which could not write them (disk full, I/O error).
    pub lost_write: u64,
    /// Began and can never finish.
    pub abandoned: u64,
    /// Finishes without a begin; not part of `finished`.
    pub unmatched: u64,
    /// Begun, neither finished nor abandoned, at the interval's end.
    pub in_flight: i64,
    /// Finished with success known to be false.
    pub failures: u64,
    /// Sum of durations.
    pub duration_sum_ns: u64,
    /// Sum of on-CPU time.
    pub cpu_sum_ns: u64,
}

macro_rules! from_counters {
    ($($(#[$doc:meta])+ $counter:ident,)*) => {
        /// Each counter is the column of its name; the others are left empty.
        impl From<CounterValues> for OperationMetrics {
            fn from(counted: CounterValues) -> Self {
                Self { $($counter: counted.$counter,)* ..Self::default() }
            }
        }
    };
}

for_each_counter!(from_counters);

/// Causes of loss, in the order of their columns `lost_CAUSE`.
pub const LOSS_CAUSES: [&str; 4] = ["ring_full", "too_deep", "no_memory", "write"];

impl OperationMetrics {
    /// Finished without a row, whatever the cause: `finished = recorded + filtered + sampled_out + lost`.
    pub fn lost(&self) -> u64 {
        self.lost_ring_full + self.lost_too_deep + self.lost_no_memory + self.lost_write
    }

    /// Rows as a batch.
    ///
    /// # Errors
    /// Only where Arrow refuses the columns, which the schema's tests rule out.
    pub fn batch(rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        let count = |value: fn(&Self) -> u64| -> ArrayRef {
            Arc::new(column::integers(rows.iter().map(value)))
        };
        let signed = |value: fn(&Self) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(column::timestamps(rows.iter().map(|row| row.at_ns))),
            count(|row| row.interval),
            Arc::new(column::words(rows.iter().map(|row| row.operation.as_str()))),
            signed(|row| row.operation_type),
            count(|row| row.begun),
            count(|row| row.finished),
            count(|row| row.recorded),
            count(|row| row.filtered),
            count(|row| row.sampled_out),
            count(Self::lost),
            count(|row| row.lost_ring_full),
            count(|row| row.lost_too_deep),
            count(|row| row.lost_no_memory),
            count(|row| row.lost_write),
            count(|row| row.abandoned),
            count(|row| row.unmatched),
            signed(|row| row.in_flight),
            count(|row| row.failures),
            count(|row| row.duration_sum_ns),
            count(|row| row.cpu_sum_ns),
        ];
        RecordBatch::try_new(schema(), columns)
    }
}

pub(super) fn schema() -> SchemaRef {
    let mut fields = vec![
        column::timestamp("at", REQUIRED),
        column::integer("interval", REQUIRED),
        column::word("operation"),
    ];
    let counts = [
        "operation_type",
        "begun",
        "finished",
        "recorded",
        "filtered",
        "sampled_out",
        "lost",
        "lost_ring_full",
        "lost_too_deep",
        "lost_no_memory",
        "lost_write",
        "abandoned",
        "unmatched",
        "in_flight",
        "failures",
        "duration_sum_ns",
        "cpu_sum_ns",
    ];
    fields.extend(counts.map(|name| column::integer(name, REQUIRED)));
    column::schema(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::COUNTERS;
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    #[test]
    fn each_counter_arrives_in_the_column_of_its_name() {
        let mut next = 0;
        let counted = CounterValues::from_names(|_| {
            next += 1;
            Ok::<_, std::convert::Infallible>(next)
        });
        let batch = OperationMetrics::batch(&[counted.unwrap().into()]).unwrap();
        for (expected, counter) in (1..).zip(COUNTERS) {
            let column = batch.column_by_name(counter.name).unwrap();
            let value = column.as_primitive::<Int64Type>().value(0);
            assert_eq!(value, expected, "{}", counter.name);
        }
        let causes = COUNTERS.iter().filter_map(|counter| counter.loss_cause());
        assert!(causes.eq(LOSS_CAUSES.into_iter().filter(|cause| *cause != "write")));
    }

    #[test]
    fn each_loss_cause_has_its_column_and_lost_is_their_sum() {
        let row = OperationMetrics {
            lost_ring_full: 1,
            lost_too_deep: 2,
            lost_no_memory: 4,
            lost_write: 8,
            ..Default::default()
        };
        let batch = OperationMetrics::batch(std::slice::from_ref(&row)).unwrap();
        assert_eq!(row.lost(), 15);
        for cause in LOSS_CAUSES {
            assert!(batch.column_by_name(&format!("lost_{cause}")).is_some());
        }
    }
}
