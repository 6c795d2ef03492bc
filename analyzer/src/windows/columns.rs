//! The columns of a batch that windows are made of. A column that an older file lacks is read as
//! missing values.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, PrimitiveArray, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampNanosecondType};
use soakbox_cli::{Failure, Result};

use super::Row;
use super::balance::Counted;
use soakbox_schemas::counters::COUNTERS;
use soakbox_schemas::tables::LOSS_CAUSES;

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
/// The columns of `operation_metrics` that are read, besides the counters and the losses.
const METRICS_COLUMNS: [&str; 6] = [
    "at",
    "operation",
    "lost",
    "interval",
    "operation_type",
    "in_flight",
];
/// The counters that an interval is balanced with.
const BALANCED: [&str; 4] = ["finished", "recorded", "filtered", "sampled_out"];

/// The columns of `operation_metrics` that are read.
pub(super) fn metrics_columns() -> Vec<String> {
    let counters = COUNTERS.iter().map(|counter| counter.name.to_owned());
    let losses = LOSS_CAUSES.into_iter().map(lost_column);
    let others = METRICS_COLUMNS.into_iter().map(str::to_owned);
    others.chain(counters).chain(losses).collect()
}

/// The columns of [`each_interval`].
pub(super) const INTERVAL_COLUMNS: [&str; 2] = ["at", "interval"];

/// Calls `each` with each interval of a batch of `operation_metrics` and its begin, ns UTC.
pub(super) fn each_interval(batch: &RecordBatch, mut each: impl FnMut(u64, i64)) -> Result<()> {
    let [at, interval] = INTERVAL_COLUMNS;
    let (at, interval) = (times(batch, at)?, optional(batch, interval)?);
    for index in 0..at.len() {
        if let Some(interval) = value(interval.as_ref(), index) {
            each(interval, at.value(index));
        }
    }
    Ok(())
}

fn lost_column(cause: &str) -> String {
    format!("lost_{cause}")
}

/// The largest weight of a row; a larger one is no number of operations.
const MOST_WEIGHT: u64 = u32::MAX as u64;

/// The names of operations: a dictionary, and the word of each row.
struct Words {
    keys: PrimitiveArray<Int32Type>,
    words: StringArray,
}

impl Words {
    fn of(batch: &RecordBatch, name: &str) -> Result<Self> {
        let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let column =
            cast(&required(batch, name)?, &words).map_err(|error| Failure::new(name, error))?;
        let column = column.as_dictionary::<Int32Type>();
        Ok(Self {
            keys: column.keys().clone(),
            words: column.values().as_string::<i32>().clone(),
        })
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(Option::unwrap_or_default)
    }

    #[inline]
    fn word(&self, row: usize) -> Option<usize> {
        if self.keys.is_null(row) {
            return None;
        }
        usize::try_from(self.keys.value(row)).ok()
    }
}

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

/// A batch of `operation_metrics`.
pub(super) struct CountRows {
    operation: Words,
    at: TimestampNanosecondArray,
    lost: Int64Array,
    interval: Option<Int64Array>,
    operation_type: Option<Int64Array>,
    in_flight: Option<Int64Array>,
    /// As [`BALANCED`].
    balanced: [Option<Int64Array>; BALANCED.len()],
    /// As [`COUNTERS`].
    counters: Vec<Option<Int64Array>>,
    /// As [`LOSS_CAUSES`].
    losses: Vec<Option<Int64Array>>,
}

/// The kernel's counts of an operation in an interval, or a part of them.
#[derive(Clone, Debug, Default)]
pub(super) struct CountRow {
    /// Begin of the interval, ns UTC.
    pub(super) at_ns: i64,
    /// Its number; `None` where the file has none.
    pub(super) interval: Option<u64>,
    /// The operation's code.
    pub(super) operation_type: Option<i64>,
    /// Operations that were lost in it.
    pub(super) lost: u64,
    /// What its rows are compared with; `None` where the file lacks a part of it.
    pub(super) counted: Option<Counted>,
    /// Operations in flight at its end.
    pub(super) in_flight: Option<i64>,
    /// The counters, in the order of [`COUNTERS`].
    pub(super) counters: [u64; COUNTERS.len()],
    /// The losses, in the order of [`LOSS_CAUSES`].
    pub(super) losses: [u64; LOSS_CAUSES.len()],
}

