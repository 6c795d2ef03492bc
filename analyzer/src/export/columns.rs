//! Columns of the rows of queries, by name.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use soakbox_cli::{Failure, Result};

/// A batch of rows.
pub(super) struct Columns<'a>(pub(super) &'a RecordBatch);

impl Columns<'_> {
    /// A column of numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Int64Array> {
        let column = self.column(name, &DataType::Int64)?;
        Ok(column.as_primitive::<Int64Type>().clone())
    }

    /// A column of texts, whose missing values are empty.
    pub(super) fn texts(&self, name: &str) -> Result<StringArray> {
        Ok(self.column(name, &DataType::Utf8)?.as_string().clone())
    }

    /// A column of truths.
    pub(super) fn truths(&self, name: &str) -> Result<BooleanArray> {
        Ok(self.column(name, &DataType::Boolean)?.as_boolean().clone())
    }

    fn column(&self, name: &str, kind: &DataType) -> Result<ArrayRef> {
        let missing = || Failure::new(name, "the query has no such column");
        let column = self.0.column_by_name(name).ok_or_else(missing)?;
        cast(column, kind).map_err(|error| Failure::new(name, error))
    }
}

/// A number that may be missing.
pub(super) fn number(column: &Int64Array, row: usize) -> Option<i64> {
    column.is_valid(row).then(|| column.value(row))
}

/// A number that is never negative, and may be missing.
pub(super) fn amount(column: &Int64Array, row: usize) -> Option<u64> {
    u64::try_from(number(column, row)?).ok()
}

/// A text; a missing one is empty.
pub(super) fn text(column: &StringArray, row: usize) -> &str {
    match column.is_valid(row) {
        true => column.value(row),
        false => "",
    }
}
