//! Durations in other units: `seconds`, `ms` and, from text, `ns`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray};
use arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::common::{Result, exec_datafusion_err};

use super::scalars::Scalar;
use crate::units::duration_ns;

pub(super) fn all() -> [Scalar; 3] {
    [
        Scalar {
            name: "seconds",
            syntax: "seconds(nanoseconds)",
            description: "Nanoseconds in seconds, with fractions. Of a list: a list.",
            types: nanoseconds,
            compute: Arc::new(|columns| divided(&columns[0], 1e9)),
        },
        Scalar {
            name: "ms",
            syntax: "ms(nanoseconds)",
            description: "Nanoseconds in milliseconds, with fractions. Of a list: a list, as in \
                          ms(quantiles(duration_ns, 0.5, 0.99)).",
            types: nanoseconds,
            compute: Arc::new(|columns| divided(&columns[0], 1e6)),
        },
        Scalar {
            name: "ns",
            syntax: "ns('10ms')",
            description: "Nanoseconds of a text: a number with its unit, which is ns, us, ms, s, m, h \
                          or d. WHERE duration_ns > ns('10ms').",
            types: |given| {
                let is_text = matches!(
                    given,
                    [DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null]
                );
                is_text.then(|| (vec![DataType::Utf8], DataType::Int64))
            },
            compute: Arc::new(parsed),
        },
    ]
}

/// A number or a list of numbers.
fn nanoseconds(given: &[DataType]) -> Option<(Vec<DataType>, DataType)> {
    let result = match given {
        [number] if number.is_numeric() || number.is_null() => DataType::Float64,
        [DataType::List(of)] if of.data_type().is_numeric() => {
            DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
        }
        _ => return None,
    };
    Some((vec![result.clone()], result))
}

fn divided(column: &ArrayRef, by: f64) -> Result<ArrayRef> {
    let numbers = |column: &ArrayRef| -> Float64Array {
        column.as_primitive::<Float64Type>().unary(|ns| ns / by)
    };
    Ok(match column.as_list_opt::<i32>() {
        None => Arc::new(numbers(column)),
        Some(lists) => Arc::new(ListArray::try_new(
            Arc::new(Field::new_list_field(DataType::Float64, true)),
            lists.offsets().clone(),
            Arc::new(numbers(lists.values())),
            lists.nulls().cloned(),
        )?),
    })
}

fn parsed(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = columns[0].as_string::<i32>().iter();
    let values = texts.map(|text| {
        let Some(text) = text else { return Ok(None) };
        let ns = duration_ns(text);
        ns.map(Some).ok_or_else(|| {
            exec_datafusion_err!(
                "ns: '{text}' is no duration; it is a number with its unit, as '250us' or '1.5s'"
            )
        })
    });
    Ok(Arc::new(values.collect::<Result<Int64Array>>()?))
}
