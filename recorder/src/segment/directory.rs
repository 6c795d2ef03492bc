//! A recorder's place in a recording: the root, and the journal directory that only this run uses.

use std::path::{Path, PathBuf};

use soakbox_schemas::recording::{JOURNAL_DIRECTORY, LOCK_FILE, journal_directory};
use soakbox_schemas::tables::Table;

use super::durable;
use super::error::SegmentError;
use super::lock::Lock;
use crate::access::check_writable;

const UUID_SOURCE: &str = "/proc/sys/kernel/random/uuid";
/// A recovery can remove a directory between its creation and its lock; a few attempts are plenty.
const ATTEMPTS: usize = 8;

/// The root of a recording and this recorder's own directory in it, locked. Dropped before a row
/// was written, it removes every directory that it created. Dropped with journals in it, it keeps
/// them, as after a crash.
#[derive(Debug)]
pub struct RecorderDirectory {
    root: PathBuf,
    uuid: String,
    path: PathBuf,
    /// The root was created for this recorder.
    is_new: bool,
    lock: Option<Lock>,
}

impl RecorderDirectory {
    /// Creates the recording's directories where they are missing, and a new one for this recorder.
    /// Call it before anything is attached: a directory that cannot be written fails here.
    ///
    /// # Errors
    /// Where a directory cannot be created or written.
    pub fn create(root: &Path, started_at_ns: i64) -> Result<Self, SegmentError> {
        let is_new = !root.exists();
        Self::create_in(root, started_at_ns, is_new).inspect_err(|_| {
            if is_new {
                remove_empty(root);
            }
        })
    }

    fn create_in(root: &Path, started_at_ns: i64, is_new: bool) -> Result<Self, SegmentError> {
        let journals = root.join(JOURNAL_DIRECTORY);
        durable::create_directories(&journals)?;
        for table in Table::ALL {
            let directory = root.join(table.name());
            if directory.exists() {
                check_writable(&directory)
                    .map_err(|error| SegmentError::io("write to", &directory, error))?;
            }
        }
        for _ in 0..ATTEMPTS {
            let uuid = new_uuid()?;
            let path = journal_directory(root, &uuid);
            durable::create_directories(&path)?;
            let lock = Lock::create(&path, started_at_ns).inspect_err(|_| {
                // No other process knows this directory yet.
                let _ = std::fs::remove_file(path.join(LOCK_FILE));
                let _ = std::fs::remove_dir(&path);
            })?;
            let Some(lock) = lock else {
                continue;
            };
            durable::sync_directory(&path)?;
            return Ok(Self {
                root: root.to_owned(),
                uuid,
                path,
                is_new,
                lock: Some(lock),
            });
        }
        Err(SegmentError::io(
            "lock",
            &journals,
            std::io::Error::other("another program keeps removing new directories"),
        ))
    }

    /// The recording's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The UUID of this recorder's run.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Its journal directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Marks in the lock file that every row up to the end is in a journal, even if not all could
    /// be sealed.
    pub(crate) fn mark_stopped(&self) -> Result<(), SegmentError> {
        self.lock.as_ref().map_or(Ok(()), Lock::mark_stopped)
    }

    /// Removes the lock and the directory, where every journal is sealed and removed.
    pub(crate) fn close(mut self) -> Result<(), SegmentError> {
        self.lock
            .take()
            .map_or(Ok(()), |lock| release(&self.path, lock))
    }
}

impl Drop for RecorderDirectory {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            let _ = release(&self.path, lock);
            // A directory with anything in it is not removed.
            let _ = std::fs::remove_dir(durable::parent(&self.path));
            if self.is_new {
                let _ = std::fs::remove_dir(&self.root);
            }
        }
    }
}

/// Removes the lock (durably after everything else) and the directory. Where a journal is still in
/// it, both stay: the next recovery needs them.
pub(crate) fn release(directory: &Path, lock: Lock) -> Result<(), SegmentError> {
    durable::sync_directory(directory)?;
    let listing = durable::list(directory)?;
    if listing.iter().any(|path| !path.ends_with(LOCK_FILE)) {
        return Ok(());
    }
    lock.remove()?;
    let _ = std::fs::remove_dir(directory);
    durable::sync_directory(durable::parent(directory))
}

/// Removes those of a recording's directories that are empty.
fn remove_empty(root: &Path) {
    let journals = root.join(JOURNAL_DIRECTORY);
    if let Ok(listing) = std::fs::read_dir(&journals) {
        for entry in listing.flatten() {
            let _ = std::fs::remove_dir(entry.path());
        }
    }
    let _ = std::fs::remove_dir(&journals);
    let _ = std::fs::remove_dir(root);
}

fn new_uuid() -> Result<String, SegmentError> {
    let path = Path::new(UUID_SOURCE);
    std::fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|error| SegmentError::io("read", path, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    #[test]
    fn a_recorder_that_wrote_nothing_leaves_the_directory_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("recording");
        drop(RecorderDirectory::create(&root, 0).unwrap());
        assert!(!root.exists());
        std::fs::create_dir(&root).unwrap();
        drop(RecorderDirectory::create(&root, 0).unwrap());
        assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
        // Another recorder's directory stays, and so does a journal.
        let other = RecorderDirectory::create(&root, 0).unwrap();
        drop(RecorderDirectory::create(&root, 0).unwrap());
        assert!(other.path().join(LOCK_FILE).exists());
        let journal = other.path().join("operation_log-000001.journal");
        std::fs::write(&journal, "rows").unwrap();
        drop(other);
        assert!(journal.exists());
    }
}
