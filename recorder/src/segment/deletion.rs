//! Deletes sealed segments that are due. Never a journal, an annotation, or a segment of another
//! recorder that still runs or was not recovered yet.
//!
//! What is deleted is counted in the recording's `retention.json` first, durably, together with the
//! names of the files; then they are deleted. A reader leaves out the files named there. So a kill
//! at any point leaves a recording in which each row is there or is counted as deleted, and the next
//! recorder finishes the deletion.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use soakbox_schemas::recording::{
    Contents, Deleted, Deletions, Extent, JOURNAL_DIRECTORY, RETENTION_FILE, SegmentFile, uuid8,
};
use soakbox_schemas::tables::Table;

use super::durable;
use super::error::SegmentError;
use super::footers;
use super::retention::{SealedFile, Trust, due, oldest};
use crate::clock::ClockPair;
use crate::plan::Keep;

/// Size of the spare file, and its name in the recorder's journal directory. It never ends in
/// `.journal`, and a recovery removes it.
const SPARE_BYTES: usize = 64 << 10;
pub(crate) const SPARE_FILE: &str = "spare";
/// Most files that are named at a time.
const AT_A_TIME: usize = 256;

/// Deletes the segments of one recording on behalf of one recorder.
#[derive(Debug)]
pub(crate) struct Retention {
    root: PathBuf,
    uuid: String,
    keep: Keep,
    /// Extents of the segments, so that each footer is read once; `None` where it cannot be read.
    extents: HashMap<PathBuf, Option<Extent>>,
    trust: Trust,
    /// A file that is deleted when the disk is full, so that what is deleted can be counted.
    spare: Option<PathBuf>,
}

/// The sealed segments, and what may be deleted of them.
struct Listing {
    contents: Contents,
    deletions: Deletions,
    /// In the order of the segments.
    files: Vec<SealedFile>,
}

impl Retention {
    pub(crate) fn new(root: &Path, uuid: &str, keep: Keep) -> Self {
        Self {
            root: root.to_owned(),
            uuid: uuid.to_owned(),
            keep,
            extents: HashMap::new(),
            trust: Trust::default(),
            spare: None,
        }
    }

