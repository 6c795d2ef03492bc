//! Writing a journal: frames appended to a file of one table, made durable by
//! [`JournalWriter::flush`]. Never rewrites a frame; a frame that could not be written whole is cut
//! off again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use soakbox_schemas::journal;
use soakbox_schemas::recording::{Footer, JournalName};

use super::durable;
use super::error::SegmentError;
use super::summary::Summary;

/// An open journal.
#[derive(Debug)]
pub struct JournalWriter {
    name: JournalName,
    path: PathBuf,
    file: File,
    schema: SchemaRef,
    frame: Vec<u8>,
    bytes: u64,
    flushed: u64,
    summary: Summary,
}

impl JournalWriter {
    /// Creates the journal of `footer` below `root` for batches with the columns of `schema`; each
    /// batch carries the footer's pairs.
    ///
    /// # Errors
    /// Where it exists or cannot be created, or `schema` is not that of the table's declaration.
    pub fn create(root: &Path, schema: &Schema, footer: &Footer) -> Result<Self, SegmentError> {
        let name = footer.name.clone();
        let path = name.path(root);
        let declared = name.table.schema();
        if declared.is_some_and(|declared| declared.fields() != schema.fields()) {
            return Err(SegmentError::Columns { path });
        }
        let file = durable::create_new(&path)?;
        if let Err(error) = durable::sync_directory(durable::parent(&path)) {
            let _ = durable::remove(&path);
            return Err(error);
        }
        let fields = schema.fields().clone();
        Ok(Self {
            name,
            path,
            file,
            schema: Arc::new(Schema::new_with_metadata(
                fields,
                footer.to_pairs().into_iter().collect(),
            )),
            frame: Vec::new(),
            bytes: 0,
            flushed: 0,
            summary: Summary::default(),
        })
    }

    /// Appends a batch as one frame. After this call a kill loses none of it; after [`Self::flush`]
    /// a power cut loses none of it either. For a batch without rows no frame is written.
    ///
    /// # Errors
    /// Where the batch has other columns than the table, or cannot be written; the journal is then
    /// as before.
    pub fn append(&mut self, batch: &RecordBatch) -> Result<(), SegmentError> {
        let columns = || SegmentError::Columns {
            path: self.path.clone(),
        };
        if batch.schema_ref().fields() != self.schema.fields() {
            return Err(columns());
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut summary = self.summary;
        if !summary.add(batch) {
            return Err(columns());
        }
        let encode = |source| SegmentError::Encode {
            path: self.path.clone(),
            source,
        };
        self.frame.clear();
        let batch =
            RecordBatch::try_new(self.schema.clone(), batch.columns().to_vec()).map_err(encode)?;
        journal::encode(&batch, &mut self.frame).map_err(encode)?;
        if let Err(error) = self.file.write_all_at(&self.frame, self.bytes) {
            // Cut the torn frame off; where that fails too, the next frame is written over it, and
            // a reader skips the rest of it.
            let _ = self.file.set_len(self.bytes);
            return Err(SegmentError::io("write", &self.path, error));
        }
        self.bytes += self.frame.len() as u64;
        self.summary = summary;
        Ok(())
    }

    /// Makes every appended frame durable. Returns `false` where there was no new one.
    ///
    /// # Errors
    /// Where the disk refuses; it is unknown then which rows are durable.
    pub fn flush(&mut self) -> Result<bool, SegmentError> {
        if self.flushed == self.bytes {
            return Ok(false);
        }
        self.file
            .sync_data()
            .map_err(|error| SegmentError::io("sync", &self.path, error))?;
        self.flushed = self.bytes;
        Ok(true)
    }

    /// Its name.
    pub fn name(&self) -> &JournalName {
        &self.name
    }

    /// Bytes of whole frames.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number, times and order of its rows.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}
