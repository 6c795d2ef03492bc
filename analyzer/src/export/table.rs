//! A table as one Parquet file: the columns, types and field ids of `docs/columns.md`, and two more with
//! the run and the host of each row.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use serde::Serialize;
use soakbox_cli::{Failure, Result};
use soakbox_schemas::recording::encoding;
use soakbox_schemas::recording::footer::{COLUMNS, ColumnNote, EXPORT, Exported};
use soakbox_schemas::tables::Table;

/// Writes the rows of a table, in the order in which they come. The bytes are handed on after each row
/// group.
pub struct ParquetTable {
    table: Table,
    about: Exported,
    writer: Option<(SchemaRef, ArrowWriter<Vec<u8>>)>,
}

impl ParquetTable {
    /// Without rows so far. `about` goes into the footer.
    pub fn new(table: Table, about: Exported) -> Self {
        Self {
            table,
            about,
            writer: None,
        }
    }

    /// Appends a batch. The first one may be empty: it gives the columns.
    ///
    /// # Errors
    /// Where Parquet refuses the rows.
    pub fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let (schema, mut writer) = match self.writer.take() {
            Some(known) => known,
            None => self.start(&batch.schema()).map_err(unwritable)?,
        };
        let batch = in_types(batch, &schema).map_err(|error| Failure::new("rows", error))?;
        writer.write(&batch).map_err(unwritable)?;
        out.append(writer.inner_mut());
        self.writer = Some((schema, writer));
        Ok(())
    }

    /// Appends what was held back, and the footer.
    ///
    /// # Errors
    /// As [`ParquetTable::rows`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if let Some((_, writer)) = &mut self.writer {
            writer.finish().map_err(unwritable)?;
            out.append(writer.inner_mut());
        }
        Ok(())
    }

    fn start(
        &self,
        of_query: &Schema,
    ) -> std::result::Result<(SchemaRef, ArrowWriter<Vec<u8>>), ParquetError> {
        let declared = self.table.schema();
        let fields = of_query.fields().iter().map(|field| {
            let known = declared.as_ref();
            let known = known.and_then(|schema| schema.field_with_name(field.name()).ok());
            file_field(field, known)
        });
        let schema: SchemaRef = Schema::new(fields.collect::<Vec<FieldRef>>()).into();
        let is_sorted = declared.is_some();
        let options = encoding::options(&schema, is_sorted);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)?;
        let mut add = |key: &str, value: String| {
            writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        };
        add(EXPORT, json(&self.about));
        if let Some(declaration) = self.table.declaration() {
            add(COLUMNS, json(&ColumnNote::of(declaration)));
        }
        Ok((schema, writer))
    }
}

/// The column of a query as a column of the file: with the id that the table declares, and nullable
/// where an older file of the recording lacks it.
fn file_field(field: &Field, declared: Option<&Field>) -> FieldRef {
    let kind = match declared {
        Some(declared) => declared.data_type().clone(),
        None => plain_type(field.data_type()),
    };
    let metadata = declared.map(|declared| declared.metadata().clone());
    let made = Field::new(field.name(), kind, field.is_nullable());
    Arc::new(made.with_metadata(metadata.unwrap_or_default()))
}

fn plain_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

fn in_types(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> std::result::Result<RecordBatch, ArrowError> {
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.map(
        |(field, column)| match column.data_type() == field.data_type() {
            true => Ok(column.clone()),
            false => cast(column, field.data_type()),
        },
    );
    let columns: Vec<ArrayRef> = columns.collect::<std::result::Result<_, _>>()?;
    RecordBatch::try_new(schema.clone(), columns)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn unwritable(error: ParquetError) -> Failure {
    Failure::new("rows", error)
}
