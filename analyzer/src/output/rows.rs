//! Rows of a query as bytes, batch by batch, so that memory does not grow with their number. Pure:
//! the caller writes the bytes. Values are as the recording has them; only the characters that
//! the format itself requires are escaped.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, Writer, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use soakbox_cli::{Failure, Result};

/// An encoder of rows in one format.
pub trait RowEncoder {
    /// Appends a batch to `out`. The first batch may be empty: it gives the columns.
    ///
    /// # Errors
    /// Where the format cannot hold the values.
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()>;

    /// Appends the rows that were held back, and the end.
    ///
    /// # Errors
    /// As [`RowEncoder::encode`].
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()>;
}

pub(super) fn unprintable(error: ArrowError) -> Failure {
    Failure::new("result", error)
}

/// Values of a column as text.
fn formatter<'a>(
    column: &'a ArrayRef,
    options: &'a FormatOptions<'a>,
) -> Result<ArrayFormatter<'a>> {
    ArrayFormatter::try_new(column, options).map_err(unprintable)
}

/// Passes the cells of each row as text to `write`, with `null` for a missing value.
pub(super) fn for_each_row(
    batch: &RecordBatch,
    null: &str,
    mut write: impl FnMut(&mut dyn Iterator<Item = String>),
) -> Result<()> {
    let options = FormatOptions::new().with_null(null);
    let columns = batch.columns().iter();
    let columns = columns
        .map(|column| formatter(column, &options))
        .collect::<Result<Vec<_>>>()?;
    for row in 0..batch.num_rows() {
        write(&mut columns.iter().map(|column| column.value(row).to_string()));
    }
    Ok(())
}

/// Objects: in an array, or one per line.
pub struct JsonRows<F: JsonFormat>(Writer<Vec<u8>, F>);

impl JsonRows<JsonArray> {
    /// An array, without rows so far.
    pub fn array() -> Self {
        Self(json().build(Vec::new()))
    }
}

impl JsonRows<LineDelimited> {
    /// Lines, without rows so far.
    pub fn lines() -> Self {
        Self(json().build(Vec::new()))
    }
}

/// A missing value is null.
fn json() -> WriterBuilder {
    WriterBuilder::new().with_explicit_nulls(true)
}

impl<F: JsonFormat> RowEncoder for JsonRows<F> {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        self.0.write(batch).map_err(unprintable)?;
        out.append(self.0.get_mut());
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.0.finish().map_err(unprintable)?;
        out.append(self.0.get_mut());
        // An array ends without the end of its line.
        if out.last().is_some_and(|last| *last != b'\n') {
            out.push(b'\n');
        }
        Ok(())
    }
}

/// Comma-separated values under a line of names. Lists are text like `[1, 2]`.
pub struct CsvRows {
    is_first: bool,
}

impl CsvRows {
    /// An encoder without rows so far.
    #[expect(
        clippy::new_without_default,
        reason = "like the other formats, which take arguments"
    )]
    pub fn new() -> Self {
        Self { is_first: true }
    }
}

impl RowEncoder for CsvRows {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let builder = csv::WriterBuilder::new().with_header(self.is_first);
        self.is_first = false;
        let batch = flat(batch)?;
        builder.build(out).write(&batch).map_err(unprintable)
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// The batch with its nested columns as text, since Arrow's CSV writer refuses nested ones.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            let options = FormatOptions::new();
            let values = formatter(column, &options)?;
            let texts = (0..column.len())
                .map(|row| column.is_valid(row).then(|| values.value(row).to_string()));
            columns.push(Arc::new(StringArray::from_iter(texts)));
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
        } else {
            columns.push(column.clone());
            fields.push(field.clone());
        }
    }
    if columns.is_empty() {
        return Ok(batch.clone());
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(unprintable)
}
