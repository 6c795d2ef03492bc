//! `operation_log`: one row per recorded operation, and how a row is made from the event of the
//! kernel side.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::kind::{Count, Key, KeyBuilder, Number, Optional, Time, Truth};
use crate::event::{OperationEvent, flags};

/// Name and type of an operation of the plan; its index is [`OperationEvent::operation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationInfo {
    /// Its name, as given with `--op NAME=…`.
    pub name: String,
    /// Its code (1 rule refresh, 2 traffic control, …), 0 where none was given.
    pub operation_type: i64,
}

table! {
    /// One row per recorded operation. The rows of a file are in the order of `finished_at` if its
    /// footer has `soakbox.sorted` = `true`.
    "operation_log";
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct OperationRow, OperationRowBuilder {
        /// When the operation finished.
        pub finished_at_ns as finished_at: Time, "ns", "kernel: boot clock; recorder: its distance to UTC";
        /// The interval in which it finished: boot clock divided by the interval's length, rounded
        /// down. Comparable within the run of one recorder only; the same number as in
        /// `operation_metrics`.
        pub interval: Number, "", "kernel: boot clock";
        /// Name of the operation.
        pub operation: Key, "", "configuration: `--op NAME=…`";
        /// Code of the operation, 0 where none was given.
        pub operation_type: Number, "", "configuration: rule `type=`";
        /// The source's own code of the operation, for sources that have codes.
        pub source_type: Optional<Number>, "", "source", reserved "always null";
        /// Process id, as the recorder's PID namespace sees it; null where it does not see the
        /// process.
        pub pid: Optional<Number>, "", "kernel";
        /// Thread id, as the recorder's PID namespace sees it; null where it does not see the
        /// process.
        pub tid: Optional<Number>, "", "kernel";
        /// Time from begin to finish. The duration of a function may leave out the last
        /// instructions before the return (at most 64 instructions; a call only with `finish=jump`).
        /// In a call that returns right after its first comparison these are all of its instructions.
        pub duration_ns: Count, "ns", "kernel: boot clock";
        /// Time that the operation's thread was on a CPU between begin and finish; null where it
        /// was not measured, or where a goroutine did not run alone on one thread.
        pub cpu_ns: Optional<Count>, "ns", "kernel: the footer's `soakbox.cpu_method`";
        /// The part of `cpu_ns` in user mode; null where it was not measured. Counted in ticks:
        /// correct in sums over many operations, not for a single one.
        pub cpu_user_ns: Optional<Count>, "ns", "kernel: the footer's `soakbox.cpu_split_method`";
        /// The part of `cpu_ns` in the kernel; null where it was not measured. Counted in ticks,
        /// like `cpu_user_ns`.
        pub cpu_system_ns: Optional<Count>, "ns", "kernel: the footer's `soakbox.cpu_split_method`";
        /// Resident memory of the process at the finish; null where it could not be read. The
        /// footer's `soakbox.memory_error_bytes` is its largest error.
        pub memory_bytes: Optional<Count>, "bytes", "kernel: the footer's `soakbox.memory_method`";
        /// Change of the process's resident memory from begin to finish, caused by any of its
        /// threads; null where it could not be read.
        pub memory_delta_bytes: Optional<Number>, "bytes", "kernel: the footer's `soakbox.memory_method`";
        /// Whether the operation succeeded; null where this is unknown.
        pub success: Optional<Truth>, "", "rule `success=`, or the marker's finish";
        /// The value that the operation returned, or that the marker's finish passed, sign-extended
        /// from the width that the rule names; null where it was not read, or, if no rule reads it,
        /// where it was not known yet at the place of the finish.
        pub return_value: Optional<Number>, "", "kernel: return register, or the marker's argument";
        /// Data that the operation processed; null where this is not known, as in every row of a
        /// recorder of this version.
        pub bytes: Optional<Count>, "bytes", "`import csv --bytes`";
        /// Number of operations that the row stands for: N where one in N operations is sampled,
        /// otherwise 1.
        pub sample_weight: Number, "operations", "configuration: `--sample 1/N`, rule `sample=`";
        /// Id of the goroutine that ran the operation, of a function of a Go program; null for all
        /// other operations. No other goroutine of the same process ever has this id.
        pub goroutine: Optional<Number>, "", "Go's runtime: `g.goid`", since 2;
    }
}

impl OperationRowBuilder {
    /// For rows whose `operation` is an index of `names`.
    pub fn with_operations<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            operation: KeyBuilder::new(names),
            ..Self::default()
        }
    }
}

