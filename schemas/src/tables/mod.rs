//! The tables of a recording: the declaration of each, and the builders that turn rows into
//! batches. A unit is the last part of a column's name; a missing value is null, never 0.

#[macro_use]
mod macros;
mod annotations;
mod declaration;
pub mod histogram;
pub mod kind;
mod operation_log;
mod operation_metrics;
mod recorder_health;
mod stall;
mod table;

pub use annotations::{Annotation, AnnotationBuilder, AnnotationKind};
pub use declaration::{Column, DESCRIPTION_KEY, Declaration, FIELD_ID_KEY, SOURCE_KEY, UNIT_KEY};
pub use operation_log::{OperationInfo, OperationLogBuilder, OperationRow, OperationRowBuilder};
pub use operation_metrics::{LOSS_CAUSES, OperationMetrics, OperationMetricsBuilder};
pub use recorder_health::{RecorderHealth, RecorderHealthBuilder};
pub use stall::Stall;
pub use table::{MAX_NAME_BYTES, Table};

// The expansion of `table!` names these, also in other packages.
#[doc(hidden)]
pub use arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};

/// The declaration of every table, in the order of the documentation.
pub const DECLARATIONS: [&Declaration; 4] = [
    OperationRow::DECLARATION,
    OperationMetrics::DECLARATION,
    RecorderHealth::DECLARATION,
    Annotation::DECLARATION,
];

/// Columns that the files do not have and a reader adds from the footer of each file, after the
/// columns of the table: the first eight digits of the recorder's UUID, and the host. `interval` is
/// only comparable within one recorder.
pub const ORIGIN_COLUMNS: [&str; 2] = ["recorder", "host"];

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, TimeUnit};

    #[test]
    fn the_first_column_of_every_table_is_its_time() {
        let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        for table in Table::ALL {
            let schema = table.schema().unwrap();
            assert_eq!(schema.field(0).data_type(), &time, "{table:?}");
            assert!(!schema.field(0).is_nullable(), "{table:?}");
        }
    }

    #[test]
    fn field_ids_are_unique_and_no_type_is_unsigned() {
        for table in Table::ALL {
            let schema = table.schema().unwrap();
            let mut ids: Vec<&String> = schema
                .fields()
                .iter()
                .map(|field| &field.metadata()["PARQUET:field_id"])
                .collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), schema.fields().len(), "{table:?}");
            assert!(
                schema
                    .fields()
                    .iter()
                    .all(|field| !field.data_type().is_unsigned_integer())
            );
        }
    }
}
