//! A recording that is not complete yet: a hidden directory next to its final place, in which no
//! table has its name, so that nobody reads it as a recording. A rename puts it into place. An
//! import that fails removes it; one that was killed leaves it, and the next import to the same
//! place removes it.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use soakbox_cli::{Failure, Result, escaped_path, plain_io_error};
use soakbox_schemas::tables::Table;

/// Ending of the staging directory, and of the tables in it.
const ENDING: &str = ".importing";
/// The next step where the place of a recording is taken.
const OTHER_PLACE: &str = "name a directory that does not exist yet";

/// A staging directory, locked while it is written.
#[derive(Debug)]
pub(super) struct Staging {
    /// The final place as typed, for messages.
    output: PathBuf,
    path: PathBuf,
    /// The lock of the directory: a killed import holds none.
    _lock: File,
    is_placed: bool,
}

impl Staging {
    /// Creates the staging directory for the recording `output`.
    pub(super) fn create(output: &Path) -> Result<Self> {
        let failed = |reason: &str| Failure::path(output, reason).hint(OTHER_PLACE);
        if std::fs::symlink_metadata(output).is_ok() {
            return Err(failed("exists already"));
        }
        let name = output.file_name();
        let name = name.filter(|_| output != Path::new("-"));
        let name = name.ok_or_else(|| failed("is no name of a directory"))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(ENDING);
        let path = parent(output).join(hidden);
        let unwritable = |error: &io::Error| {
            let reason = format!("cannot be written: {}", plain_io_error(error));
            Failure::path(output, reason)
                .hint("name a directory in one that exists and that you may write to")
        };
        let lock = match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_abandoned(&path, output)?;
                std::fs::create_dir(&path)
            }
            created => created,
        };
        let lock = lock.and_then(|()| File::open(&path));
        let lock = lock.map_err(|error| unwritable(&error))?;
        if !is_locked_by(&lock, &path) {
            return Err(in_use(output));
        }
        Ok(Self {
            output: output.to_owned(),
            path,
            _lock: lock,
            is_placed: false,
        })
    }

    /// The directory of a table while it is written.
    pub(super) fn table(&self, table: Table) -> PathBuf {
        self.path.join(format!("{}{ENDING}", table.name()))
    }

    /// A failure to write a file of the recording.
    pub(super) fn failed(&self, error: &io::Error) -> Failure {
        let reason = format!("cannot be written: {}", plain_io_error(error));
        Failure::path(&self.output, reason)
    }

    /// Makes everything durable and puts the recording, which has these tables, into its place.
    pub(super) fn place(mut self, tables: &[Table]) -> Result<()> {
        let placed = self.rename(tables);
        match placed {
            Ok(()) => {
                self.is_placed = true;
                Ok(())
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                let reason = "was created by another program during the import";
                Err(Failure::path(&self.output, reason).hint(OTHER_PLACE))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn rename(&self, tables: &[Table]) -> io::Result<()> {
        sync_directories(&self.path)?;
        for table in tables {
            std::fs::rename(self.table(*table), self.path.join(table.name()))?;
        }
        sync_directory(&self.path)?;
        std::fs::rename(&self.path, &self.output)?;
        // The recording is there: a failure would report that it is not.
        let _ = sync_directory(parent(&self.output));
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes the staging directory of an import that was killed.
fn remove_abandoned(path: &Path, output: &Path) -> Result<()> {
    let left = |error: &io::Error| {
        let reason = format!("cannot be removed: {}", plain_io_error(error));
        Failure::path(path, reason).hint("an import that was killed left it")
    };
    let directory = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|error| left(&error))?,
    };
    if !is_locked_by(&directory, path) {
        return Err(in_use(output));
    }
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(left(&error)),
        _ => Ok(()),
    }
}

/// Locks the directory; `false` where another import has it, or has removed it.
fn is_locked_by(directory: &File, path: &Path) -> bool {
    let is_same = |there: std::fs::Metadata| {
        let here = directory.metadata();
        here.is_ok_and(|here| (here.dev(), here.ino()) == (there.dev(), there.ino()))
    };
    match directory.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        // Some file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => std::fs::metadata(path).is_ok_and(is_same),
    }
}

fn in_use(output: &Path) -> Failure {
    Failure::path(output, "is being written by another import").hint(format!(
        "wait for it, or name another directory than {}",
        escaped_path(output)
    ))
}

/// The directory that `path` is in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the entries of a directory and of all directories in it durable.
fn sync_directories(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_directories(&entry.path())?;
        }
    }
    sync_directory(directory)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some file systems cannot sync a directory.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(directory: &Path) -> Vec<String> {
        let listing = std::fs::read_dir(directory).unwrap();
        let names = listing.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_recording_appears_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("recording");
        let staging = Staging::create(&output).unwrap();
        let table = Table::OPERATION_LOG;
        std::fs::create_dir_all(staging.table(table).join("date=2026-11-24")).unwrap();
        assert_eq!(entries(place.path()), [".recording.importing"]);
        assert_eq!(entries(&staging.path), ["operation_log.importing"]);
        drop(staging);
        assert_eq!(entries(place.path()), [""; 0]);
        let staging = Staging::create(&output).unwrap();
        std::fs::create_dir_all(staging.table(table)).unwrap();
        staging.place(&[table]).unwrap();
        assert_eq!(entries(place.path()), ["recording"]);
        assert_eq!(entries(&output), ["operation_log"]);
        let failure = Staging::create(&output).unwrap_err().to_string();
        assert!(
            failure.contains("exists already; hint: name a directory"),
            "{failure}"
        );
    }

    #[test]
    fn the_leftover_of_a_killed_import_is_removed_and_a_live_one_is_not() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("recording");
        let left = place.path().join(".recording.importing");
        std::fs::create_dir_all(left.join("operation_log.importing")).unwrap();
        let staging = Staging::create(&output).unwrap();
        assert_eq!(entries(&staging.path), [""; 0]);
        let failure = Staging::create(&output).unwrap_err().to_string();
        assert!(
            failure.contains("is being written by another import"),
            "{failure}"
        );
        assert!(staging.path.is_dir());
        std::fs::create_dir_all(output.join("x")).unwrap();
        let failure = staging.place(&[]).unwrap_err().to_string();
        assert!(
            failure.contains("by another program during the import"),
            "{failure}"
        );
        assert_eq!(entries(place.path()), ["recording"]);
    }
}
