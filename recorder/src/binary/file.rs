//! A file under observation, opened once: what was read is what is probed and watched, whatever takes its path.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// An open file with the path that led to it.
#[derive(Debug)]
pub struct Binary {
    /// As it was asked for: a symbolic link in it may come to lead elsewhere.
    asked: PathBuf,
    path: PathBuf,
    file: File,
    opened: Metadata,
}

impl Binary {
    /// Opens `path`, which `asked` stands for, and reads it.
    ///
    /// # Errors
    /// Where it cannot be opened or read.
    pub fn open(asked: PathBuf, path: PathBuf) -> io::Result<(Self, Vec<u8>)> {
        let mut file = File::open(&path)?;
        // Before the bytes, so that a change while they are read shows.
        let opened = file.metadata()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let binary = Self {
            asked,
            path,
            file,
            opened,
        };
        Ok((binary, bytes))
    }

    /// Whether both are one file, by whatever paths (hard links).
    pub fn is_same_file(&self, other: &Self) -> bool {
        identity(&self.opened) == identity(&other.opened)
    }

    /// Its path when it was opened, with a directory in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// A path that leads to this very file, as long as this process has it open.
    pub fn own_path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// Whether its bytes are no longer those that were read, as far as size and time of change tell.
    pub fn is_changed(&self) -> bool {
        let state = |data: &Metadata| (data.len(), data.mtime(), data.mtime_nsec());
        self.file
            .metadata()
            .is_ok_and(|now| state(&now) != state(&self.opened))
    }

    /// Whether its path is gone or leads to another file by now.
    pub fn is_replaced(&self) -> bool {
        let opened = identity(&self.opened);
        let at = |path: &Path| fs::metadata(path).map(|data| identity(&data)).ok();
        // What was asked for may be gone for reasons of its own (/proc/PID/exe).
        at(&self.path) != Some(opened) || at(&self.asked).is_some_and(|other| other != opened)
    }
}

/// What the kernel knows a file by: device and inode.
fn identity(data: &Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    fn opened(directory: &Path) -> (Binary, PathBuf) {
        let path = directory.join("program");
        fs::write(&path, "one").unwrap();
        let (binary, bytes) = Binary::open(path.clone(), path.clone()).unwrap();
        assert_eq!(bytes, b"one");
        assert!(!binary.is_changed() && !binary.is_replaced());
        (binary, path)
    }

    #[test]
    fn whatever_takes_its_path_it_stays_the_file_that_was_read() {
        let directory = tempfile::tempdir().unwrap();
        let (binary, path) = opened(directory.path());
        let new = directory.path().join("new");
        fs::write(&new, "two").unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read(binary.own_path()).unwrap(), b"one");
        assert!(binary.is_replaced() && !binary.is_changed());
        fs::remove_file(&path).unwrap();
        assert!(binary.is_replaced());
    }

    #[test]
    fn a_change_in_place_shows() {
        let directory = tempfile::tempdir().unwrap();
        let (binary, path) = opened(directory.path());
        fs::write(&path, "longer").unwrap();
        assert!(binary.is_changed() && !binary.is_replaced());
    }
}
