//! The file operations that durability is built from, each with its error. The callers decide their
//! order: write, fsync, rename, fsync the directory, unlink.

use std::fs::{DirEntry, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::error::SegmentError;

/// Makes creations, renames and removals of entries of `directory` durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), SegmentError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(directory, flags, Mode::empty())
        .map_err(|error| SegmentError::io("open", directory, error))?;
    match rustix::fs::fsync(&opened) {
        // Some file systems cannot sync a directory.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(SegmentError::io("sync", directory, error)),
    }
}

/// Creates `directory` and its missing parents, each made durable in its own parent.
pub(crate) fn create_directories(directory: &Path) -> Result<(), SegmentError> {
    let mut created = std::fs::create_dir(directory);
    if let Err(error) = &created
        && error.kind() == io::ErrorKind::NotFound
        && let Some(above) = directory.parent()
        && !above.as_os_str().is_empty()
    {
        create_directories(above)?;
        // Once only: /proc answers ENOENT even where the directory above exists.
        created = std::fs::create_dir(directory);
    }
    match created {
        Ok(()) => sync_directory(parent(directory)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(error) => Err(SegmentError::io("create the directory", directory, error)),
    }
}

/// The directory that `path` lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// A new file, for reading and writing.
pub(crate) fn create_new(path: &Path) -> Result<File, SegmentError> {
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| SegmentError::io("create", path, error))
}

/// The result of a rename that replaces nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// The file has its new name.
    Done,
    /// Another file has that name already; nothing changed.
    Occupied,
}

/// Renames without replacing; by a hard link where the file system cannot (NFS and some others).
pub(crate) fn rename_new(from: &Path, to: &Path) -> Result<Placed, SegmentError> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(Placed::Done),
        Err(Errno::EXIST) => Ok(Placed::Occupied),
        Err(Errno::INVAL | Errno::NOSYS) => match std::fs::hard_link(from, to) {
            Ok(()) => remove(from).map(|()| Placed::Done),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Placed::Occupied),
            Err(error) => Err(SegmentError::io("place", to, error)),
        },
        Err(error) => Err(SegmentError::io("place", to, error)),
    }
}

/// Removes a file. A file that does not exist is no error.
pub(crate) fn remove(path: &Path) -> Result<(), SegmentError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(SegmentError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Writes all of `contents` to the start of a file, durably.
pub(crate) fn write_start(file: &File, contents: &[u8]) -> io::Result<()> {
    file.write_all_at(contents, 0)?;
    file.sync_all()
}

/// Bytes that this process may still write to the file system of `path`.
pub(crate) fn free_bytes(path: &Path) -> Result<u64, SegmentError> {
    let free = rustix::fs::statvfs(path).map_err(|error| SegmentError::io("read", path, error))?;
    Ok(free.f_bavail.saturating_mul(free.f_frsize))
}

/// The paths of all entries of `directory`.
///
/// # Errors
/// Also where only some of them could be read: a list that is not complete must not look like one.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>, SegmentError> {
    std::fs::read_dir(directory)
        .and_then(all_paths)
        .map_err(|error| SegmentError::io("read", directory, error))
}

fn all_paths(listing: impl IntoIterator<Item = io::Result<DirEntry>>) -> io::Result<Vec<PathBuf>> {
    listing.into_iter().map(|entry| Ok(entry?.path())).collect()
}

/// Writes a small file atomically, by a rename of `temporary`: it exists whole or not at all.
pub(crate) fn write_whole(
    path: &Path,
    temporary: &Path,
    contents: &[u8],
) -> Result<(), SegmentError> {
    remove(temporary)?;
    let file = create_new(temporary)?;
    let written =
        write_start(&file, contents).map_err(|error| SegmentError::io("write", temporary, error));
    let placed = written.and_then(|()| {
        std::fs::rename(temporary, path).map_err(|error| SegmentError::io("place", path, error))
    });
    if placed.is_err() {
        let _ = remove(temporary);
    }
    placed?;
    sync_directory(parent(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

    use super::*;

    #[test]
    fn a_write_of_a_part_is_an_error() {
        // A file that cannot grow takes the whole pages of a write and no more, as a full disk
        // does.
        const PAGE: u64 = 4096;
        let file = memfd_create("full", MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, PAGE).unwrap();
        fcntl_add_seals(&file, SealFlags::GROW).unwrap();
        let file = File::from(file);
        let contents = vec![1; PAGE as usize + 1];
        assert!(write_start(&file, &contents).is_err());
        assert_eq!(rustix::io::pwrite(&file, &contents, 0), Ok(PAGE as usize));
        write_start(&file, &contents[1..]).unwrap();
    }

    #[test]
    fn a_list_that_is_not_complete_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("lock"), "").unwrap();
        assert_eq!(list(place.path()).unwrap(), [place.path().join("lock")]);
        let listing = std::fs::read_dir(place.path()).unwrap();
        let error = all_paths(listing.chain([Err(Errno::IO.into())])).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::IO.raw_os_error()));
    }
}
