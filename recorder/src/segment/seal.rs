//! Turning a closed journal into a segment: read frame by frame, write row group by row group to a
//! temporary file in the journal's directory, fsync, rename into place without replacing, fsync the
//! directories, delete the journal. A seal that is stopped at any point leaves the journal or the
//! segment, and another run finishes it. The caller holds the lock.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::errors::ParquetError;
use soakbox_schemas::journal;
use soakbox_schemas::recording::footer::ColumnNote;
use soakbox_schemas::recording::roll_up::{Place, RollUp};
use soakbox_schemas::recording::{
    Footer, FooterError, JournalName, SEALING_EXTENSION, SegmentName, encoding,
};
use soakbox_schemas::tables::Table;

use super::durable::{self, Placed};
use super::error::SegmentError;
use super::footers;
use super::row_group::RowGroups;
use super::scan::{JournalReader, scan};
use super::summary::Summary;

/// Attempts to place a segment in a directory that somebody removes.
const PLACE_ATTEMPTS: usize = 3;

/// A sealed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Number, times and order of its rows.
    pub summary: Summary,
    /// Bytes of the journal that were not part of a whole frame.
    pub damaged_bytes: u64,
}

/// The result of a seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// A segment.
    Segment(Segment),
    /// Nothing: the journal had no row.
    Empty {
        /// Bytes of the journal that were not part of a whole frame.
        damaged_bytes: u64,
    },
}

/// Seals the journal `name` below `root`. `known` is the summary that its writer kept; without it
/// the journal is first read once more.
///
/// # Errors
/// Where a file cannot be read, written or placed. The journal is kept then, and the temporary file
/// removed.
pub fn seal(
    root: &Path,
    name: &JournalName,
    known: Option<&Summary>,
) -> Result<Sealed, SegmentError> {
    let journal = name.path(root);
    let expected = match known {
        Some(summary) => *summary,
        None => scan(&journal)?.summary,
    };
    let temporary = journal.with_extension(SEALING_EXTENSION);
    durable::remove(&temporary)?;
    let written = write(&journal, &temporary, name, &expected);
    let placed = written.and_then(|written| place(root, name, &temporary, written));
    if placed.is_err() {
        let _ = durable::remove(&temporary);
    }
    let sealed = placed?;
    durable::remove(&journal)?;
    // The seal is complete even where this fails: a journal that a power cut brings back is superseded.
    let _ = durable::sync_directory(durable::parent(&journal));
    Ok(sealed)
}

/// The contents of the temporary file.
struct Written {
    summary: Summary,
    damaged_bytes: u64,
    host: String,
    bytes: u64,
}

/// Writes the temporary file, durably. Without a row there is no such file.
fn write(
    journal: &Path,
    temporary: &Path,
    name: &JournalName,
    expected: &Summary,
) -> Result<Written, SegmentError> {
    let mut reader = JournalReader::open(journal)?;
    let mut summary = Summary::default();
    let mut foreign_bytes = 0;
    let mut output: Option<Output> = None;
    let mut roll_up = (name.table == Table::OPERATION_METRICS).then(RollUp::default);
    while let Some((batch, frame_bytes)) = reader.next_batch()? {
        let output = match &mut output {
            Some(output) => output,
            None => {
                let source = match footers::of_frame(batch.schema_ref()) {
                    Ok(footer) => footer.provenance,
                    // Only a newer version can seal a newer version's journal.
                    Err(source @ FooterError::Version(_)) => {
                        let path = journal.to_owned();
                        return Err(SegmentError::Footer { path, source });
                    }
                    Err(_) => {
                        foreign_bytes += frame_bytes;
                        continue;
                    }
                };
                let footer = Footer::of_journal(name.clone(), source);
                let schema = batch.schema_ref();
                let created = Output::create(journal, temporary, schema, footer, expected)?;
                output.insert(created)
            }
        };
        let fits = batch.schema_ref().fields() == output.schema.fields();
        if !fits || !summary.add(&batch) {
            foreign_bytes += frame_bytes;
            continue;
        }
        output.write(&batch)?;
        if let Some(roll_up) = &mut roll_up {
            roll_up.add(&batch);
        }
    }
    let damaged_bytes = reader.damaged_bytes() + foreign_bytes;
    let (mut host, mut bytes) = (String::new(), 0);
    if let Some(mut output) = output {
        output.footer.extent = summary.extent();
        output.footer.damaged_bytes = damaged_bytes;
        output.footer.columns = name
            .table
            .declaration()
            .map_or_else(Vec::new, ColumnNote::of);
        host.clone_from(&output.footer.provenance.host);
        if let Some(roll_up) = roll_up {
            output.add_roll_up(roll_up)?;
        }
        bytes = output.finish()?;
    }
    Ok(Written {
        summary,
        damaged_bytes,
        host,
        bytes,
    })
}

