//! One journal that is not sealed: its bytes at the moment of opening, and a walk over its frames.
//! A torn last frame is no damage: a journal that is being written may end with one.

use std::io;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};
use soakbox_cli::plain_io_error;
use soakbox_schemas::journal::{Frame, MAGIC, frames_in};
use soakbox_schemas::recording::{Footer, FooterError, JournalFile, uuid8};
use soakbox_schemas::tables::Table;

use super::segment::Unreadable;
use super::{BoundedFile, Origin, TimeRange};

/// A journal that was read.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The table that its rows belong to.
    pub table: Table,
    /// Its number among the files of its run and table, from 1.
    pub sequence: u64,
    /// The file's content; its size is bounded by the recorder's limit for a journal.
    pub bytes: Arc<[u8]>,
    /// Rows in whole frames.
    pub rows: u64,
    /// Columns; `None` without a whole frame.
    pub columns: Option<SchemaRef>,
    /// From the earliest to the latest row.
    pub range: Option<TimeRange>,
    /// Damaged places before the last whole frame: their number and bytes.
    pub damaged: (u64, u64),
    /// The run that wrote it.
    pub origin: Origin,
    /// The footer of the segment that the journal will become, from the first whole frame that has
    /// one.
    pub footer: Option<Footer>,
}

impl Journal {
    pub(super) fn read(file: &JournalFile) -> Result<Self, Unreadable> {
        let bytes = BoundedFile::open(&file.path).and_then(BoundedFile::read_to_end);
        let bytes = bytes.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unreadable::Vanished,
            _ => Unreadable::Damaged(plain_io_error(&error)),
        })?;
        let mut journal = Self {
            table: file.name.table,
            sequence: file.name.sequence,
            bytes: bytes.into(),
            rows: 0,
            columns: None,
            range: None,
            damaged: (0, 0),
            origin: Origin {
                recorder: uuid8(&file.name.uuid),
                host: "unknown".to_owned(),
            },
            footer: None,
        };
        let bytes = journal.bytes.clone();
        for frame in frames_in(&bytes) {
            match frame {
                Frame::Batch(batch) => journal.add(&batch)?,
                Frame::Damaged {
                    offset,
                    bytes: torn,
                } if offset + torn == bytes.len() as u64 && is_torn(&bytes, offset) => {}
                Frame::Damaged { bytes, .. } => {
                    journal.damaged.0 += 1;
                    journal.damaged.1 += bytes;
                }
            }
        }
        Ok(journal)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), Unreadable> {
        self.rows += batch.num_rows() as u64;
        let time = batch.columns().first();
        if let Some(time) = time.and_then(|time| time.as_primitive_opt::<TimestampNanosecondType>())
            && let Some((first_ns, last_ns)) = min(time).zip(max(time))
        {
            let range = TimeRange { first_ns, last_ns };
            self.range = Some(self.range.map_or(range, |so_far| so_far.union(range)));
        }
        self.columns.get_or_insert_with(|| batch.schema());
        if self.footer.is_none() {
            let schema = batch.schema();
            let pairs = schema.metadata().iter();
            match Footer::from_pairs(pairs.map(|(key, value)| (key.as_str(), value.as_str()))) {
                Ok(footer) => {
                    self.origin.host.clone_from(&footer.provenance.host);
                    self.footer = Some(footer);
                }
                Err(error @ FooterError::Version(_)) => return Err(error.into()),
                // The rows are read nevertheless: another frame may have a valid footer.
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether the bytes from `offset` on may be a frame that was not written completely: its first
/// bytes, or the zeros of a file that grew before its content was there.
fn is_torn(bytes: &[u8], offset: u64) -> bool {
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = bytes.get(from..).unwrap_or_default();
    let start = &rest[..rest.len().min(MAGIC.len())];
    MAGIC.starts_with(start) || rest.iter().all(|byte| *byte == 0)
}
