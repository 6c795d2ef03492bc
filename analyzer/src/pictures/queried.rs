//! Columns of the rows of queries.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use soakbox_cli::{Failure, Result};

/// The rows of a query, by column.
pub(super) struct Queried<'a>(pub(super) &'a [RecordBatch]);

impl Queried<'_> {
    /// A column of texts.
    pub(super) fn texts(&self, column: usize) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for batch in self.0 {
            texts.extend(self::texts(batch.column(column))?);
        }
        Ok(texts)
    }

    /// A column of whole numbers; null is 0.
    pub(super) fn integers(&self, column: usize) -> Result<Vec<i64>> {
        let mut numbers = Vec::new();
        for batch in self.0 {
            let column = cast(batch.column(column), &DataType::Int64).map_err(failed)?;
            let column = column.as_primitive::<Int64Type>();
            numbers.extend(column.iter().map(|number| number.unwrap_or(0)));
        }
        Ok(numbers)
    }

    /// A column of numbers; null is NaN.
    pub(super) fn numbers(&self, column: usize) -> Result<Vec<f64>> {
        let mut numbers = Vec::new();
        for batch in self.0 {
            numbers.extend(self::numbers(batch.column(column))?);
        }
        Ok(numbers)
    }
}

/// Numbers of any type; null is NaN.
pub(super) fn numbers(column: &dyn Array) -> Result<Vec<f64>> {
    let column = cast(column, &DataType::Float64).map_err(failed)?;
    let column = column.as_primitive::<Float64Type>();
    Ok(column.iter().map(|one| one.unwrap_or(f64::NAN)).collect())
}

/// Texts in the order in which they come, each once.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) all: Vec<String>,
    places: HashMap<String, usize>,
}

impl Texts {
    /// The place of a text.
    pub(super) fn place(&mut self, text: String) -> usize {
        /// More are counted as one: neither an axis nor a legend has room for them.
        const MOST: usize = 10_000;
        if let Some(place) = self.places.get(&text) {
            return *place;
        }
        if self.all.len() >= MOST {
            return MOST - 1;
        }
        self.all.push(text.clone());
        self.places.insert(text, self.all.len() - 1);
        self.all.len() - 1
    }
}

/// Values of any type as texts; null is empty.
pub(super) fn texts(column: &dyn Array) -> Result<Vec<String>> {
    let column = cast(column, &DataType::Utf8).map_err(failed)?;
    let column = column.as_string::<i32>();
    let texts = column.iter();
    Ok(texts
        .map(|text| text.unwrap_or_default().to_owned())
        .collect())
}

pub(super) fn failed(error: arrow::error::ArrowError) -> Failure {
    Failure::new("chart", error)
}
