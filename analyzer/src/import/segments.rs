//! Rows as the segments of a recording, in bounded memory. The rows of each segment are sorted; those
//! of different segments may overlap in time, as the format allows.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use soakbox_cli::{Failure, Result, plain_io_error};
use soakbox_schemas::recording::encoding::{self, ROW_GROUP_ROWS};
use soakbox_schemas::recording::footer::ColumnNote;
use soakbox_schemas::recording::{Extent, Footer, JournalName, Provenance, SegmentName};
use soakbox_schemas::tables::{
    Annotation, AnnotationKind, Declaration, OperationRow, OperationRowBuilder,
};

use super::rows::Row;
use super::staging::Staging;

/// Length of an interval of the recording, ns.
pub(super) const INTERVAL_NS: i64 = 1_000_000_000;

/// Rows of a segment: they are in memory until it is written.
const SEGMENT_ROWS: usize = 2 * ROW_GROUP_ROWS;
/// Rows that become columns at once.
const BATCH_ROWS: usize = 1 << 14;
/// Where the identity of a run comes from.
const UUID_SOURCE: &str = "/proc/sys/kernel/random/uuid";

/// Writes the rows of one run.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    staging: Staging,
    uuid: String,
    provenance: Provenance,
    /// Rows of the next segment.
    rows: Vec<Row>,
    segments: u64,
    total: u64,
    /// The earliest and the latest time of a row.
    range: Option<(i64, i64)>,
}

/// What a segment is made of.
struct Segment<'a, B> {
    declaration: &'a Declaration,
    sequence: u64,
    extent: Extent,
    batches: B,
}

impl SegmentWriter {
    /// A writer into `staging`, whose files all have this provenance.
    pub(super) fn new(staging: Staging, provenance: Provenance) -> Result<Self> {
        let uuid = std::fs::read_to_string(UUID_SOURCE).map_err(|error| {
            let reason = plain_io_error(&error);
            Failure::path(Path::new(UUID_SOURCE), reason)
        })?;
        Ok(Self {
            staging,
            uuid: uuid.trim().to_owned(),
            provenance,
            rows: Vec::new(),
            segments: 0,
            total: 0,
            range: None,
        })
    }

    /// Notes in the files that are still to be written how many intervals have known times.
    pub(super) fn set_intervals(&mut self, intervals: u64) {
        self.provenance.time_intervals = Some(intervals);
    }

    /// Adds a row, whose operation is an index of `names`.
    pub(super) fn push(&mut self, row: Row, names: &[String]) -> Result<()> {
        self.rows.push(row);
        match self.rows.len() {
            SEGMENT_ROWS => self.flush(names),
            _ => Ok(()),
        }
    }

    /// Writes the rest and puts the recording into its place; gives the number of rows. The run
    /// begins at `begin_ns`, or with its first row, and `about` tells where it comes from. There is
    /// at least one row.
    pub(super) fn finish(
        mut self,
        names: &[String],
        begin_ns: Option<i64>,
        about: String,
    ) -> Result<u64> {
        self.flush(names)?;
        let (first_ns, last_ns) = self.range.unwrap_or_default();
        let begin_ns = begin_ns.unwrap_or(first_ns);
        let annotation = |at_ns, kind, text| Annotation {
            at_ns,
            until_ns: None,
            kind,
            text,
        };
        let annotations = [
            annotation(begin_ns, AnnotationKind::RecordingStarted, about),
            annotation(
                last_ns,
                AnnotationKind::RecordingStopped,
                "end of the file".to_owned(),
            ),
        ];
        let extent = Extent {
            rows: annotations.len() as u64,
            first_at_ns: begin_ns,
            last_at_ns: last_ns,
            sorted: true,
        };
        self.write(Segment {
            declaration: Annotation::DECLARATION,
            sequence: 1,
            extent,
            batches: std::iter::once(Annotation::batch(&annotations)),
        })?;
        // The rows last: without them the other table is a recording without operations.
        let tables = [
            Annotation::DECLARATION.table,
            OperationRow::DECLARATION.table,
        ];
        self.staging.place(&tables)?;
        Ok(self.total)
    }

