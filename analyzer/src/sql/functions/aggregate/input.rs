//! What an aggregate reads from rows: values, values with weights, or sketches.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeBinaryArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, internal_datafusion_err};

use super::super::histogram::{Histogram, Refused};

/// What the first arguments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::sql::functions) enum Input {
    /// A column of whole numbers.
    Values,
    /// A column of whole numbers, and how many values each of them stands for.
    Weighted,
    /// A column of sketches, in the encoding of a histogram.
    Sketches,
}

impl Input {
    /// The type of the column as the accumulators read it.
    pub(in crate::sql::functions) fn data_type(self) -> DataType {
        match self {
            Self::Values | Self::Weighted => DataType::Int64,
            Self::Sketches => DataType::LargeBinary,
        }
    }

    /// Arguments before the levels.
    pub(in crate::sql::functions) fn columns(self) -> usize {
        1 + usize::from(self == Self::Weighted)
    }
}

/// The rows of a batch.
pub(super) enum Rows<'a> {
    Values(&'a Int64Array),
    Weighted(&'a Int64Array, &'a Int64Array),
    Sketches(&'a LargeBinaryArray),
}

/// One row that counts.
pub(super) enum Row<'a> {
    /// A value, and how many it stands for.
    Value(i64, u64),
    Sketch(&'a [u8]),
}

impl<'a> Rows<'a> {
    pub(super) fn of(input: Input, name: &str, arguments: &'a [ArrayRef]) -> Result<Self> {
        let wrong = || internal_datafusion_err!("{name}: arguments of other types");
        let numbers = |index: usize| {
            let column: Option<&ArrayRef> = arguments.get(index);
            column.and_then(|column| column.as_primitive_opt::<Int64Type>())
        };
        let rows = match input {
            Input::Values => numbers(0).map(Self::Values),
            Input::Weighted => numbers(0)
                .zip(numbers(1))
                .map(|(values, weights)| Self::Weighted(values, weights)),
            Input::Sketches => {
                let column = arguments.first();
                let column = column.and_then(|column| column.as_binary_opt::<i64>());
                column.map(Self::Sketches)
            }
        };
        rows.ok_or_else(wrong)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Values(values) | Self::Weighted(values, _) => values.len(),
            Self::Sketches(sketches) => sketches.len(),
        }
    }

    /// A row, if it counts: nothing of it is null, it stands for something, and `filter` has it.
    pub(super) fn row(
        &self,
        row: usize,
        name: &str,
        filter: Option<&BooleanArray>,
    ) -> Result<Option<Row<'a>>> {
        if filter.is_some_and(|filter| filter.is_null(row) || !filter.value(row)) {
            return Ok(None);
        }
        Ok(match *self {
            Self::Values(values) => values
                .is_valid(row)
                .then(|| Row::Value(values.value(row), 1)),
            Self::Weighted(values, weights) => {
                if values.is_null(row) || weights.is_null(row) {
                    return Ok(None);
                }
                let weight = weights.value(row);
                let weight = u64::try_from(weight).map_err(|_| {
                    exec_datafusion_err!(
                        "{name}: a weight is negative ({weight}); a row stands for 0 or more"
                    )
                })?;
                (weight > 0).then(|| Row::Value(values.value(row), weight))
            }
            Self::Sketches(sketches) => sketches
                .is_valid(row)
                .then(|| Row::Sketch(sketches.value(row))),
        })
    }
}

impl Row<'_> {
    /// Adds it to a histogram.
    pub(super) fn add_to(
        self,
        histogram: &mut Histogram,
        name: &str,
        buckets: &mut Vec<(i16, u64)>,
    ) -> Result<()> {
        match self {
            Self::Value(value, 1) => {
                histogram.add(value);
                Ok(())
            }
            Self::Value(value, weight) => histogram.add_weighted(value, weight),
            Self::Sketch(bytes) => merge(histogram, bytes, buckets),
        }
        .map_err(|refused| failed(name, refused))
    }
}

/// Adds a sketch from outside, which has at least one byte.
fn merge(
    histogram: &mut Histogram,
    bytes: &[u8],
    buckets: &mut Vec<(i16, u64)>,
) -> std::result::Result<(), Refused> {
    use soakbox_schemas::tables::histogram::HistogramError;
    if bytes.is_empty() {
        return Err(Refused::Bytes(HistogramError::Cut));
    }
    histogram.merge(bytes, buckets)
}

/// The error of the function `name`.
pub(in crate::sql::functions) fn failed(name: &str, refused: Refused) -> DataFusionError {
    exec_datafusion_err!("{name}: {refused}")
}
