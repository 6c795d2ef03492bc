//! The tables of a recording: names, columns, types and order, and the builders that turn rows into batches.
//! Signed 64-bit integers throughout (Spark and Trino have no unsigned), units last in a name, missing is null.

mod annotations;
mod column;
mod operation_log;
mod operation_metrics;
mod recorder_health;

pub use annotations::{Annotation, AnnotationKind};
pub use operation_log::{OperationInfo, OperationLogBuilder};
pub use operation_metrics::{LOSS_CAUSES, OperationMetrics};
pub use recorder_health::RecorderHealth;

use arrow::datatypes::SchemaRef;

/// Columns that the files do not have and a reader adds from each file's footer, behind the table's own: the first
/// eight digits of the recorder's UUID, and the host. `interval` is only comparable within one recorder.
pub const ORIGIN_COLUMNS: [&str; 2] = ["recorder", "host"];

/// A table of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row per recorded operation.
    OperationLog,
    /// One row per operation and interval: what the kernel counted.
    OperationMetrics,
    /// One row per interval: the recorder about itself.
    RecorderHealth,
    /// Moments worth remembering: starts, stops, gaps, notes.
    Annotations,
}

impl Table {
    /// Every table, in the order of the documentation.
    pub const ALL: [Table; 4] = [
        Table::OperationLog,
        Table::OperationMetrics,
        Table::RecorderHealth,
        Table::Annotations,
    ];

    /// Its name: in SQL, in file names, as a directory of the recording.
    pub const fn name(self) -> &'static str {
        match self {
            Table::OperationLog => "operation_log",
            Table::OperationMetrics => "operation_metrics",
            Table::RecorderHealth => "recorder_health",
            Table::Annotations => "annotations",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The column that rows are ordered by in time, a `timestamp(ns, UTC)`.
    pub const fn time_column(self) -> &'static str {
        match self {
            Table::OperationLog => "finished_at",
            _ => "at",
        }
    }

    /// Its Arrow schema: column order, types, nullability and Parquet field ids.
    pub fn schema(self) -> SchemaRef {
        match self {
            Table::OperationLog => operation_log::schema(),
            Table::OperationMetrics => operation_metrics::schema(),
            Table::RecorderHealth => recorder_health::schema(),
            Table::Annotations => annotations::schema(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_by_its_name_and_has_its_time_column_first() {
        for table in Table::ALL {
            assert_eq!(Table::from_name(table.name()), Some(table));
            assert_eq!(table.schema().field(0).name(), table.time_column());
        }
        assert_eq!(Table::from_name("nonsense"), None);
    }

    #[test]
    fn field_ids_are_unique_and_no_type_is_unsigned() {
        for table in Table::ALL {
            let schema = table.schema();
            let mut ids: Vec<&String> = schema
                .fields()
                .iter()
                .map(|field| &field.metadata()["PARQUET:field_id"])
                .collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), schema.fields().len(), "{}", table.name());
            assert!(
                schema
                    .fields()
                    .iter()
                    .all(|field| !field.data_type().is_unsigned_integer())
            );
        }
    }
}