    /// Keeps some bytes in `directory`, for a full disk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(crate) fn spare(&mut self, directory: &Path) -> Result<(), SegmentError> {
        let path = directory.join(SPARE_FILE);
        let written = durable::create_new(&path).and_then(|file| {
            let zeros = vec![0; SPARE_BYTES];
            durable::write_start(&file, &zeros)
                .map_err(|error| SegmentError::io("write", &path, error))
        });
        if written.is_err() {
            let _ = durable::remove(&path);
        }
        self.spare = Some(path);
        written
    }

    /// Whether the oldest segments are deleted where the disk is full.
    pub(crate) fn is_spared(&self) -> bool {
        self.spare.is_some()
    }

    /// Deletes the oldest segments until `wanted` bytes are free; returns whether they are. Where
    /// it returns `false`, nothing is left to delete, or another recorder deletes at this moment.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub(crate) fn make_room(&mut self, wanted: u64) -> Result<bool, SegmentError> {
        let free = durable::free_bytes(&self.root)?;
        if free >= wanted {
            return Ok(true);
        }
        let Some(_lock) = self.lock()? else {
            return Ok(false);
        };
        let listing = self.list()?;
        let oldest = oldest(&listing.files, wanted - free);
        if oldest.is_empty() {
            return Ok(false);
        }
        if let Some(spare) = &self.spare {
            durable::remove(spare)?;
        }
        let deleted = self.delete(listing, &oldest);
        if let Some(directory) = self.spare.take().as_deref().and_then(Path::parent) {
            // Where there is no room for it yet, the next call tries again.
            let _ = self.spare(directory);
        }
        deleted?;
        Ok(durable::free_bytes(&self.root)? >= wanted)
    }

    /// Removes the spare bytes, at the end of the run.
    ///
    /// # Errors
    /// Where they cannot be removed.
    pub(crate) fn remove_spare(&mut self) -> Result<(), SegmentError> {
        self.spare
            .take()
            .map_or(Ok(()), |path| durable::remove(&path))
    }

    /// Deletes what is due.
    ///
    /// # Errors
    /// Where a file cannot be read, written or deleted. The rest is deleted later.
    pub(crate) fn apply(&mut self, now: ClockPair) -> Result<(), SegmentError> {
        let now_ns = self.trust.utc_ns(now);
        if self.keep.is_everything() {
            return Ok(());
        }
        let Some(_lock) = self.lock()? else {
            return Ok(());
        };
        let listing = self.list()?;
        let due = due(&listing.files, &self.keep, now_ns);
        self.delete(listing, &due)
    }

    /// Deletes by turns only: another recorder that writes here may have limits, too. `None` where
    /// it deletes at this moment.
    fn lock(&self) -> Result<Option<OwnedFd>, SegmentError> {
        let failed = |error: Errno| SegmentError::io("lock", &self.root, error);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&self.root, flags, Mode::empty()).map_err(failed)?;
        match rustix::fs::flock(&root, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(root)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn list(&mut self) -> Result<Listing, SegmentError> {
        let failed = |error| SegmentError::io("read", &self.root, error);
        // Recorders before their segments: one that ends in between is protected once more.
        let others = self.other_recorders()?;
        let contents = Contents::list(&self.root).map_err(failed)?;
        let path = self.root.join(RETENTION_FILE);
        let deletions =
            Deletions::read(&self.root).map_err(|error| SegmentError::io("read", &path, error))?;
        let superseding: HashSet<(Table, String, u64)> = contents
            .superseded
            .iter()
            .map(|file| (file.name.table, uuid8(&file.name.uuid), file.name.sequence))
            .collect();
        let known = std::mem::take(&mut self.extents);
        let files = contents.segments.iter().map(|file| {
            let extent = match known.get(&file.path) {
                Some(extent) => *extent,
                None => footers::read(&file.path).and_then(|footer| footer.extent),
            };
            self.extents.insert(file.path.clone(), extent);
            let name = &file.name;
            let is_needed = others.contains(&name.uuid8)
                || superseding.contains(&(file.table, name.uuid8.clone(), name.sequence));
            SealedFile {
                table: file.table,
                last_at_ns: extent.map_or(i64::MAX, |extent| extent.last_at_ns),
                bytes: file.bytes,
                is_deletable: extent.is_some() && !is_needed && file.table != Table::ANNOTATIONS,
            }
        });
        let files = files.collect();
        Ok(Listing {
            contents,
            deletions,
            files,
        })
    }

    /// The other recorders with a journal directory: they run, or are not recovered yet.
    fn other_recorders(&self) -> Result<BTreeSet<String>, SegmentError> {
        let directories = durable::list(&self.root.join(JOURNAL_DIRECTORY))?;
        let uuids = directories
            .iter()
            .filter_map(|path| path.file_name().and_then(OsStr::to_str));
        let others = uuids.filter(|uuid| *uuid != self.uuid);
        Ok(others.map(uuid8).collect())
    }

    fn delete(&self, listing: Listing, due: &[usize]) -> Result<(), SegmentError> {
        let Listing {
            contents,
            mut deletions,
            ..
        } = listing;
        // Left by a recorder that was killed. Its list may be replaced once they are gone.
        let left = contents.deleting.iter().map(|file| file.path.as_path());
        remove_all(&left.collect::<Vec<_>>())?;
        let segments: Vec<&SegmentFile> = due.iter().map(|&at| &contents.segments[at]).collect();
        for chunk in segments.chunks(AT_A_TIME) {
            deletions.deleting = chunk
                .iter()
                .filter_map(|file| below(&self.root, &file.path))
                .collect();
            for file in chunk {
                if let Some(Some(extent)) = self.extents.get(&file.path) {
                    let deleted = Deleted {
                        rows: extent.rows,
                        files: 1,
                        bytes: file.bytes,
                        from_ns: extent.first_at_ns,
                        until_ns: extent.last_at_ns,
                    };
                    deletions.add(&file.name.uuid8, file.table, deleted);
                }
            }
            self.write(&deletions)?;
            let paths = chunk.iter().map(|file| file.path.as_path());
            remove_all(&paths.collect::<Vec<_>>())?;
        }
        if deletions.deleting.is_empty() {
            return Ok(());
        }
        deletions.deleting.clear();
        self.write(&deletions)
    }

    fn write(&self, deletions: &Deletions) -> Result<(), SegmentError> {
        let path = self.root.join(RETENTION_FILE);
        let bytes = deletions
            .to_bytes()
            .map_err(|error| SegmentError::io("write", &path, error))?;
        durable::write_whole(&path, &path.with_extension("new"), &bytes)
    }
}

fn below(root: &Path, path: &Path) -> Option<String> {
    let path = path.strip_prefix(root).ok()?;
    path.to_str().map(str::to_owned)
}

/// Removes files durably, and the directories of days that are empty then.
fn remove_all(paths: &[&Path]) -> Result<(), SegmentError> {
    let mut days = BTreeSet::new();
    for path in paths {
        durable::remove(path)?;
        days.insert(durable::parent(path));
    }
    for day in days {
        durable::sync_directory(day)?;
        // Fails where the day has other files.
        let _ = std::fs::remove_dir(day);
    }
    Ok(())
}