impl CountRows {
    pub(super) fn of(batch: &RecordBatch) -> Result<Self> {
        let [at, operation, lost, interval, operation_type, in_flight] = METRICS_COLUMNS;
        let [finished, recorded, filtered, sampled_out] = BALANCED;
        let counters = COUNTERS.iter();
        let losses = LOSS_CAUSES.into_iter().map(lost_column);
        Ok(Self {
            operation: Words::of(batch, operation)?,
            at: times(batch, at)?,
            lost: integers(batch, lost)?,
            interval: optional(batch, interval)?,
            operation_type: optional(batch, operation_type)?,
            in_flight: optional(batch, in_flight)?,
            balanced: [
                optional(batch, finished)?,
                optional(batch, recorded)?,
                optional(batch, filtered)?,
                optional(batch, sampled_out)?,
            ],
            counters: counters
                .map(|counter| optional(batch, counter.name))
                .collect::<Result<_>>()?,
            losses: losses
                .map(|column| optional(batch, &column))
                .collect::<Result<_>>()?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.lost.len()
    }

    /// The names of operations that rows may have.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.operation.iter()
    }

    /// The place of a row's operation in [`words`](Self::words), and the row.
    pub(super) fn row(&self, index: usize) -> (Option<usize>, CountRow) {
        let mut row = CountRow {
            at_ns: self.at.value(index),
            interval: value(self.interval.as_ref(), index),
            operation_type: number(self.operation_type.as_ref(), index),
            lost: positive(self.lost.value(index)),
            counted: self.counted(index),
            in_flight: number(self.in_flight.as_ref(), index),
            ..CountRow::default()
        };
        for (sums, columns) in [
            (&mut row.counters[..], &self.counters),
            (&mut row.losses[..], &self.losses),
        ] {
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = value(column.as_ref(), index).unwrap_or(0);
            }
        }
        (self.operation.word(index), row)
    }

    fn counted(&self, index: usize) -> Option<Counted> {
        let mut counts = [0; BALANCED.len()];
        for (count, column) in counts.iter_mut().zip(&self.balanced) {
            *count = value(column.as_ref(), index)?;
        }
        let [finished, recorded, filtered, sampled_out] = counts;
        let others = [
            recorded,
            filtered,
            sampled_out,
            positive(self.lost.value(index)),
        ];
        let others: i128 = others.into_iter().map(i128::from).sum();
        let difference = i128::from(finished) - others;
        Some(Counted {
            recorded,
            difference: i64::try_from(difference).unwrap_or(i64::MAX),
        })
    }
}

fn positive(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[inline]
fn value(column: Option<&Int64Array>, index: usize) -> Option<u64> {
    let column = column.filter(|column| column.is_valid(index))?;
    u64::try_from(column.value(index)).ok()
}

#[inline]
fn number(column: Option<&Int64Array>, index: usize) -> Option<i64> {
    let column = column.filter(|column| column.is_valid(index))?;
    Some(column.value(index))
}

fn required(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let column = batch.column_by_name(name);
    let missing = || Failure::new(name, "a file of the recording has no such column");
    column.cloned().ok_or_else(missing)
}

/// The column in the declared type; older files may have a narrower one.
fn converted(column: &ArrayRef, name: &str, data_type: &DataType) -> Result<ArrayRef> {
    if column.data_type() == data_type {
        return Ok(column.clone());
    }
    cast(column, data_type).map_err(|error| Failure::new(name, error))
}

fn integers(batch: &RecordBatch, name: &str) -> Result<Int64Array> {
    let column = converted(&required(batch, name)?, name, &DataType::Int64)?;
    Ok(column.as_primitive::<Int64Type>().clone())
}

fn optional(batch: &RecordBatch, name: &str) -> Result<Option<Int64Array>> {
    match batch.column_by_name(name) {
        Some(column) => {
            let column = converted(column, name, &DataType::Int64)?;
            Ok(Some(column.as_primitive::<Int64Type>().clone()))
        }
        None => Ok(None),
    }
}

fn times(batch: &RecordBatch, name: &str) -> Result<TimestampNanosecondArray> {
    let column = required(batch, name)?;
    column
        .as_primitive_opt::<TimestampNanosecondType>()
        .cloned()
        .ok_or_else(|| Failure::new(name, "is no time in a file of the recording"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use soakbox_schemas::tables::Table;

    #[test]
    fn the_columns_are_those_of_the_contract() {
        for (table, columns) in [
            (Table::OPERATION_LOG, LOG_COLUMNS.map(str::to_owned).into()),
            (
                Table::OPERATION_LOG,
                SPLIT_COLUMNS.map(str::to_owned).into(),
            ),
            (Table::OPERATION_METRICS, metrics_columns()),
        ] {
            let schema = table.schema().unwrap();
            for name in columns {
                assert!(schema.column_with_name(&name).is_some(), "{name}");
            }
        }
    }
}
