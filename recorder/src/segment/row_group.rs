//! The row groups of a segment that is being written, one at a time: each column is a chunk, or is
//! left to Parquet's own writer of Arrow where its type is none of a chunk's.

use std::io::Write;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use soakbox_schemas::recording::encoding::{self, ROW_GROUP_ROWS};
use zstd::bulk::Compressor;

use super::chunk::Chunk;

/// Level of the compression of chunks.
const COMPRESSION_LEVEL: i32 = 1;

/// A Parquet file that is being written.
pub(super) struct RowGroups<W: Write + Send> {
    file: SerializedFileWriter<W>,
    schema: SchemaRef,
    others: ArrowRowGroupWriterFactory,
    columns: Vec<Column>,
    rows: usize,
    compressor: Compressor<'static>,
}

/// A column of the open row group.
enum Column {
    Chunk(Box<Chunk>),
    /// One writer for each column of Parquet.
    Other(Vec<ArrowColumnWriter>),
}

impl<W: Write + Send> RowGroups<W> {
    /// For rows of `schema`, which are `sorted` by the first column or not.
    pub(super) fn new(file: W, schema: SchemaRef, sorted: bool) -> Result<Self> {
        let options = encoding::options(&schema, sorted);
        let writer = ArrowWriter::try_new_with_options(file, schema.clone(), options)?;
        let (file, others) = writer.into_serialized_writer()?;
        Ok(Self {
            file,
            schema,
            others,
            columns: Vec::new(),
            rows: 0,
            compressor: Compressor::new(COMPRESSION_LEVEL)?,
        })
    }

    /// Appends rows, and ends row groups that are full.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            if self.columns.is_empty() {
                self.columns = self.begin()?;
            }
            let rows = (batch.num_rows() - start).min(ROW_GROUP_ROWS - self.rows);
            let part = batch.slice(start, rows);
            let fields = self.schema.fields().iter().zip(part.columns());
            let mut full = false;
            for (column, (field, array)) in self.columns.iter_mut().zip(fields) {
                full |= column.write(field, array, &mut self.compressor)?;
            }
            start += rows;
            self.rows += rows;
            if full || self.rows == ROW_GROUP_ROWS {
                self.end_row_group()?;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<Vec<Column>> {
        let groups = self.file.flushed_row_groups().len();
        let mut others = self.others.create_column_writers(groups)?.into_iter();
        let leaves = self.file.schema_descr();
        let mut leaf = 0;
        let fields = self.schema.fields().iter().enumerate();
        let columns = fields.map(|(index, field)| {
            let first = leaf;
            while leaf < leaves.num_columns() && leaves.get_column_root_idx(leaf) == index {
                leaf += 1;
            }
            let writers = others.by_ref().take(leaf - first).collect();
            let chunk = (leaf == first + 1)
                .then(|| leaves.column(first))
                .and_then(|leaf| Chunk::of(&leaf, field.data_type(), self.file.properties()));
            match chunk {
                Some(chunk) => Column::Chunk(Box::new(chunk)),
                None => Column::Other(writers),
            }
        });
        Ok(columns.collect())
    }

    /// Writes the rows so far to the file.
    pub(super) fn end_row_group(&mut self) -> Result<()> {
        let columns = std::mem::take(&mut self.columns);
        self.rows = 0;
        if columns.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in columns {
            match column {
                Column::Chunk(chunk) => {
                    let (bytes, close) = chunk.finish(&mut self.compressor)?;
                    group.append_column(&bytes, close)?;
                }
                Column::Other(writers) => {
                    for writer in writers {
                        writer.close()?.append_to_row_group(&mut group)?;
                    }
                }
            }
        }
        group.close()?;
        Ok(())
    }

    /// Bytes of the file so far, without the open row group.
    pub(super) fn bytes_written(&self) -> usize {
        self.file.bytes_written()
    }

    /// Writes bytes that are not Parquet's behind those so far.
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Writes the rows that are left and the footer with `pairs`.
    pub(super) fn finish(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Result<W> {
        self.end_row_group()?;
        for (key, value) in pairs {
            self.file
                .append_key_value_metadata(KeyValue::new(key, value));
        }
        self.file.into_inner()
    }
}

impl Column {
    /// Appends the values of `array`; whether the row group has to end.
    fn write(
        &mut self,
        field: &Field,
        array: &ArrayRef,
        compressor: &mut Compressor<'static>,
    ) -> Result<bool> {
        match self {
            Self::Chunk(chunk) => {
                chunk.write(array, compressor)?;
                Ok(chunk.is_full())
            }
            Self::Other(writers) => {
                for (writer, leaf) in writers.iter_mut().zip(compute_leaves(field, array)?) {
                    writer.write(&leaf)?;
                }
                Ok(false)
            }
        }
    }
}
