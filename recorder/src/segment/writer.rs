//! Writing a recording: one [`RecordingWriter`] for one run of the recorder, with a writer per
//! table, one sealing thread, and the lock. Dropped without [`RecordingWriter::finish`], it keeps
//! the journals, as after a crash.

use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use crossbeam_channel::Sender;
use soakbox_schemas::recording::{ObservedFile, Provenance};
use soakbox_schemas::tables::Table;

use super::activity::{Activity, ActivityCounters};
use super::deletion::Retention;
use super::directory::RecorderDirectory;
use super::durable;
use super::error::SegmentError;
use super::sealer::{Request, Sealer, SharedRetention, lock};
use super::table::{Shared, TableWriter};
use crate::clock::ClockPair;
use crate::plan::{Keep, SegmentLimits};

/// Writes the tables of one recorder's run.
#[derive(Debug)]
pub struct RecordingWriter {
    // The fields are dropped in this order: the writers, the sealer (which waits for its thread),
    // and last the lock.
    /// One for each table that has rows: `operation_log`, then in the order of their first rows.
    tables: Vec<TableWriter>,
    shared: Shared,
    deletion: Deletion,
    retention: SharedRetention,
    sealer: Sealer,
    directory: RecorderDirectory,
}

impl RecordingWriter {
    /// Begins to write to `directory`; all files carry `provenance`, and none is ever deleted.
    ///
    /// # Errors
    /// Where the sealing thread cannot be started.
    pub fn new(
        directory: RecorderDirectory,
        provenance: Provenance,
        limits: SegmentLimits,
    ) -> Result<Self, SegmentError> {
        Self::keeping(directory, provenance, limits, Keep::default())
    }

    /// As [`Self::new`], and deletes the sealed segments of the recording that are not to be kept.
    ///
    /// # Errors
    /// Where the sealing thread cannot be started.
    pub fn keeping(
        directory: RecorderDirectory,
        provenance: Provenance,
        limits: SegmentLimits,
        keep: Keep,
    ) -> Result<Self, SegmentError> {
        let counters = Arc::new(ActivityCounters::default());
        let is_limited = !keep.is_everything();
        let retention = Retention::new(directory.root(), directory.uuid(), keep);
        let retention = Arc::new(Mutex::new(retention));
        let sealer = Sealer::start(directory.root(), counters.clone(), retention.clone())?;
        let deletion = Deletion {
            requests: is_limited.then(|| sealer.handle()).transpose()?,
            due_boot_ns: 0,
            journals: 0,
        };
        let shared = Shared {
            root: directory.root().to_owned(),
            uuid: directory.uuid().to_owned(),
            provenance,
            limits,
            counters,
        };
        Ok(Self {
            tables: Vec::new(),
            shared,
            deletion,
            retention,
            sealer,
            directory,
        })
    }

    /// Appends rows of `table` that were made at or before `now`. They survive a kill once this
    /// returns, and a power cut once the next [`Self::flush`] returns.
    ///
    /// # Errors
    /// Where they could not be written: none of them is in the recording then, so count them as
    /// lost. Rows that were appended before are not affected, and the next append may succeed
    /// again.
    pub fn append(
        &mut self,
        table: Table,
        batch: &RecordBatch,
        now: ClockPair,
    ) -> Result<(), SegmentError> {
        self.table(table)?.append(batch, now)
    }

    /// The writer of `table`; it is created for the first rows.
    fn table(&mut self, table: Table) -> Result<&mut TableWriter, SegmentError> {
        let known = self.tables.iter().position(|known| known.table() == table);
        let index = match known {
            Some(index) => index,
            None => {
                let writer = TableWriter::new(self.shared.clone(), table, self.sealer.handle()?);
                // Operations are made durable before their counts, so that a power cut never leaves
                // counts of rows that it cut off.
                let index = match table {
                    Table::OPERATION_LOG => 0,
                    _ => self.tables.len(),
                };
                self.tables.insert(index, writer);
                index
            }
        };
        Ok(&mut self.tables[index])
    }

    /// A further file is observed: the journals that are created from now on name it too.
    pub fn observes(&mut self, file: &ObservedFile) {
        self.shared.observes(file);
        self.tables
            .iter_mut()
            .for_each(|table| table.observes(file));
    }

    /// Makes every appended row durable. Call it in each flush interval.
    ///
    /// # Errors
    /// Where the rows of a table could not be made durable. The other tables are flushed all the
    /// same.
    pub fn flush(&mut self) -> Result<(), SegmentError> {
        first_error(self.tables.iter_mut().map(TableWriter::flush))
    }

    /// Rotates every journal that is due, and has old segments deleted. Call it in each interval,
    /// even where nothing was appended.
    ///
    /// # Errors
    /// Where a journal could not be closed, or a seal or a deletion failed since the last call. None
    /// loses a row: the journals are kept, what failed is tried again, and recovery seals the rest.
    pub fn tick(&mut self, now: ClockPair) -> Result<(), SegmentError> {
        let ticked = self.tables.iter_mut().map(|table| table.tick(now));
        let rotated = first_error(ticked.map(|ticked| ticked.map(|_| ())));
        let journals = self.tables.iter().map(TableWriter::journals).sum();
        self.deletion.request(now, journals);
        rotated.and_then(|()| self.sealer.take_failure().map_or(Ok(()), Err))
    }

