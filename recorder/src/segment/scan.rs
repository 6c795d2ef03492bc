//! Reading a journal from its file, one frame in memory at a time. What cannot be read is counted and skipped;
//! only the system's own errors end the reading. The format itself is `soakbox_schemas::journal`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use soakbox_schemas::journal::{HEADER_BYTES, MAGIC, decode, frame_length, vain_bytes};

use super::error::SegmentError;
use super::identity::Metadata;
use super::summary::Summary;

/// Bytes read at once while looking for the next whole frame.
const WINDOW_BYTES: usize = 64 << 10;

/// Reads the whole frames of a journal in order.
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    file: File,
    length: u64,
    offset: u64,
    frame: Vec<u8>,
    damaged_bytes: u64,
    /// What may still be checked in vain.
    spare: u64,
}

impl JournalReader {
    /// Opens a journal as it is now; what is appended later is not seen.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let failed = |error| SegmentError::io("open", path, error);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            length,
            offset: 0,
            frame: Vec::new(),
            damaged_bytes: 0,
            spare: vain_bytes(length),
        })
    }

    /// The next whole batch and the bytes of its frame; `None` at the end.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn next_batch(&mut self) -> Result<Option<(RecordBatch, u64)>, SegmentError> {
        while self.offset < self.length {
            if let Some((batch, bytes)) = self.batch_at(self.offset)? {
                self.offset += bytes;
                return Ok(Some((batch, bytes)));
            }
            let next = self.find_frame(self.offset + 1)?;
            self.damaged_bytes += next - self.offset;
            self.offset = next;
        }
        Ok(None)
    }

    /// Bytes skipped so far because they are no whole frame.
    pub fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    /// The batch whose frame starts at `offset`, if one does.
    fn batch_at(&mut self, offset: u64) -> Result<Option<(RecordBatch, u64)>, SegmentError> {
        let mut header = [0; HEADER_BYTES];
        if self.length - offset < HEADER_BYTES as u64 {
            return Ok(None);
        }
        self.read(&mut header, offset)?;
        let Some(bytes) = frame_length(&header) else {
            return Ok(None);
        };
        let left = self.spare.checked_sub(bytes as u64);
        let Some(left) = left.filter(|_| self.length - offset >= bytes as u64) else {
            return Ok(None);
        };
        let mut frame = std::mem::take(&mut self.frame);
        frame.resize(bytes, 0);
        let read = self.read(&mut frame, offset);
        let decoded = decode(&frame);
        self.frame = frame;
        read?;
        if decoded.is_none() {
            self.spare = left;
        }
        Ok(decoded.map(|batch| (batch, bytes as u64)))
    }

    /// Where the next whole frame at or after `from` starts; the journal's length where there is none.
    fn find_frame(&mut self, from: u64) -> Result<u64, SegmentError> {
        let mut window = vec![0; WINDOW_BYTES];
        let mut start = from;
        while self.length.saturating_sub(start) >= HEADER_BYTES as u64 {
            let size = usize::try_from(self.length - start)
                .map_or(WINDOW_BYTES, |left| left.min(WINDOW_BYTES));
            self.read(&mut window[..size], start)?;
            for position in 0..=size - MAGIC.len() {
                let offset = start + position as u64;
                if window[position..].starts_with(&MAGIC) && self.batch_at(offset)?.is_some() {
                    return Ok(offset);
                }
            }
            // Windows overlap, so that a magic across their edge is found.
            start += (size - MAGIC.len() + 1) as u64;
        }
        Ok(self.length)
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), SegmentError> {
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| SegmentError::io("read", &self.path, error))
    }
}

/// What one reading of a whole journal says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// What its rows are.
    pub summary: Summary,
    /// The metadata of its first whole frame.
    pub metadata: Option<Metadata>,
}

/// Reads the journal at `path` without keeping anything of it.
///
/// # Errors
/// Where it cannot be read.
pub fn scan(path: &Path) -> Result<Scan, SegmentError> {
    let mut reader = JournalReader::open(path)?;
    let mut scan = Scan::default();
    while let Some((batch, _)) = reader.next_batch()? {
        scan.summary.add(&batch);
        scan.metadata
            .get_or_insert_with(|| Metadata::of_schema(batch.schema_ref().metadata()));
    }
    Ok(scan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_megabyte_of_false_magics_is_scanned_in_time() {
        const BYTES: usize = 1 << 20;
        let mut bytes = Vec::new();
        while bytes.len() + HEADER_BYTES <= BYTES {
            let claimed = (BYTES - bytes.len() - HEADER_BYTES) as u32;
            bytes.extend(MAGIC);
            bytes.extend(claimed.to_le_bytes());
            bytes.extend([0; 4]);
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("operation_log-000001.journal");
        std::fs::write(&path, &bytes).unwrap();
        let started = std::time::Instant::now();
        let mut reader = JournalReader::open(&path).unwrap();
        assert!(reader.next_batch().unwrap().is_none());
        assert_eq!(reader.damaged_bytes(), bytes.len() as u64);
        assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    }
}
