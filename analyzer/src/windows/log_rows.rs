//! The columns of `operation_log` that windows and figures are made of.

use arrow::array::{
    Array, AsArray, BooleanArray, Int64Array, RecordBatch, TimestampNanosecondArray,
};
use arrow::datatypes::DataType;
use soakbox_cli::Result;

use super::Row;
use super::columns::{Words, converted, integers, number, optional, positive, times, value};

/// The columns of `operation_log` that are read.
pub(super) const LOG_COLUMNS: [&str; 10] = [
    "finished_at",
    "interval",
    "operation",
    "duration_ns",
    "cpu_ns",
    "memory_bytes",
    "success",
    "bytes",
    "sample_weight",
    "operation_type",
];
/// The columns of `operation_log` that are read for figures of whole runs: the parts of `cpu_ns`.
pub(super) const SPLIT_COLUMNS: [&str; 2] = ["cpu_user_ns", "cpu_system_ns"];
/// The largest weight of a row; a larger one is no number of operations.
const MOST_WEIGHT: u64 = u32::MAX as u64;

/// A batch of `operation_log`.
pub(super) struct LogRows {
    operation: Words,
    finished_at: TimestampNanosecondArray,
    interval: Option<Int64Array>,
    duration: Int64Array,
    cpu: Option<Int64Array>,
    memory: Option<Int64Array>,
    bytes: Option<Int64Array>,
    weight: Option<Int64Array>,
    success: Option<BooleanArray>,
    operation_type: Option<Int64Array>,
    /// As [`SPLIT_COLUMNS`].
    split: [Option<Int64Array>; SPLIT_COLUMNS.len()],
}

impl LogRows {
    pub(super) fn of(batch: &RecordBatch) -> Result<Self> {
        let [
            finished_at,
            interval,
            operation,
            duration,
            cpu,
            memory,
            success,
            bytes,
            weight,
            operation_type,
        ] = LOG_COLUMNS;
        Ok(Self {
            operation: Words::of(batch, operation)?,
            finished_at: times(batch, finished_at)?,
            interval: optional(batch, interval)?,
            duration: integers(batch, duration)?,
            cpu: optional(batch, cpu)?,
            memory: optional(batch, memory)?,
            bytes: optional(batch, bytes)?,
            weight: optional(batch, weight)?,
            operation_type: optional(batch, operation_type)?,
            split: [
                optional(batch, SPLIT_COLUMNS[0])?,
                optional(batch, SPLIT_COLUMNS[1])?,
            ],
            success: match batch.column_by_name(success) {
                Some(column) => Some(
                    converted(column, success, &DataType::Boolean)?
                        .as_boolean()
                        .clone(),
                ),
                None => None,
            },
        })
    }

    pub(super) fn len(&self) -> usize {
        self.duration.len()
    }

    /// The names of operations that rows may have.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.operation.iter()
    }

    /// The place of a row's operation in [`words`](Self::words), and the row.
    #[inline]
    pub(super) fn row(&self, index: usize) -> (Option<usize>, Row) {
        let row = Row {
            finished_at_ns: self.finished_at.value(index),
            duration_ns: positive(self.duration.value(index)),
            cpu_ns: value(self.cpu.as_ref(), index),
            memory_bytes: value(self.memory.as_ref(), index),
            bytes: value(self.bytes.as_ref(), index),
            success: self
                .success
                .as_ref()
                .filter(|success| success.is_valid(index))
                .map(|success| success.value(index)),
            weight: value(self.weight.as_ref(), index)
                .unwrap_or(1)
                .clamp(1, MOST_WEIGHT),
        };
        (self.operation.word(index), row)
    }

    /// The code of a row's operation.
    #[inline]
    pub(super) fn operation_type(&self, index: usize) -> Option<i64> {
        number(self.operation_type.as_ref(), index)
    }

    /// A row's user and system time, where they were read.
    #[inline]
    pub(super) fn split(&self, index: usize) -> [Option<u64>; SPLIT_COLUMNS.len()] {
        [
            value(self.split[0].as_ref(), index),
            value(self.split[1].as_ref(), index),
        ]
    }

    /// The number of a row's interval; `None` where the file has none.
    #[inline]
    pub(super) fn interval(&self, index: usize) -> Option<u64> {
        value(self.interval.as_ref(), index)
    }
}
