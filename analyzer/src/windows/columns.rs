//! The columns of a batch, by name. A column that an older file lacks is read as missing values.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int64Array, PrimitiveArray, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampNanosecondType};
use soakbox_cli::{Failure, Result};

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

/// The names of operations: a dictionary, and the word of each row.
pub(super) struct Words {
    keys: PrimitiveArray<Int32Type>,
    words: StringArray,
}

impl Words {
    pub(super) fn of(batch: &RecordBatch, name: &str) -> Result<Self> {
        let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let column =
            cast(&required(batch, name)?, &words).map_err(|error| Failure::new(name, error))?;
        let column = column.as_dictionary::<Int32Type>();
        Ok(Self {
            keys: column.keys().clone(),
            words: column.values().as_string::<i32>().clone(),
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(Option::unwrap_or_default)
    }

    #[inline]
    pub(super) fn word(&self, row: usize) -> Option<usize> {
        if self.keys.is_null(row) {
            return None;
        }
        usize::try_from(self.keys.value(row)).ok()
    }
}

/// A column of bytes; `None` where the batch lacks it.
pub(super) fn binary(batch: &RecordBatch, name: &str) -> Result<Option<BinaryArray>> {
    let Some(column) = batch.column_by_name(name) else {
        return Ok(None);
    };
    let column = converted(column, name, &DataType::Binary)?;
    Ok(Some(column.as_binary::<i32>().clone()))
}

pub(super) fn positive(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[inline]
pub(super) fn value(column: Option<&Int64Array>, index: usize) -> Option<u64> {
    let column = column.filter(|column| column.is_valid(index))?;
    u64::try_from(column.value(index)).ok()
}

#[inline]
pub(super) fn number(column: Option<&Int64Array>, index: usize) -> Option<i64> {
    let column = column.filter(|column| column.is_valid(index))?;
    Some(column.value(index))
}

fn required(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let column = batch.column_by_name(name);
    let missing = || Failure::new(name, "a file of the recording has no such column");
    column.cloned().ok_or_else(missing)
}

/// The column in the declared type; older files may have a narrower one.
pub(super) fn converted(column: &ArrayRef, name: &str, data_type: &DataType) -> Result<ArrayRef> {
    if column.data_type() == data_type {
        return Ok(column.clone());
    }
    cast(column, data_type).map_err(|error| Failure::new(name, error))
}

pub(super) fn integers(batch: &RecordBatch, name: &str) -> Result<Int64Array> {
    let column = converted(&required(batch, name)?, name, &DataType::Int64)?;
    Ok(column.as_primitive::<Int64Type>().clone())
}

pub(super) fn optional(batch: &RecordBatch, name: &str) -> Result<Option<Int64Array>> {
    match batch.column_by_name(name) {
        Some(column) => {
            let column = converted(column, name, &DataType::Int64)?;
            Ok(Some(column.as_primitive::<Int64Type>().clone()))
        }
        None => Ok(None),
    }
}

/// As [`optional`] of numbers of which missing ones are 0; `None` where all are 0, which most counts
/// are, so that their rows need not be read.
pub(super) fn unless_zero(batch: &RecordBatch, name: &str) -> Result<Option<Int64Array>> {
    let column = optional(batch, name)?;
    Ok(column.filter(|column| column.values().iter().any(|value| *value != 0)))
}

pub(super) fn times(batch: &RecordBatch, name: &str) -> Result<TimestampNanosecondArray> {
    let column = required(batch, name)?;
    column
        .as_primitive_opt::<TimestampNanosecondType>()
        .cloned()
        .ok_or_else(|| Failure::new(name, "is no time in a file of the recording"))
}

#[cfg(test)]
mod tests {
    use super::super::count_rows::metrics_columns;
    use super::super::log_rows::{LOG_COLUMNS, SPLIT_COLUMNS};
    use super::*;
    use soakbox_schemas::tables::Table;

    #[test]
    fn the_columns_are_those_of_the_contract() {
        let log = [&LOG_COLUMNS[..], &SPLIT_COLUMNS[..]].concat();
        let metrics = metrics_columns();
        let counts = metrics.iter().map(String::as_str).chain(INTERVAL_COLUMNS);
        for (table, columns) in [
            (Table::OPERATION_LOG, log),
            (Table::OPERATION_METRICS, counts.collect()),
        ] {
            let schema = table.schema().unwrap();
            for name in columns {
                assert!(schema.column_with_name(name).is_some(), "{name}");
            }
        }
    }
}