    /// Rotates every journal that has rows, whatever its size and age.
    ///
    /// # Errors
    /// As [`Self::tick`].
    pub fn rotate(&mut self) -> Result<(), SegmentError> {
        first_error(self.tables.iter_mut().map(TableWriter::rotate))
    }

    /// The figures of the writers and the sealer.
    pub fn activity(&self) -> Arc<ActivityCounters> {
        self.shared.counters.clone()
    }

    /// From now on the oldest segments are deleted when a seal finds the disk full.
    ///
    /// # Errors
    /// Where the bytes cannot be written that are kept for that.
    pub fn drop_oldest_when_full(&mut self) -> Result<(), SegmentError> {
        lock(&self.retention).spare(self.directory.path())
    }

    /// Deletes the oldest segments until `wanted` bytes are free; returns whether they are.
    ///
    /// # Errors
    /// Where a file cannot be read, written or deleted.
    pub fn make_room(&self, wanted: u64) -> Result<bool, SegmentError> {
        lock(&self.retention).make_room(wanted)
    }

    /// Bytes that are free for the recording.
    ///
    /// # Errors
    /// Where the file system does not tell.
    pub fn free_bytes(&self) -> Result<u64, SegmentError> {
        durable::free_bytes(self.directory.root())
    }

    /// The UUID of this recorder's run.
    pub fn uuid(&self) -> &str {
        self.directory.uuid()
    }

    /// The recording's root.
    pub fn root(&self) -> &Path {
        self.directory.root()
    }

    /// Its journal directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Seals every journal, and removes the lock and the journal directory. A recording without a
    /// row leaves nothing.
    ///
    /// # Errors
    /// Where something could not be sealed. Its journal is kept, and sealed by the next recovery,
    /// without a gap.
    pub fn finish(mut self) -> Result<Activity, SegmentError> {
        if self.tables.is_empty() {
            lock(&self.retention).remove_spare()?;
            return Ok(Activity::default());
        }
        let counters = self.activity();
        let closed = first_error(self.tables.iter_mut().map(TableWriter::rotate));
        drop((self.tables, self.shared, self.deletion));
        let sealed = self.sealer.finish();
        lock(&self.retention).remove_spare()?;
        self.directory.mark_stopped()?;
        self.directory.close()?;
        closed.and(sealed).map(|()| counters.take())
    }
}

/// When the sealing thread is asked to delete old segments: after a journal was created, before which
/// another may have been sealed, and each minute.
#[derive(Debug)]
struct Deletion {
    /// `None` where everything is kept.
    requests: Option<Sender<Request>>,
    /// ns of the boot clock.
    due_boot_ns: u64,
    /// Number of journals at the last request.
    journals: u64,
}

impl Deletion {
    const INTERVAL_NS: u64 = 60_000_000_000;

    fn request(&mut self, now: ClockPair, journals: u64) {
        let Some(requests) = &self.requests else {
            return;
        };
        // Where the queue is full, the next tick asks again.
        if (journals != self.journals || now.boot_ns >= self.due_boot_ns)
            && requests.try_send(Request::Delete(now)).is_ok()
        {
            self.due_boot_ns = now.boot_ns.saturating_add(Self::INTERVAL_NS);
            self.journals = journals;
        }
    }
}

fn first_error(
    results: impl Iterator<Item = Result<(), SegmentError>>,
) -> Result<(), SegmentError> {
    let mut first = Ok(());
    for result in results {
        first = first.and(result);
    }
    first
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;
    use soakbox_schemas::tables::{
        Annotation, OperationInfo, OperationLogBuilder, OperationMetrics,
    };

    #[test]
    fn operations_are_made_durable_before_their_counts() {
        let place = tempfile::tempdir().unwrap();
        let directory = RecorderDirectory::create(&place.path().join("recording"), 0).unwrap();
        let limits = SegmentLimits::default();
        let mut writer = RecordingWriter::new(directory, Provenance::default(), limits).unwrap();
        let operation = OperationInfo {
            name: "op".into(),
            operation_type: 0,
        };
        let rows = [
            (Table::ANNOTATIONS, Annotation::batch(&[])),
            (Table::OPERATION_METRICS, OperationMetrics::batch(&[])),
            (
                Table::OPERATION_LOG,
                OperationLogBuilder::new(&[operation]).finish(),
            ),
        ];
        for (table, batch) in rows {
            let batch = batch.unwrap();
            writer.append(table, &batch, ClockPair::default()).unwrap();
        }
        let order: Vec<Table> = writer.tables.iter().map(TableWriter::table).collect();
        assert_eq!(order[0], Table::OPERATION_LOG);
        assert_eq!(order.len(), 3);
    }
}
