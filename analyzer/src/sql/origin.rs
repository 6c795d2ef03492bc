//! The two columns that the analyzer adds to every table: the recorder and the host of a row. Their
//! values are the same for all rows of a file.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::datasource::physical_plan::{
    wrap_partition_type_in_dict, wrap_partition_value_in_dict,
};
use datafusion::scalar::ScalarValue;
use soakbox_schemas::tables::ORIGIN_COLUMNS;

use crate::recording::Origin;

/// [`ORIGIN_COLUMNS`] as fields of a schema.
pub(super) fn origin_fields() -> Vec<FieldRef> {
    let word = wrap_partition_type_in_dict(DataType::Utf8);
    let fields = ORIGIN_COLUMNS.map(|name| Arc::new(Field::new(name, word.clone(), false)));
    fields.to_vec()
}

/// The values of [`ORIGIN_COLUMNS`] in the files of one run.
pub(super) fn origin_values(origin: &Origin) -> [ScalarValue; 2] {
    [&origin.recorder, &origin.host]
        .map(|value| wrap_partition_value_in_dict(ScalarValue::from(value.as_str())))
}