/// Collects events into batches of `operation_log`.
#[derive(Debug)]
pub struct OperationLogBuilder {
    /// Type and weight of each operation.
    operations: Vec<(i64, i64)>,
    rows: OperationRowBuilder,
}

impl OperationLogBuilder {
    /// For events whose `operation` is an index of `operations`.
    pub fn new(operations: &[OperationInfo]) -> Self {
        let names = operations.iter().map(|operation| operation.name.as_str());
        let types = operations.iter().map(|operation| operation.operation_type);
        Self {
            operations: types.map(|operation_type| (operation_type, 1)).collect(),
            rows: OperationRowBuilder::with_operations(names),
        }
    }

    /// The same with the number of operations that a row of each operation stands for.
    #[must_use]
    pub fn with_weights(mut self, weights: impl IntoIterator<Item = u32>) -> Self {
        for ((_, weight), other) in self.operations.iter_mut().zip(weights) {
            *weight = i64::from(other);
        }
        self
    }

    /// Appends one event. `utc_offset_ns` is UTC minus boot clock. `false`, and nothing is
    /// appended, where the plan does not have the operation of the event.
    #[inline]
    #[must_use = "an event without a row is to be counted"]
    pub fn push(&mut self, event: &OperationEvent, utc_offset_ns: i64) -> bool {
        let operation = self.operations.get(usize::from(event.operation));
        let Some(&(operation_type, sample_weight)) = operation else {
            return false;
        };
        let finished_boot_ns = i64::try_from(event.finished_boot_ns).unwrap_or(i64::MAX);
        self.rows.append(&OperationRow {
            finished_at_ns: finished_boot_ns.saturating_add(utc_offset_ns),
            interval: i64::from(event.interval),
            operation: event.operation,
            operation_type,
            source_type: event.optional(flags::SOURCE_TYPE, event.detail.cast_signed()),
            pid: seen(event.pid),
            tid: seen(event.tid),
            duration_ns: event.duration_ns,
            cpu_ns: event.optional(flags::CPU, event.cpu_ns),
            cpu_user_ns: event.optional(flags::CPU_SPLIT, event.cpu_user_ns),
            cpu_system_ns: event.optional(flags::CPU_SPLIT, event.cpu_system_ns),
            memory_bytes: event.optional(flags::MEMORY, event.memory_bytes),
            memory_delta_bytes: event.optional(flags::MEMORY_DELTA, event.memory_delta_bytes),
            success: event.success(),
            return_value: event.optional(flags::RETURN, event.return_value),
            bytes: event.optional(flags::BYTES, event.bytes),
            sample_weight,
            goroutine: event.optional(flags::GOROUTINE, event.detail.cast_signed()),
        });
        true
    }

    /// Rows appended since the last batch.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row since the last batch.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows so far as a batch; the builder is empty afterwards.
    ///
    /// # Errors
    /// Where Arrow refuses a column, which it does not for values of the declared kinds.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows.finish()
    }
}

/// An id, missing where the recorder's PID namespace does not see the process.
#[inline]
fn seen(id: u32) -> Option<i64> {
    (id != 0).then_some(i64::from(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int64Type;

    #[test]
    fn a_field_without_its_flag_is_null_and_an_unknown_operation_is_refused() {
        let plan = [OperationInfo {
            name: "refresh".into(),
            operation_type: 1,
        }];
        let mut builder = OperationLogBuilder::new(&plan).with_weights([30]);
        let event = OperationEvent {
            finished_boot_ns: 5,
            cpu_ns: 7,
            return_value: -3,
            flags: flags::RETURN | flags::SUCCESS_KNOWN,
            ..Default::default()
        };
        assert!(builder.push(&event, 100));
        assert!(!builder.push(
            &OperationEvent {
                operation: 1,
                ..event
            },
            100
        ));
        assert_eq!(builder.len(), 1);
        let batch = builder.finish().unwrap();
        assert!(builder.is_empty());
        assert_eq!(batch.schema(), OperationRow::DECLARATION.schema());
        let column = |name| batch.column_by_name(name).unwrap();
        assert!(column("cpu_ns").is_null(0));
        let weights = column("sample_weight").as_primitive::<Int64Type>();
        assert_eq!(weights.values(), &[30]);
        assert!(column("memory_bytes").is_null(0));
        assert_eq!(
            column("return_value").as_primitive::<Int64Type>().value(0),
            -3
        );
        assert!(!column("success").as_boolean().value(0));
        assert!(!column("success").is_null(0));
    }
}