    /// Writes the rows so far as a segment.
    fn flush(&mut self, names: &[String]) -> Result<()> {
        let mut rows = std::mem::take(&mut self.rows);
        let time = |row: &Row| row.finished_at_ns;
        if !rows.is_sorted_by_key(time) {
            // Rows of the same time stay in the order of the file.
            rows.sort_by_key(time);
        }
        let ends = rows.first().zip(rows.last());
        if let Some((first, last)) = ends {
            let (first_ns, last_ns) = (first.finished_at_ns, last.finished_at_ns);
            self.write_rows(&rows, first_ns, last_ns, names)?;
        }
        rows.clear();
        self.rows = rows;
        Ok(())
    }

    fn write_rows(
        &mut self,
        rows: &[Row],
        first_ns: i64,
        last_ns: i64,
        names: &[String],
    ) -> Result<()> {
        self.segments += 1;
        self.total += rows.len() as u64;
        let (earliest, latest) = self.range.unwrap_or((first_ns, last_ns));
        self.range = Some((earliest.min(first_ns), latest.max(last_ns)));
        let mut builder = OperationRowBuilder::with_operations(names.iter().map(String::as_str));
        let batches = rows.chunks(BATCH_ROWS).map(|rows| {
            for row in rows {
                builder.append(&complete(row));
            }
            builder.finish()
        });
        self.write(Segment {
            declaration: OperationRow::DECLARATION,
            sequence: self.segments,
            extent: Extent {
                rows: rows.len() as u64,
                first_at_ns: first_ns,
                last_at_ns: last_ns,
                sorted: true,
            },
            batches,
        })
    }

    fn write<B>(&self, segment: Segment<'_, B>) -> Result<()>
    where
        B: Iterator<Item = std::result::Result<RecordBatch, ArrowError>>,
    {
        let table = segment.declaration.table;
        let name = JournalName {
            uuid: self.uuid.clone(),
            table,
            sequence: segment.sequence,
        };
        let mut footer = Footer::of_journal(name, self.provenance.clone());
        footer.extent = Some(segment.extent);
        footer.columns = ColumnNote::of(segment.declaration);
        let bytes = encoded(segment.declaration, &footer, segment.batches)
            .map_err(|error| Failure::new("rows", error))?;
        let name = SegmentName::new(
            segment.extent.first_at_ns,
            &self.provenance.host,
            &self.uuid,
            segment.sequence,
        );
        // The name of the table is not in the path yet.
        let path = name.path(Path::new(""), table);
        let path = path.strip_prefix(table.name()).unwrap_or(&path);
        write_file(&self.staging.table(table).join(path), &bytes)
            .map_err(|error| self.staging.failed(&error))
    }
}

/// The row with all columns of the table. Nothing that the file does not have is made up.
#[inline]
fn complete(row: &Row) -> OperationRow {
    OperationRow {
        finished_at_ns: row.finished_at_ns,
        interval: row.finished_at_ns / INTERVAL_NS,
        operation: row.operation,
        duration_ns: row.duration_ns,
        memory_bytes: row.memory_bytes,
        success: row.success,
        bytes: row.bytes,
        sample_weight: 1,
        ..OperationRow::default()
    }
}

/// The bytes of a segment.
fn encoded(
    declaration: &Declaration,
    footer: &Footer,
    batches: impl Iterator<Item = std::result::Result<RecordBatch, ArrowError>>,
) -> std::result::Result<Vec<u8>, ParquetError> {
    let schema = encoding::plain(&declaration.schema());
    let options = encoding::options(&schema, true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options)?;
    for batch in batches {
        writer.write(&batch?)?;
    }
    for (key, value) in footer.to_pairs() {
        writer.append_key_value_metadata(KeyValue::new(key, value));
    }
    writer.into_inner()
}

/// Writes a new file, durably.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
