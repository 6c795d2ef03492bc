//! The way into a recording for the recorder's run: one [`RecordingWriter`] with a writer per
//! table, one sealing thread, and the lock. Dropped without [`RecordingWriter::finish`], it keeps
//! the journals, as a crash does.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use soakbox_schemas::recording::Provenance;
use soakbox_schemas::tables::Table;

use super::activity::{Activity, ActivityCounters};
use super::directory::RecorderDirectory;
use super::error::SegmentError;
use super::sealer::Sealer;
use super::table::{Shared, TableWriter};
use crate::clock::ClockPair;
use crate::plan::SegmentLimits;

/// Writes the tables of one recorder's run.
#[derive(Debug)]
pub struct RecordingWriter {
    // In the order of dropping: writers, the sealer (which waits for its thread), and the lock at
    // the very end.
    /// One for each table that got a row, in the order of the first.
    tables: Vec<TableWriter>,
    shared: Shared,
    sealer: Sealer,
    directory: RecorderDirectory,
}

impl RecordingWriter {
    /// Begins to write to `directory`; all files carry `provenance`.
    ///
    /// # Errors
    /// Where the sealing thread cannot be started.
    pub fn new(
        directory: RecorderDirectory,
        provenance: Provenance,
        limits: SegmentLimits,
    ) -> Result<Self, SegmentError> {
        let counters = Arc::new(ActivityCounters::default());
        let sealer = Sealer::start(directory.root(), counters.clone())?;
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
            sealer,
            directory,
        })
    }

    /// Appends rows of `table` that were made at or before `now`. They outlive a kill from here
    /// on, and a power cut from the next [`Self::flush`] on.
    ///
    /// # Errors
    /// Where they could not be written: none of them is in the recording then, so count them as
    /// lost. What was appended before is as it was, and the next append may succeed again.
    pub fn append(
        &mut self,
        table: Table,
        batch: &RecordBatch,
        now: ClockPair,
    ) -> Result<(), SegmentError> {
        self.table(table)?.append(batch, now)
    }

    /// The writer of `table`, which begins with its first rows.
    fn table(&mut self, table: Table) -> Result<&mut TableWriter, SegmentError> {
        let known = self.tables.iter().position(|known| known.table() == table);
        let index = match known {
            Some(index) => index,
            None => {
                let writer = TableWriter::new(self.shared.clone(), table, self.sealer.handle()?);
                self.tables.push(writer);
                self.tables.len() - 1
            }
        };
        Ok(&mut self.tables[index])
    }

    /// Makes everything appended durable: call it each flush interval.
    ///
    /// # Errors
    /// Where the disk refused for a table; the others are flushed all the same.
    pub fn flush(&mut self) -> Result<(), SegmentError> {
        first_error(self.tables.iter_mut().map(TableWriter::flush))
    }

    /// Rotates what is due, also where nothing is appended: call it each interval.
    ///
    /// # Errors
    /// Where a journal could not be closed, or a seal failed since the last call. No row is lost by
    /// either: the journals are kept, failed seals are tried again, and recovery does what is left.
    pub fn tick(&mut self, now: ClockPair) -> Result<(), SegmentError> {
        let rotated = first_error(
            self.tables
                .iter_mut()
                .map(|table| table.tick(now).map(|_| ())),
        );
        rotated.and_then(|()| self.sealer.take_failure().map_or(Ok(()), Err))
    }

    /// The figures of the writers and the sealer.
    pub fn activity(&self) -> Arc<ActivityCounters> {
        self.shared.counters.clone()
    }

    /// The UUID of this recorder's run.
    pub fn uuid(&self) -> &str {
        self.directory.uuid()
    }

    /// The recording's root.
    pub fn root(&self) -> &Path {
        self.directory.root()
    }

    /// Where its journals lie.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Seals everything and leaves in good order; a recording without a row leaves nothing.
    ///
    /// # Errors
    /// Where something could not be sealed. Its journal is kept, and sealed by the next recovery,
    /// without a gap.
    pub fn finish(mut self) -> Result<Activity, SegmentError> {
        if self.tables.is_empty() {
            return Ok(Activity::default());
        }
        let counters = self.activity();
        let closed = first_error(self.tables.iter_mut().map(TableWriter::rotate));
        drop((self.tables, self.shared));
        let sealed = self.sealer.finish();
        self.directory.mark_stopped()?;
        self.directory.close()?;
        closed.and(sealed).map(|()| counters.take())
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
