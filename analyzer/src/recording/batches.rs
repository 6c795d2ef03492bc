//! The rows of one file as batches with the columns that are asked for, without a query engine. A
//! column that the file lacks is absent from its batches.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use soakbox_cli::{Failure, Result, plain_io_error};
use soakbox_schemas::journal::{Frame, frames_in};

use super::decoders::{UNDECODABLE, caught};
use super::segment::{Unreadable, not_parquet};
use super::{BoundedFile, Journal, Segment};

/// The next step where a segment is gone that was there when the recording was opened.
pub(crate) const DELETED_HINT: &str =
    "it was deleted meanwhile, maybe by a recorder that keeps no more; run the command again";

/// The next step where a file cannot be read.
pub(super) const SKIP_HINT: &str =
    "--skip-damaged reads the rest and reports the files that it left out";

/// Rows per batch.
const BATCH_ROWS: usize = 8192;

impl Segment {
    /// Calls `consume` with each batch of rows, in the order of the file. Texts are dictionaries.
    ///
    /// # Errors
    /// Where the file cannot be read, or `consume` fails.
    pub fn batches(
        &self,
        columns: &[&str],
        mut consume: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let undecodable = || self.damaged(format!("corrupt Parquet file ({UNDECODABLE})"));
        let mut reader = caught(|| self.reader(columns)).ok_or_else(undecodable)??;
        while let Some(batch) = caught(|| reader.next()).ok_or_else(undecodable)? {
            let batch = batch.map_err(|error| {
                let error = error.to_string();
                let reason = error.rsplit("Parquet error: ").next().unwrap_or_default();
                self.damaged(format!("corrupt Parquet file ({reason})"))
            })?;
            consume(&batch)?;
        }
        Ok(())
    }

    /// The segment, if all of its rows can be read: a footer does not show damaged pages.
    pub(super) fn with_readable_rows(self) -> std::result::Result<Self, Unreadable> {
        let columns = self
            .columns
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        let read = self.batches(&columns.collect::<Vec<_>>(), |_| Ok(()));
        read.map_err(|failure| match self.path.exists() {
            true => Unreadable::Damaged(failure.reason().to_owned()),
            false => Unreadable::Vanished,
        })?;
        Ok(self)
    }

    fn damaged(&self, reason: String) -> Failure {
        Failure::path(&self.path, reason).hint(SKIP_HINT)
    }

    fn reader(&self, columns: &[&str]) -> Result<ParquetRecordBatchReader> {
        let corrupt = |error: ParquetError| self.damaged(not_parquet(&error));
        let file = BoundedFile::open(&self.path).map_err(|error| unopened(&self.path, &error))?;
        let options = ArrowReaderOptions::new().with_schema(with_dictionaries(&self.columns));
        let metadata = match &self.metadata {
            Some(known) => ArrowReaderMetadata::try_new(known.clone(), options),
            None => ArrowReaderMetadata::load(&file, options),
        };
        let metadata = metadata.map_err(corrupt)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let wanted = columns.iter().copied();
        let wanted = wanted.filter(|name| self.columns.column_with_name(name).is_some());
        let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
        let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
        builder.build().map_err(corrupt)
    }
}

/// A segment that was listed and cannot be opened now.
fn unopened(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::path(path, plain_io_error(error));
    if error.kind() == io::ErrorKind::NotFound {
        return failure.hint(DELETED_HINT);
    }
    failure
}

impl Journal {
    /// Calls `consume` with the batch of each whole frame.
    ///
    /// # Errors
    /// Where `consume` fails.
    pub fn batches(&self, mut consume: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        for frame in frames_in(&self.bytes) {
            if let Frame::Batch(batch) = frame {
                consume(&batch)?;
            }
        }
        Ok(())
    }
}

/// The columns with dictionaries instead of texts: a text that many rows have is read once.
fn with_dictionaries(columns: &SchemaRef) -> SchemaRef {
    let fields = columns.fields().iter().map(|field| {
        if *field.data_type() != DataType::Utf8 {
            return field.clone();
        }
        let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let field = Field::clone(field).with_data_type(words);
        Arc::new(field)
    });
    let fields: Vec<FieldRef> = fields.collect();
    Arc::new(Schema::new_with_metadata(
        fields,
        columns.metadata().clone(),
    ))
}
