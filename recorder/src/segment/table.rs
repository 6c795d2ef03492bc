//! One table's rows on their way to disk: into the open journal, and with each closed journal to
//! the sealer.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use crossbeam_channel::Sender;
use soakbox_schemas::recording::{Footer, JournalName, ObservedFile, Provenance};
use soakbox_schemas::tables::Table;

use super::activity::ActivityCounters;
use super::error::SegmentError;
use super::journal::JournalWriter;
use super::rotation::{Filled, Reason, Rotation};
use super::sealer::{Job, Request};
use crate::clock::{ClockPair, Stopwatch};
use crate::plan::SegmentLimits;

/// Most files that the metadata name: of a program that is built every minute, the last ones.
const MOST_OBSERVED: usize = 256;

/// Values that all writers of a recorder share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) root: PathBuf,
    pub(crate) uuid: String,
    pub(crate) provenance: Provenance,
    pub(crate) limits: SegmentLimits,
    pub(crate) counters: Arc<ActivityCounters>,
}

impl Shared {
    /// Notes a further file under observation as the last one.
    pub(crate) fn observes(&mut self, file: &ObservedFile) {
        let observed = &mut self.provenance.observed;
        observed.retain(|known| known != file);
        if observed.len() == MOST_OBSERVED {
            observed.remove(0);
        }
        observed.push(file.clone());
    }
}

/// Writes one table.
#[derive(Debug)]
pub(crate) struct TableWriter {
    shared: Shared,
    table: Table,
    sealer: Sender<Request>,
    next_sequence: u64,
    open: Option<JournalWriter>,
    rotation: Rotation,
    /// The failure of a rotation before an append; reported by the next tick.
    rotation_failure: Option<SegmentError>,
}

impl TableWriter {
    pub(crate) fn new(shared: Shared, table: Table, sealer: Sender<Request>) -> Self {
        let rotation = Rotation::new(shared.limits);
        Self {
            shared,
            table,
            sealer,
            next_sequence: 1,
            open: None,
            rotation,
            rotation_failure: None,
        }
    }

    pub(crate) fn observes(&mut self, file: &ObservedFile) {
        self.shared.observes(file);
    }

    /// Number of journals that were created.
    pub(crate) fn journals(&self) -> u64 {
        self.next_sequence - 1
    }

    pub(crate) fn table(&self) -> Table {
        self.table
    }

    /// Appends rows that were made at or before `now`, rotating first where that is due.
    pub(crate) fn append(
        &mut self,
        batch: &RecordBatch,
        now: ClockPair,
    ) -> Result<(), SegmentError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        // The rows go to a new journal even where the one before could not be closed without an
        // error.
        if let Err(error) = self.rotate_if_due(now) {
            self.rotation_failure = Some(error);
        }
        let journal = match &mut self.open {
            Some(journal) => journal,
            None => {
                let journal = self.create_journal(batch)?;
                self.rotation.open(now);
                self.open.insert(journal)
            }
        };
        let before = journal.bytes();
        journal.append(batch)?;
        self.shared.counters.wrote(journal.bytes() - before);
        Ok(())
    }

    /// Creates the next journal. A sequence number is never used twice, even where its journal
    /// could not be created.
    fn create_journal(&mut self, first: &RecordBatch) -> Result<JournalWriter, SegmentError> {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let shared = &self.shared;
        let name = JournalName {
            uuid: shared.uuid.clone(),
            table: self.table,
            sequence,
        };
        let footer = Footer::of_journal(name, shared.provenance.clone());
        JournalWriter::create(&shared.root, first.schema_ref(), &footer)
    }

    /// Closes the open journal where that is due; returns the reason.
    pub(crate) fn tick(&mut self, now: ClockPair) -> Result<Option<Reason>, SegmentError> {
        let due = self.rotate_if_due(now);
        self.rotation_failure.take().map_or(due, Err)
    }

    fn rotate_if_due(&mut self, now: ClockPair) -> Result<Option<Reason>, SegmentError> {
        let Some(journal) = &self.open else {
            return Ok(None);
        };
        let filled = Filled {
            bytes: journal.bytes(),
            rows: journal.summary().rows,
        };
        let due = self.rotation.check(filled, now);
        if due.is_some() {
            self.rotate()?;
        }
        Ok(due)
    }

    /// Makes every appended row durable. After an error the journal is closed: it is unknown which
    /// of its rows are durable, and the seal makes a durable copy of those that can still be read.
    pub(crate) fn flush(&mut self) -> Result<(), SegmentError> {
        let Some(journal) = &mut self.open else {
            return Ok(());
        };
        let started = Stopwatch::start();
        let flushed = journal.flush();
        if !matches!(flushed, Ok(false)) {
            self.shared.counters.flushed(started.elapsed());
        }
        if flushed.is_err() {
            self.close()?;
        }
        flushed.map(|_| ())
    }

    /// Closes the open journal, whatever its size.
    pub(crate) fn rotate(&mut self) -> Result<(), SegmentError> {
        self.flush()?;
        self.close()
    }

    fn close(&mut self) -> Result<(), SegmentError> {
        let Some(journal) = self.open.take() else {
            return Ok(());
        };
        let job = Job {
            name: journal.name().clone(),
            summary: *journal.summary(),
        };
        self.sealer
            .send(Request::Seal(job))
            .map_err(|_| SegmentError::SealerStopped)
    }
}
