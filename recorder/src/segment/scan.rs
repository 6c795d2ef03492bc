//! Reading a journal from its file, with one frame in memory at a time. Only errors of the system
//! end the reading; `soakbox_schemas::journal` decides where it goes on after damage.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use soakbox_schemas::journal::{Frame, Frames};
use soakbox_schemas::recording::Provenance;

use super::error::SegmentError;
use super::footers;
use super::summary::Summary;

/// Reads the whole frames of a journal in order.
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    frames: Frames<File>,
    damaged_bytes: u64,
}

impl JournalReader {
    /// Opens a journal as it is now; frames that are appended later are not read.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let failed = |error| SegmentError::io("open", path, error);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self {
            path: path.to_owned(),
            frames: Frames::new(file, length),
            damaged_bytes: 0,
        })
    }

    /// The next whole batch and the bytes of its frame; `None` at the end.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn next_batch(&mut self) -> Result<Option<(RecordBatch, u64)>, SegmentError> {
        loop {
            let start = self.frames.offset();
            let frame = self.frames.next().transpose();
            match frame.map_err(|error| SegmentError::io("read", &self.path, error))? {
                Some(Frame::Batch(batch)) => {
                    return Ok(Some((batch, self.frames.offset() - start)));
                }
                Some(Frame::Damaged { bytes, .. }) => self.damaged_bytes += bytes,
                None => return Ok(None),
            }
        }
    }

    /// Bytes skipped so far because they are not part of a whole frame.
    pub fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }
}

/// The result of reading a whole journal once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Number, times and order of its rows.
    pub summary: Summary,
    /// The provenance of its rows, from the first whole frame that has one.
    pub provenance: Option<Provenance>,
}

/// Reads the journal at `path` once, without keeping its rows.
///
/// # Errors
/// Where it cannot be read.
pub fn scan(path: &Path) -> Result<Scan, SegmentError> {
    let mut reader = JournalReader::open(path)?;
    let mut scan = Scan::default();
    while let Some((batch, _)) = reader.next_batch()? {
        scan.summary.add(&batch);
        if scan.provenance.is_none() {
            let footer = footers::of_frame(batch.schema_ref());
            scan.provenance = footer.ok().map(|footer| footer.provenance);
        }
    }
    Ok(scan)
}
