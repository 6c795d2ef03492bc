//! Shorthand for declaring columns: one type per kind of value, with the Parquet field id in its metadata.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{DictionaryArray, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimeUnit};

pub(super) const REQUIRED: bool = false;
pub(super) const OPTIONAL: bool = true;

/// Numbers the columns from 1 in declared order; ids never change, so new columns go last.
pub(super) fn schema(fields: Vec<Field>) -> SchemaRef {
    let numbered = fields.into_iter().enumerate().map(|(position, field)| {
        let id = (position + 1).to_string();
        field.with_metadata(HashMap::from([("PARQUET:field_id".to_owned(), id)]))
    });
    Arc::new(Schema::new(numbered.collect::<Vec<_>>()))
}

pub(super) fn timestamp(name: &str, nullable: bool) -> Field {
    Field::new(
        name,
        DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        nullable,
    )
}

pub(super) fn integer(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Int64, nullable)
}

pub(super) fn boolean(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Boolean, nullable)
}

pub(super) fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable)
}

pub(super) fn word(name: &str) -> Field {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    Field::new(name, dictionary, REQUIRED)
}

pub(super) fn timestamps(values: impl IntoIterator<Item = i64>) -> TimestampNanosecondArray {
    TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC")
}

pub(super) fn integers(values: impl IntoIterator<Item = u64>) -> Int64Array {
    Int64Array::from_iter_values(values.into_iter().map(clamp))
}

pub(super) fn words<'a>(values: impl IntoIterator<Item = &'a str>) -> DictionaryArray<Int32Type> {
    values.into_iter().collect()
}

/// Values beyond 2^63 − 1 (292 years in nanoseconds) are held at it.
#[inline]
pub(super) fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
