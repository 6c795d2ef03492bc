//! Rows of a query in the binary formats of other programs: Parquet, Arrow IPC as a file and as a
//! stream. The bytes are handed on after each batch (Parquet: after each row group).

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use soakbox_cli::{Failure, Result};

use super::rows::{RowEncoder, unprintable};

/// Rows of a row group, which is kept in memory until it is full.
const GROUP_ROWS: usize = 1 << 17;

/// A binary format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryFormat {
    /// Parquet, compressed with Zstandard.
    Parquet,
    /// An Arrow IPC file.
    Arrow,
    /// An Arrow IPC stream.
    ArrowStream,
}

enum Writer {
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    Arrow(Box<FileWriter<Vec<u8>>>),
    Stream(Box<StreamWriter<Vec<u8>>>),
}

/// Rows in a binary format.
pub struct BinaryRows {
    format: BinaryFormat,
    /// From the first batch on, which gives the columns.
    writer: Option<Writer>,
}

impl BinaryRows {
    /// An encoder without rows so far.
    pub fn new(format: BinaryFormat) -> Self {
        Self {
            format,
            writer: None,
        }
    }

    fn start(&self, schema: &Schema) -> Result<Writer> {
        Ok(match self.format {
            BinaryFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(GROUP_ROWS))
                    .build();
                let schema = Arc::new(schema.clone());
                let writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties));
                Writer::Parquet(Box::new(writer.map_err(unwritable)?))
            }
            BinaryFormat::Arrow => {
                let writer = FileWriter::try_new(Vec::new(), schema).map_err(unprintable)?;
                Writer::Arrow(Box::new(writer))
            }
            BinaryFormat::ArrowStream => {
                let writer = StreamWriter::try_new(Vec::new(), schema).map_err(unprintable)?;
                Writer::Stream(Box::new(writer))
            }
        })
    }
}

impl RowEncoder for BinaryRows {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let batch = plain(batch).map_err(unprintable)?;
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.start(&batch.schema())?,
        };
        match &mut writer {
            Writer::Parquet(writer) => {
                writer.write(&batch).map_err(unwritable)?;
                out.append(writer.inner_mut());
            }
            // A file of many empty batches helps nobody.
            Writer::Arrow(_) | Writer::Stream(_) if batch.num_rows() == 0 => {}
            Writer::Arrow(writer) => {
                writer.write(&batch).map_err(unprintable)?;
                out.append(writer.get_mut());
            }
            Writer::Stream(writer) => {
                writer.write(&batch).map_err(unprintable)?;
                out.append(writer.get_mut());
            }
        }
        self.writer = Some(writer);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        match &mut self.writer {
            Some(Writer::Parquet(writer)) => {
                writer.finish().map_err(unwritable)?;
                out.append(writer.inner_mut());
            }
            Some(Writer::Arrow(writer)) => {
                writer.finish().map_err(unprintable)?;
                out.append(writer.get_mut());
            }
            Some(Writer::Stream(writer)) => {
                writer.finish().map_err(unprintable)?;
                out.append(writer.get_mut());
            }
            None => {}
        }
        Ok(())
    }
}

fn unwritable(error: ParquetError) -> Failure {
    Failure::new("result", error)
}

/// The batch with types that every reader knows. A dictionary is written as its values, since the
/// dictionaries of two batches differ, which an Arrow file cannot hold.
fn plain(batch: &RecordBatch) -> std::result::Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let fields: Vec<FieldRef> = schema.fields().iter().map(plain_field).collect();
    let columns = fields.iter().zip(batch.columns()).map(|(field, column)| {
        if column.data_type() == field.data_type() {
            Ok(column.clone())
        } else {
            cast(column, field.data_type())
        }
    });
    let columns: Vec<ArrayRef> = columns.collect::<std::result::Result<_, _>>()?;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let kind = plain_type(field.data_type());
    Arc::new(Field::new(field.name(), kind, field.is_nullable()))
}

fn plain_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        other => other.clone(),
    }
}
