//! Functions that read one sketch: `sketch_quantile`, `sketch_quantiles`, `sketch_count`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, Int64Builder, LargeBinaryArray, ListBuilder,
};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err};
use soakbox_schemas::tables::histogram::HistogramError;

use super::aggregate::{failed, item, list_type};
use super::aggregates::is_sketch;
use super::histogram::{Extremes, Refused, decoded, quantiles};
use super::scalars::Scalar;

pub(super) fn all() -> [Scalar; 3] {
    [
        Scalar {
            name: ONE,
            syntax: "sketch_quantile(sketch, p)",
            description: "A quantile of the values of one sketch, within 1/128. p is from 0 to 1; null \
                          if the sketch is null or has no values.",
            types: |given| types(given, 2..=2, DataType::Int64),
            compute: Arc::new(one),
        },
        Scalar {
            name: SEVERAL,
            syntax: "sketch_quantiles(sketch, p, ...)",
            description: "Several quantiles of the values of one sketch, as a list in the order of \
                          the p.",
            types: |given| types(given, 2..=usize::MAX, list_type()),
            compute: Arc::new(several),
        },
        Scalar {
            name: COUNT,
            syntax: "sketch_count(sketch)",
            description: "How many values one sketch has; the sum of the weights where it was made \
                          with weights.",
            types: |given| types(given, 1..=1, DataType::Int64),
            compute: Arc::new(count),
        },
    ]
}

const ONE: &str = "sketch_quantile";
const SEVERAL: &str = "sketch_quantiles";
const COUNT: &str = "sketch_count";

/// A sketch and levels.
fn types(
    given: &[DataType],
    number: std::ops::RangeInclusive<usize>,
    result: DataType,
) -> Option<(Vec<DataType>, DataType)> {
    let (first, levels) = given.split_first()?;
    let fits = number.contains(&given.len())
        && (is_sketch(first) || first.is_null())
        && levels.iter().all(|p| p.is_numeric() || p.is_null());
    fits.then(|| {
        let mut types = vec![DataType::Float64; given.len()];
        types[0] = DataType::LargeBinary;
        (types, result)
    })
}

/// Values of a row's sketch: their extremes and number. Its buckets are in `buckets`.
fn read(
    name: &str,
    sketches: &LargeBinaryArray,
    row: usize,
    buckets: &mut Vec<(i16, u64)>,
) -> Result<Option<(Extremes, u64)>> {
    if sketches.is_null(row) {
        return Ok(None);
    }
    let bytes = sketches.value(row);
    if bytes.is_empty() {
        return Err(failed(name, Refused::Bytes(HistogramError::Cut)));
    }
    decoded(bytes, buckets).map_err(|refused| failed(name, refused))
}

/// The levels of a row; `None` where one is null.
fn levels(name: &str, columns: &[&Float64Array], row: usize) -> Result<Option<Vec<f64>>> {
    let mut levels = Vec::with_capacity(columns.len());
    for column in columns {
        if column.is_null(row) {
            return Ok(None);
        }
        let level = column.value(row);
        if !(0.0..=1.0).contains(&level) {
            return exec_err!("{name}: p must be from 0 to 1, not {level}");
        }
        levels.push(level);
    }
    Ok(Some(levels))
}

/// Calls `found` with the quantiles of each row.
fn each(name: &str, columns: &[ArrayRef], mut found: impl FnMut(Option<Vec<i64>>)) -> Result<()> {
    let sketches = columns[0].as_binary::<i64>();
    let given = columns[1..].iter();
    let given: Vec<&Float64Array> = given.map(|p| p.as_primitive::<Float64Type>()).collect();
    let mut buckets = Vec::new();
    for row in 0..sketches.len() {
        let levels = levels(name, &given, row)?;
        let values = read(name, sketches, row, &mut buckets)?;
        let values = values.zip(levels);
        found(
            values.map(|((extremes, total), levels)| quantiles(&buckets, total, extremes, &levels)),
        );
    }
    Ok(())
}

fn one(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let mut values = Int64Builder::with_capacity(columns[0].len());
    each(ONE, columns, |found| {
        values.append_option(found.and_then(|found| found.first().copied()));
    })?;
    Ok(Arc::new(values.finish()))
}

fn several(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(Int64Builder::new()).with_field(item());
    each(SEVERAL, columns, |found| {
        lists.append_option(found.map(|values| values.into_iter().map(Some)));
    })?;
    Ok(Arc::new(lists.finish()))
}

fn count(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let sketches = columns[0].as_binary::<i64>();
    let mut buckets = Vec::new();
    let counts = (0..sketches.len()).map(|row| {
        if sketches.is_null(row) {
            return Ok(None);
        }
        let total = read(COUNT, sketches, row, &mut buckets)?.map_or(0, |(_, total)| total);
        Ok(Some(i64::try_from(total).unwrap_or(i64::MAX)))
    });
    Ok(Arc::new(counts.collect::<Result<Int64Array>>()?))
}
