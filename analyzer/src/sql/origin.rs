//! Which recorder and host a row is of: the values of the two columns that every table gets.

use datafusion::datasource::physical_plan::wrap_partition_value_in_dict;
use datafusion::scalar::ScalarValue;

use crate::recording::Origin;

/// The values of [`soakbox_schemas::tables::ORIGIN_COLUMNS`].
pub(super) fn origin_values(origin: &Origin) -> [ScalarValue; 2] {
    [&origin.recorder, &origin.host]
        .map(|value| wrap_partition_value_in_dict(ScalarValue::from(value.as_str())))
}
