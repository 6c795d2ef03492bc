//! Columns of a small query result as plain Rust values, found by name. Tables of a recording are
//! streamed instead.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType};
use arrow::error::ArrowError;
use soakbox_cli::{Failure, Result};

fn unexpected(error: ArrowError) -> Failure {
    Failure::new("result", error)
}

/// The whole result of a query.
#[derive(Debug)]
pub struct Columns(RecordBatch);

impl Columns {
    /// Joins the batches of a result; `None` without batches.
    ///
    /// # Errors
    /// Where they do not have the same columns.
    pub fn new(batches: &[RecordBatch]) -> Result<Option<Self>> {
        let Some(first) = batches.first() else {
            return Ok(None);
        };
        let all = concat_batches(&first.schema(), batches).map_err(unexpected)?;
        Ok(Some(Self(all)))
    }

    /// Number of rows of the result.
    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Whether the result has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn column(&self, name: &str, data_type: &DataType) -> Result<ArrayRef> {
        let column = self.0.column_by_name(name);
        let column = column.ok_or_else(|| Failure::new(name, "is not a column of the result"))?;
        cast(column, data_type).map_err(unexpected)
    }

    /// An integer column.
    ///
    /// # Errors
    /// Where there is no such column or its values cannot be converted.
    pub fn integers(&self, name: &str) -> Result<Vec<Option<i64>>> {
        let column = self.column(name, &DataType::Int64)?;
        Ok(column.as_primitive::<Int64Type>().iter().collect())
    }

    /// An integer column of counts; null is 0.
    ///
    /// # Errors
    /// As [`Columns::integers`].
    pub fn counts(&self, name: &str) -> Result<Vec<u64>> {
        let values = self.integers(name)?.into_iter();
        Ok(values
            .map(|value| u64::try_from(value.unwrap_or(0)).unwrap_or(0))
            .collect())
    }

    /// A column of floating-point numbers.
    ///
    /// # Errors
    /// As [`Columns::integers`].
    pub fn floats(&self, name: &str) -> Result<Vec<Option<f64>>> {
        let column = self.column(name, &DataType::Float64)?;
        Ok(column.as_primitive::<Float64Type>().iter().collect())
    }

    /// A column of text; null is empty.
    ///
    /// # Errors
    /// As [`Columns::integers`].
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        let column = self.column(name, &DataType::Utf8)?;
        let texts = column.as_string::<i32>().iter();
        Ok(texts
            .map(|text| text.unwrap_or_default().to_owned())
            .collect())
    }

    /// A column of times, ns UTC.
    ///
    /// # Errors
    /// As [`Columns::integers`].
    pub fn times(&self, name: &str) -> Result<Vec<Option<i64>>> {
        let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let column = self.column(name, &utc)?;
        let times = column.as_primitive::<TimestampNanosecondType>().iter();
        Ok(times.collect())
    }

    /// A column of lists of integers; null is empty.
    ///
    /// # Errors
    /// As [`Columns::integers`].
    pub fn lists(&self, name: &str) -> Result<Vec<Vec<i64>>> {
        let column = self
            .0
            .column_by_name(name)
            .and_then(|c| c.as_list_opt::<i32>());
        let lists = column.ok_or_else(|| Failure::new(name, "is not a list in the result"))?;
        Ok(lists
            .iter()
            .map(|list| {
                let list = list.unwrap_or_else(|| lists.values().slice(0, 0));
                list.as_primitive::<Int64Type>().values().to_vec()
            })
            .collect())
    }
}
