//! Recovery after a crash: seals the journals that crashed recorders left, deletes superseded
//! journals, and writes the gap. Each recorder's directory is locked first, so that a live
//! recorder's directory is never touched, nor one that another recovery works on. A recovery that
//! is killed at any point and run again has the same result; a journal that cannot be sealed is
//! reported and kept.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use serde::Serialize;
use soakbox_schemas::recording::{
    Contents, Footer, JOURNAL_DIRECTORY, JournalFile, JournalName, Provenance, SEALING_EXTENSION,
    SegmentFile, journal_directory, uuid8,
};
use soakbox_schemas::tables::Table;

use super::deletion::SPARE_FILE;
use super::directory::release;
use super::durable;
use super::error::SegmentError;
use super::footers;
use super::gap::Gap;
use super::lock::{Lock, LockAttempt, PreviousRun, State};
use super::provenance::of_host;
use super::scan::{Scan, scan};
use super::seal::{Sealed, seal};
use crate::clock::Clock;
use crate::host::Host;

/// The result of a recovery, as `recover --format json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoveryReport {
    /// `soakbox.recover/1`.
    pub schema: &'static str,
    /// Rows that were only in journals and are in segments now.
    pub rows_saved: u64,
    /// Segments made from journals, not counting those of the gaps.
    pub segments: u64,
    /// Bytes of journals that are not part of a whole frame: torn by the crash, or damaged on disk.
    pub bytes_discarded: u64,
    /// Journals that are gone: sealed, empty, or superseded by a segment.
    pub journals: u64,
    /// Gaps written, one for each crashed recorder.
    pub gaps: u64,
    /// UUIDs of recorders that are alive; nothing of theirs was touched.
    pub live: Vec<String>,
}

impl Default for RecoveryReport {
    fn default() -> Self {
        Self {
            schema: "soakbox.recover/1",
            rows_saved: 0,
            segments: 0,
            bytes_discarded: 0,
            journals: 0,
            gaps: 0,
            live: Vec::new(),
        }
    }
}

impl RecoveryReport {
    fn add(&mut self, sealed: &Sealed) {
        self.journals += 1;
        match sealed {
            Sealed::Segment(segment) => {
                self.rows_saved += segment.summary.rows;
                self.segments += 1;
                self.bytes_discarded += segment.damaged_bytes;
            }
            Sealed::Empty { damaged_bytes } => self.bytes_discarded += damaged_bytes,
        }
    }
}

/// A recovery that could not do everything. Nothing is lost: another recovery can do the rest.
#[derive(Debug, thiserror::Error)]
#[error("recovery is incomplete: {source}")]
pub struct RecoveryError {
    /// The steps that succeeded.
    pub report: Box<RecoveryReport>,
    /// The first failure.
    pub source: SegmentError,
}

/// Recovers the recording at `root`: safe next to live recorders, and cheap where there is nothing
/// to do.
///
/// # Errors
/// Where something could not be read or written; everything else is done first.
pub fn recover(root: &Path, clock: &dyn Clock) -> Result<RecoveryReport, RecoveryError> {
    let until_ns = clock.now().utc_ns;
    let mut report = RecoveryReport::default();
    let mut failure = None;
    match recorders(root) {
        Ok(uuids) => {
            for uuid in uuids {
                let done = Recorder { root, uuid: &uuid }.recover(until_ns, &mut report);
                failure = failure.or(done.err());
            }
        }
        Err(error) => failure = Some(error),
    }
    match failure {
        None => Ok(report),
        Some(source) => Err(RecoveryError {
            report: Box::new(report),
            source,
        }),
    }
}

/// The recorders that have a journal directory, in order.
fn recorders(root: &Path) -> Result<Vec<String>, SegmentError> {
    let failed = |error| SegmentError::io("read", root, error);
    std::fs::read_dir(root).map_err(failed)?;
    let journals = root.join(JOURNAL_DIRECTORY);
    if !journals.exists() {
        return Ok(Vec::new());
    }
    let mut uuids = Vec::new();
    for path in durable::list(&journals)? {
        if path.is_dir()
            && let Some(uuid) = path.file_name().and_then(OsStr::to_str)
        {
            uuids.push(uuid.to_owned());
        }
    }
    uuids.sort();
    Ok(uuids)
}

/// One recorder's journals and segments.
struct Recorder<'a> {
    root: &'a Path,
    uuid: &'a str,
}

