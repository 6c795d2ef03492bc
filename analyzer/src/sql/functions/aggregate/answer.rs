//! What an aggregate answers from a histogram: one quantile, several, or the sketch itself.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, LargeBinaryBuilder, ListBuilder};
use arrow::datatypes::{DataType, Field};

use super::super::histogram::Histogram;

/// The answer for each group; null for one without values.
#[derive(Clone, Debug)]
pub(in crate::sql::functions) enum Answer {
    /// One quantile.
    Quantile(f64),
    /// A list of quantiles.
    Quantiles(Vec<f64>),
    /// The encoded histogram.
    Sketch,
}

/// Type of a list of quantiles.
pub(in crate::sql::functions) fn list_type() -> DataType {
    DataType::List(item())
}

pub(in crate::sql::functions) fn item() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Int64, true))
}

impl Answer {
    pub(super) fn of<'a>(&self, groups: impl ExactSizeIterator<Item = &'a Histogram>) -> ArrayRef {
        match self {
            Self::Quantile(level) => {
                let mut values = Int64Builder::with_capacity(groups.len());
                for group in groups {
                    values.append_option(group.quantiles(&[*level]).map(|found| found[0]));
                }
                Arc::new(values.finish())
            }
            Self::Quantiles(levels) => {
                let mut lists = ListBuilder::new(Int64Builder::new()).with_field(item());
                for group in groups {
                    let found = group.quantiles(levels);
                    lists.append_option(found.map(|values| values.into_iter().map(Some)));
                }
                Arc::new(lists.finish())
            }
            Self::Sketch => encoded(groups, true),
        }
    }
}

/// The encoded histograms of groups; one without values is null, or no bytes.
pub(super) fn encoded<'a>(
    groups: impl Iterator<Item = &'a Histogram>,
    empty_is_null: bool,
) -> ArrayRef {
    let (mut builder, mut bytes) = (LargeBinaryBuilder::new(), Vec::new());
    for group in groups {
        bytes.clear();
        group.encode(&mut bytes);
        match empty_is_null && bytes.is_empty() {
            true => builder.append_null(),
            false => builder.append_value(&bytes),
        }
    }
    Arc::new(builder.finish())
}
