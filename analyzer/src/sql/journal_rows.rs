//! Rows of a journal as a stream: one frame is decoded at a time, so that a journal needs
//! memory for its own bytes and one batch only.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::scalar::ScalarValue;
use soakbox_schemas::journal::{Frame, frames_in};

use super::origin::origin_values;
use crate::recording::Journal;

/// A journal as a partition of its table.
#[derive(Debug)]
pub(super) struct JournalRows {
    schema: SchemaRef,
    journal: Arc<[u8]>,
    origin: [ScalarValue; 2],
}

impl JournalRows {
    /// `schema` is the table's, origin columns included.
    pub(super) fn new(schema: SchemaRef, journal: &Journal) -> Self {
        Self {
            schema,
            journal: journal.bytes.clone(),
            origin: origin_values(&journal.origin),
        }
    }
}

impl PartitionStream for JournalRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (schema, origin) = (self.schema.clone(), self.origin.clone());
        let batches = frames_in(self.journal.clone()).filter_map(move |frame| match frame {
            Frame::Batch(batch) => Some(fit(&batch, &schema, &origin)),
            Frame::Damaged { .. } => None,
        });
        Box::pin(RecordBatchStreamAdapter::new(
            self.schema.clone(),
            futures::stream::iter(batches),
        ))
    }
}

/// The batch with exactly the columns of `schema`: missing ones are null, and the origin columns
/// are the last.
fn fit(batch: &RecordBatch, schema: &SchemaRef, origin: &[ScalarValue]) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let own = schema.fields().len() - origin.len();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in &schema.fields()[..own] {
        columns.push(match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => column.clone(),
            Some(column) => cast(column, field.data_type())?,
            None => new_null_array(field.data_type(), rows),
        });
    }
    for value in origin {
        columns.push(value.to_array_of_size(rows)?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        schema.clone(),
        columns,
        &options,
    )?)
}