impl Recorder<'_> {
    fn recover(&self, until_ns: i64, report: &mut RecoveryReport) -> Result<(), SegmentError> {
        let directory = journal_directory(self.root, self.uuid);
        let (lock, previous) = match Lock::attempt(&directory)? {
            LockAttempt::Acquired(lock, previous) => (lock, previous),
            LockAttempt::Held => {
                report.live.push(self.uuid.to_owned());
                return Ok(());
            }
            LockAttempt::Gone => return Ok(()),
        };
        remove_temporaries(&directory)?;
        let mut found = self.list()?;
        let crashed = match previous.state {
            State::Running => true,
            State::Stopped => false,
            State::Unknown => !(found.journals.is_empty() && found.superseded.is_empty()),
        };
        for (journal, segment) in &found.superseded {
            // The segment's rename must be durable before the journal is removed.
            for above in segment.path.ancestors().skip(1).take(3) {
                durable::sync_directory(above)?;
            }
            durable::remove(&journal.path)?;
            report.journals += 1;
        }
        for journal in &found.journals {
            found.scans.push(scan(&journal.path)?);
        }
        let gap = if crashed {
            Some(self.write_gap(&found, &previous, until_ns)?)
        } else {
            None
        };
        self.seal_all(&found, gap.as_ref(), report)?;
        // From here on nothing is left to recover, even if a later step fails.
        lock.mark_stopped()?;
        Gap::forget(self.root, self.uuid)?;
        release(&directory, lock)
    }

    /// Plans the gap, unless an earlier recovery did, and writes it, unless it is sealed already.
    fn write_gap(
        &self,
        found: &Found,
        previous: &PreviousRun,
        until_ns: i64,
    ) -> Result<JournalName, SegmentError> {
        let gap = match Gap::planned(self.root, self.uuid) {
            Some(gap) => gap,
            None => {
                let gap = Gap {
                    from_ns: found
                        .last_at_ns()
                        .or(previous.started_at_ns)
                        .unwrap_or(until_ns),
                    until_ns,
                    sequence: found.next_annotation(),
                };
                gap.plan(self.root, self.uuid)?;
                gap
            }
        };
        let name = gap.journal(self.uuid);
        let sealed = found
            .segments
            .iter()
            .any(|segment| segment.table == name.table && segment.name.sequence == name.sequence);
        if !sealed {
            gap.write(self.root, self.uuid, found.provenance())?;
        }
        Ok(name)
    }

    /// Seals the journals, that of the gap last, each as far as it can be read. The first failure
    /// is returned at the end.
    fn seal_all(
        &self,
        found: &Found,
        gap: Option<&JournalName>,
        report: &mut RecoveryReport,
    ) -> Result<(), SegmentError> {
        let mut failure = None;
        for (journal, scan) in found.journals.iter().zip(&found.scans) {
            // An earlier attempt to write the gap left it; it was written again.
            if Some(&journal.name) == gap {
                continue;
            }
            match seal(self.root, &journal.name, Some(&scan.summary)) {
                Ok(sealed) => report.add(&sealed),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(name) = gap.filter(|name| name.path(self.root).exists()) {
            match seal(self.root, name, None) {
                Ok(_) => report.gaps += 1,
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn list(&self) -> Result<Found, SegmentError> {
        let contents = Contents::list(self.root)
            .map_err(|error| SegmentError::io("read", self.root, error))?;
        let short = uuid8(self.uuid);
        let mut found = Found::default();
        for segment in contents.segments {
            if segment.name.uuid8 == short {
                found.segments.push(segment);
            }
        }
        let journals = contents.journals.into_iter().chain(contents.superseded);
        for journal in journals.filter(|journal| journal.name.uuid == self.uuid) {
            match found.segment_of(&journal.name) {
                Some(segment) => {
                    let segment = segment.clone();
                    found.superseded.push((journal, segment));
                }
                None => found.journals.push(journal),
            }
        }
        Ok(found)
    }
}

/// The files of one recorder.
#[derive(Default)]
struct Found {
    journals: Vec<JournalFile>,
    /// Contents of the journals, in the same order.
    scans: Vec<Scan>,
    superseded: Vec<(JournalFile, SegmentFile)>,
    segments: Vec<SegmentFile>,
}

impl Found {
    /// The complete segment of the journal `name`. The short UUID in a file name is not enough
    /// proof to delete a journal, so the footer is read.
    fn segment_of(&self, name: &JournalName) -> Option<&SegmentFile> {
        self.segments.iter().find(|segment| {
            segment.table == name.table
                && segment.name.sequence == name.sequence
                && footers::read(&segment.path).is_some_and(|footer| footer.name == *name)
        })
    }

    /// Footers of each table's newest segment.
    fn newest_footers(&self) -> impl Iterator<Item = Footer> {
        let tables: BTreeSet<Table> = self.segments.iter().map(|file| file.table).collect();
        tables.into_iter().filter_map(|table| {
            let of_table = self.segments.iter().filter(move |file| file.table == table);
            footers::read(&of_table.max_by_key(|file| file.name.sequence)?.path)
        })
    }

    /// Time of the last durable row of any table, ns UTC.
    fn last_at_ns(&self) -> Option<i64> {
        let journals = self.scans.iter();
        let journals = journals
            .filter(|scan| scan.summary.rows > 0)
            .map(|scan| scan.summary.last_at_ns);
        let segments = self
            .newest_footers()
            .filter_map(|footer| Some(footer.extent?.last_at_ns));
        journals.chain(segments).max()
    }

    fn next_annotation(&self) -> u64 {
        let journals = self.journals.iter().map(|file| &file.name);
        let journals = journals
            .filter(|name| name.table == Table::ANNOTATIONS)
            .map(|name| name.sequence);
        let segments = self.segments.iter();
        let segments = segments
            .filter(|file| file.table == Table::ANNOTATIONS)
            .map(|file| file.name.sequence);
        journals.chain(segments).max().unwrap_or(0) + 1
    }

    /// The provenance of the rows: from a journal, else from a segment, else (where neither is
    /// left) that of this host.
    fn provenance(&self) -> Provenance {
        let of_journal = self.scans.iter().find_map(|scan| scan.provenance.clone());
        of_journal
            .or_else(|| self.newest_footers().next().map(|footer| footer.provenance))
            .unwrap_or_else(|| of_host(&Host::read()))
    }
}

/// Removes the temporary files of seals that a crash interrupted before their rename, and the bytes
/// for a full disk.
fn remove_temporaries(directory: &Path) -> Result<(), SegmentError> {
    for path in durable::list(directory)? {
        let is_sealing = path
            .extension()
            .is_some_and(|ending| ending == SEALING_EXTENSION);
        if is_sealing || path.ends_with(SPARE_FILE) {
            durable::remove(&path)?;
        }
    }
    Ok(())
}
