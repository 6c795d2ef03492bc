//! Whether the recorder that writes the journals of a run still runs. To find this out, a shared
//! lock is tried for a moment; nothing is written.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use soakbox_cli::plain_io_error;
use soakbox_schemas::recording::{LOCK_FILE, RECOVERY_FILE};

/// Who owns the journals of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Its recorder, which still runs.
    Alive,
    /// No recorder: it was killed or could not seal, or this is a copy of the recording.
    Gone,
    /// The lock cannot be examined, and why.
    Unknown(String),
}

/// A run whose journal directory is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsealedRun {
    /// First eight digits of the run's UUID.
    pub recorder: String,
    /// Who owns its journals.
    pub owner: Owner,
}

/// First word of a lock whose recorder has not stopped.
const RUNNING: &str = "running";

/// Who owns the journals in the directory of a run; `None` where nothing is missing: the directory
/// has no journal, and its recorder has not started yet or has stopped.
pub(super) fn owner(directory: &Path, has_journals: bool) -> Option<Owner> {
    let mut lock = match open(&directory.join(LOCK_FILE)) {
        Ok(lock) => lock,
        // Without a lock nobody holds the journals.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return has_journals.then_some(Owner::Gone);
        }
        Err(error) => return has_journals.then(|| unknown(&error)),
    };
    // A lock file without content is not touched: its recorder is about to lock it.
    if !has_journals && !starts_with(&mut lock, RUNNING) {
        return None;
    }
    match lock.try_lock_shared() {
        // A recovery keeps its plan here while it works on the journals of a killed recorder.
        Err(TryLockError::WouldBlock) if directory.join(RECOVERY_FILE).exists() => {
            Some(Owner::Gone)
        }
        Err(TryLockError::WouldBlock) => Some(Owner::Alive),
        Err(TryLockError::Error(error)) => Some(unknown(&error)),
        // Its recorder has just removed the file, as the last step of a clean stop.
        Ok(()) if lock.metadata().is_ok_and(|lock| lock.nlink() == 0) => {
            has_journals.then_some(Owner::Alive)
        }
        Ok(()) => Some(Owner::Gone),
    }
}

/// Opens a regular file only: opening a FIFO would wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(path)
}

fn unknown(error: &io::Error) -> Owner {
    Owner::Unknown(format!(
        "its lock cannot be examined: {}",
        plain_io_error(error)
    ))
}

fn starts_with(file: &mut File, word: &str) -> bool {
    let mut start = vec![0; word.len()];
    file.read_exact(&mut start).is_ok() && start == word.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journals_are_held_by_whoever_has_the_lock() {
        let place = tempfile::tempdir().unwrap();
        let look = |has_journals| owner(place.path(), has_journals);
        assert_eq!((look(false), look(true)), (None, Some(Owner::Gone)));
        let path = place.path().join(LOCK_FILE);
        for (text, without_journals) in [
            ("", None),
            ("stopped\nstarted_at_ns 1\n", None),
            ("running\nstarted_at_ns 1\n", Some(Owner::Gone)),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(look(false), without_journals, "{text:?}");
            assert_eq!(look(true), Some(Owner::Gone), "{text:?}");
        }
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        assert_eq!(
            (look(false), look(true)),
            (Some(Owner::Alive), Some(Owner::Alive))
        );
        let plan = place.path().join(RECOVERY_FILE);
        std::fs::write(&plan, "").unwrap();
        assert_eq!(look(true), Some(Owner::Gone));
        std::fs::remove_file(&plan).unwrap();
        drop(held);
        assert_eq!(look(true), Some(Owner::Gone));
        // No lock is left behind.
        File::open(&path).unwrap().try_lock().unwrap();
    }

    #[test]
    fn a_lock_that_cannot_be_read_proves_nothing() {
        let place = tempfile::tempdir().unwrap();
        // A directory, since root may open any file.
        std::fs::create_dir(place.path().join(LOCK_FILE)).unwrap();
        assert_eq!(owner(place.path(), false), None);
        let found = owner(place.path(), true);
        assert!(matches!(found, Some(Owner::Unknown(_))), "{found:?}");
    }
}
