//! A table of the recording for DataFusion to scan: an explicit list of sealed files, each with the
//! time range from its footer for pruning, and the rows of the journals.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::union::UnionExec;
use datafusion::scalar::ScalarValue;
use soakbox_schemas::tables::Table;

use super::files::{partitioned_file, scan};
use super::journal_rows::JournalRows;
use super::origin::{origin_fields, origin_values};
use crate::recording::{Recording, Segment};

/// One table of one recording.
#[derive(Debug)]
pub(super) struct RecordingTable {
    schema: TableSchema,
    /// The sealed files. What a scan needs of them is made when there is one.
    segments: Vec<Segment>,
    journals: Vec<Arc<dyn PartitionStream>>,
}

impl RecordingTable {
    pub(super) fn new(recording: &Recording, table: Table) -> Self {
        let own = readable_schema(recording, table);
        let schema = TableSchema::builder(own.clone())
            .with_table_partition_cols(origin_fields())
            .build();
        let journals = recording
            .journals(table)
            .filter(|journal| journal.rows > 0)
            .map(|journal| {
                let rows = JournalRows::new(schema.table_schema().clone(), journal);
                Arc::new(rows) as Arc<dyn PartitionStream>
            })
            .collect();
        Self {
            schema,
            segments: recording.segments(table).cloned().collect(),
            journals,
        }
    }

    fn files(&self) -> Vec<PartitionedFile> {
        let schema = self.schema.file_schema();
        // Neighbouring files have the same columns.
        let mut last: Option<(SchemaRef, SchemaRef)> = None;
        let file = |segment: &Segment| {
            let as_read = match &last {
                Some((known, as_read)) if Arc::ptr_eq(known, &segment.columns) => as_read.clone(),
                _ => as_read(segment, schema),
            };
            last = Some((segment.columns.clone(), as_read.clone()));
            partitioned_file(&segment.path, segment.bytes, segment.metadata.clone())
                .with_arrow_schema(as_read)
                .with_partition_values(origin_values(&segment.origin).to_vec())
                .with_statistics(Arc::new(statistics(segment, schema)))
        };
        self.segments.iter().map(file).collect()
    }
}

#[async_trait]
impl TableProvider for RecordingTable {
    fn schema(&self) -> SchemaRef {
        self.schema.table_schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut parts: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !self.segments.is_empty() {
            parts.push(scan(&self.schema, self.files(), state, projection, limit)?);
        }
        if !self.journals.is_empty() {
            parts.push(Arc::new(StreamingTableExec::try_new(
                self.schema(),
                self.journals.clone(),
                projection,
                None,
                false,
                limit,
            )?));
        }
        match parts.len() {
            0 => {
                let schema = datafusion::common::project_schema(&self.schema(), projection)?;
                Ok(Arc::new(EmptyExec::new(schema)))
            }
            1 => Ok(parts.remove(0)),
            _ => UnionExec::try_new(parts),
        }
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // The filters prune files and row groups only; each row is tested again after the scan.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

/// The table's columns. A column that some file lacks is nullable.
fn readable_schema(recording: &Recording, table: Table) -> SchemaRef {
    let schema = recording.columns(table);
    let lacking = |name: &String| match table.is_declared() {
        true => {
            let journals = recording.journals(table);
            let mut journals = journals.filter_map(|journal| journal.columns.as_ref());
            journals.any(|columns| columns.column_with_name(name).is_none())
                || recording
                    .segments(table)
                    .any(|segment| segment.missing_columns.contains(name))
        }
        false => true,
    };
    let fields = schema.fields().iter().map(|field| {
        if lacking(field.name()) {
            Arc::new(field.as_ref().clone().with_nullable(true))
        } else {
            field.clone()
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>()))
}

/// The columns of a file as they are read: words as dictionaries, without a copy of each row's text.
fn as_read(segment: &Segment, schema: &SchemaRef) -> SchemaRef {
    let fields = segment.columns.fields().iter().map(|field| {
        let declared = schema.field_with_name(field.name());
        match declared.map(Field::data_type) {
            Ok(DataType::Dictionary(keys, values)) if **values == *field.data_type() => {
                let words = DataType::Dictionary(keys.clone(), values.clone());
                Arc::new(field.as_ref().clone().with_data_type(words))
            }
            _ => field.clone(),
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>()))
}

fn statistics(segment: &Segment, schema: &SchemaRef) -> Statistics {
    let time = |ns| {
        Precision::Exact(ScalarValue::TimestampNanosecond(
            Some(ns),
            Some("UTC".into()),
        ))
    };
    let is_time = |field: &Field| matches!(field.data_type(), DataType::Timestamp(..));
    let columns = schema.fields().iter().enumerate();
    let columns = columns.map(|(index, field)| match segment.range {
        // The first column of every table is its time.
        Some(range) if index == 0 && is_time(field) => ColumnStatistics {
            min_value: time(range.first_ns),
            max_value: time(range.last_ns),
            null_count: Precision::Exact(0),
            ..ColumnStatistics::new_unknown()
        },
        _ => ColumnStatistics::new_unknown(),
    });
    Statistics {
        num_rows: usize::try_from(segment.rows).map_or(Precision::Absent, Precision::Exact),
        total_byte_size: Precision::Absent,
        column_statistics: columns.collect(),
    }
}