/// Gives the temporary file its final name, durably.
fn place(
    root: &Path,
    name: &JournalName,
    temporary: &Path,
    written: Written,
) -> Result<Sealed, SegmentError> {
    let Written {
        summary,
        damaged_bytes,
        host,
        bytes,
    } = written;
    if summary.rows == 0 {
        durable::remove(temporary)?;
        return Ok(Sealed::Empty { damaged_bytes });
    }
    let path = SegmentName::new(summary.first_at_ns, &host, &name.uuid, name.sequence)
        .path(root, name.table);
    let directory = durable::parent(&path);
    match rename_into(directory, temporary, &path)? {
        Placed::Done => {}
        // The same segment, placed before a crash: the seal is finished. Any other file must not be
        // replaced.
        Placed::Occupied if footers::is_segment_of(&path, name, summary.rows) => {
            durable::remove(temporary)?;
        }
        Placed::Occupied => return Err(SegmentError::Occupied { path }),
    }
    // Every directory above is synced: a recorder that created one may have crashed before its
    // sync.
    for above in directory.ancestors().take(3) {
        durable::sync_directory(above)?;
    }
    Ok(Sealed::Segment(Segment {
        path,
        bytes,
        summary,
        damaged_bytes,
    }))
}

/// Renames into a directory that is created where it is missing. Retention removes the directory of
/// a day when it is empty, maybe in between.
fn rename_into(directory: &Path, from: &Path, to: &Path) -> Result<Placed, SegmentError> {
    for _ in 0..PLACE_ATTEMPTS {
        durable::create_directories(directory)?;
        match durable::rename_new(from, to) {
            Err(SegmentError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            placed => return placed,
        }
    }
    durable::rename_new(from, to)
}

/// The temporary file while it is being written.
struct Output {
    journal: PathBuf,
    temporary: PathBuf,
    schema: SchemaRef,
    footer: Footer,
    writer: RowGroups<ErrorCapturingFile>,
    failure: WriteFailure,
}

impl Output {
    fn create(
        journal: &Path,
        temporary: &Path,
        schema: &SchemaRef,
        footer: Footer,
        expected: &Summary,
    ) -> Result<Self, SegmentError> {
        let failure = WriteFailure::default();
        let file = ErrorCapturingFile {
            file: durable::create_new(temporary)?,
            failure: failure.clone(),
        };
        let plain = encoding::plain(schema);
        let writer = RowGroups::new(file, plain.clone(), expected.sorted)
            .map_err(|source| parquet_error(journal, source))?;
        Ok(Self {
            journal: journal.to_owned(),
            temporary: temporary.to_owned(),
            schema: plain,
            footer,
            writer,
            failure,
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), SegmentError> {
        let result = RecordBatch::try_new(self.schema.clone(), batch.columns().to_vec())
            .map_err(ParquetError::from)
            .and_then(|batch| self.writer.write(&batch));
        result.map_err(|source| self.failure.explain(&self.temporary, &self.journal, source))
    }

    /// Writes what the rows add up to behind them, where Parquet readers do not look.
    fn add_roll_up(&mut self, roll_up: RollUp) -> Result<(), SegmentError> {
        let parquet = |error| parquet_error(&self.journal, ParquetError::from(error));
        let mut bytes = Vec::new();
        match roll_up.finish().map_err(parquet)? {
            Some(rows) => journal::encode(&rows, &mut bytes).map_err(parquet)?,
            None => return Ok(()),
        }
        self.writer
            .end_row_group()
            .map_err(|source| self.failure.explain(&self.temporary, &self.journal, source))?;
        self.footer.roll_up = Some(Place {
            offset: self.writer.bytes_written() as u64,
            bytes: bytes.len() as u64,
        });
        self.writer
            .write_all(&bytes)
            .map_err(|error| SegmentError::io("write", &self.temporary, error))
    }

    /// Writes the footer and makes the file durable; returns its size.
    fn finish(self) -> Result<u64, SegmentError> {
        let finished = self.writer.finish(self.footer.to_pairs());
        let file = finished
            .map_err(|source| self.failure.explain(&self.temporary, &self.journal, source))?
            .file;
        file.sync_all()
            .and_then(|()| file.metadata())
            .map(|metadata| metadata.len())
            .map_err(|error| SegmentError::io("sync", &self.temporary, error))
    }
}

fn parquet_error(journal: &Path, source: ParquetError) -> SegmentError {
    SegmentError::Parquet {
        path: journal.to_owned(),
        source,
    }
}

/// Keeps the system's reason for a failed write, which Parquet's errors hide.
#[derive(Clone, Debug, Default)]
struct WriteFailure(Arc<Mutex<Option<io::Error>>>);

impl WriteFailure {
    fn explain(&self, temporary: &Path, journal: &Path, source: ParquetError) -> SegmentError {
        let reason = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match reason {
            Some(error) => SegmentError::io("write", temporary, error),
            None => parquet_error(journal, source),
        }
    }
}

/// A file that captures why a write failed.
#[derive(Debug)]
struct ErrorCapturingFile {
    file: File,
    failure: WriteFailure,
}

impl Write for ErrorCapturingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).inspect_err(|error| {
            let copy = error
                .raw_os_error()
                .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            *self
                .failure
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(copy);
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
