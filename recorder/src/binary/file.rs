//! A file under observation, opened once: the file that was read is the one that is probed and
//! watched, even if another file gets its path later.
//!
//! Opens regular files only and reads a bounded number of bytes: opening a device can have effects,
//! reading a FIFO can wait for ever, and a disk image does not fit in memory.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use thiserror::Error;

use super::elf;

/// Largest program that is read, in bytes.
const LARGEST: u64 = 4 << 30;

/// An open file with the path that led to it.
#[derive(Debug)]
pub struct Binary {
    path: PathBuf,
    file: File,
    opened: Metadata,
}

/// The reason why a file is not read.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The kernel refuses to open or read it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a directory, a device or another special file, in words.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// It is larger than any program should be.
    #[error("it is larger than {} GiB, the most that is read", LARGEST >> 30)]
    TooLarge,
}

impl Binary {
    /// Opens and reads `path`. Of a file that is not a program
    /// only the size of an ELF header is read.
    ///
    /// # Errors
    /// Where it cannot be opened or read, is not a regular file, or is too large.
    pub fn open(path: PathBuf) -> Result<(Self, Vec<u8>), OpenError> {
        let mut file = open_regular(&path)?;
        // Read before the bytes, so that a change during that read is detected.
        let opened = file.metadata()?;
        let bytes = read_program(&mut file, opened.len())?;
        let binary = Self { path, file, opened };
        Ok((binary, bytes))
    }

    /// Opens `path` without reading it, for a program whose instructions are known.
    ///
    /// # Errors
    /// Where it cannot be opened, or is not a regular file.
    pub fn open_only(path: PathBuf) -> Result<Self, OpenError> {
        let file = open_regular(&path)?;
        let opened = file.metadata()?;
        Ok(Self { path, file, opened })
    }

    /// Whether both are one file, by whatever paths (hard links).
    pub fn is_same_file(&self, other: &Self) -> bool {
        identity(&self.opened) == identity(&other.opened)
    }

    /// Device and inode number.
    pub fn identity(&self) -> (u64, u64) {
        identity(&self.opened)
    }

    /// Its size when it was read, bytes.
    pub fn size(&self) -> u64 {
        self.opened.len()
    }

    /// Its inode number.
    pub fn inode(&self) -> u64 {
        self.opened.ino()
    }

    /// Path by which it was opened; it has a directory in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// A path that leads to this very file, as long as this process has it open.
    pub fn own_path(&self) -> PathBuf {
        own_path(&self.file)
    }

    /// Whether its bytes were changed since they were read, as far as size and time of change tell.
    pub fn is_changed(&self) -> bool {
        let state = |data: &Metadata| (data.len(), data.mtime(), data.mtime_nsec());
        self.file
            .metadata()
            .is_ok_and(|now| state(&now) != state(&self.opened))
    }
}

/// Opens a regular file for reading. Of any other file only the type is read; it is not opened.
fn open_regular(path: &Path) -> Result<File, OpenError> {
    let place = File::options()
        .read(true)
        .custom_flags(OFlags::PATH.bits().cast_signed())
        .open(path)?;
    let kind = place.metadata()?.file_type();
    if !kind.is_file() {
        return Err(OpenError::NotRegular(match kind {
            kind if kind.is_dir() => "a directory",
            kind if kind.is_fifo() => "a FIFO",
            kind if kind.is_socket() => "a socket",
            _ => "a device",
        }));
    }
    let file = File::open(own_path(&place))?;
    // Some of the kernel's regular files (/proc/kmsg, trace_pipe) are streams: reading them must
    // not block.
    rustix::fs::fcntl_setfl(&file, OFlags::NONBLOCK).map_err(io::Error::from)?;
    Ok(file)
}

fn read_program(file: &mut File, size: u64) -> Result<Vec<u8>, OpenError> {
    let mut bytes = Vec::new();
    let start = elf::HEADER_SIZE as u64;
    file.by_ref().take(start).read_to_end(&mut bytes)?;
    if !elf::is_program(&bytes) {
        return Ok(bytes);
    }
    if size > LARGEST {
        return Err(OpenError::TooLarge);
    }
    let rest = usize::try_from(size).unwrap_or(usize::MAX);
    bytes.try_reserve(rest).map_err(io::Error::from)?;
    file.take(LARGEST - start + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(OpenError::TooLarge);
    }
    Ok(bytes)
}

/// A path that leads to the file as long as this process has it open.
fn own_path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// The kernel's identity of a file: device and inode.
fn identity(data: &Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::fs;

    use super::*;

    fn program(content: &str) -> Vec<u8> {
        let mut bytes = vec![0; elf::HEADER_SIZE];
        bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
        bytes[16] = 3;
        bytes[18] = 62;
        bytes[20] = 1;
        assert!(elf::is_program(&bytes));
        bytes.extend(content.bytes());
        bytes
    }

    fn opened(directory: &Path) -> (Binary, PathBuf) {
        let path = directory.join("program");
        fs::write(&path, program("one")).unwrap();
        let (binary, bytes) = Binary::open(path.clone()).unwrap();
        assert_eq!(bytes, program("one"));
        assert!(!binary.is_changed());
        (binary, path)
    }

    #[test]
    fn the_file_that_was_read_stays_open_when_its_path_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (binary, path) = opened(directory.path());
        let new = directory.path().join("new");
        fs::write(&new, program("two")).unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), program("two"));
        assert_eq!(fs::read(binary.own_path()).unwrap(), program("one"));
        assert!(!binary.is_changed());
        let other = identity(&fs::metadata(&path).unwrap());
        assert_ne!(other, binary.identity());
    }

    #[test]
    fn a_change_in_place_is_detected() {
        let directory = tempfile::tempdir().unwrap();
        let (binary, path) = opened(directory.path());
        fs::write(&path, "longer").unwrap();
        assert!(binary.is_changed());
    }

    fn refusal(path: &Path) -> String {
        let started = std::time::Instant::now();
        let refused = Binary::open(path.into()).unwrap_err();
        assert!(started.elapsed().as_secs() < 60, "{}", path.display());
        refused.to_string()
    }

    #[test]
    fn only_regular_files_are_opened() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for name in ["fifo", "socket"] {
            std::os::unix::fs::symlink(at(name), at("link")).unwrap();
            for path in [at(name), at("link")] {
                assert_eq!(
                    refusal(&path),
                    format!("it is a {name}, not a regular file").replace("fifo", "FIFO")
                );
            }
            fs::remove_file(at("link")).unwrap();
        }
        assert!(refusal(directory.path()).contains("a directory"));
        for device in [
            "/dev/zero",
            "/dev/null",
            "/dev/full",
            "/dev/tty",
            "/dev/ptmx",
        ] {
            assert!(refusal(Path::new(device)).contains("a device"), "{device}");
        }
        assert!(matches!(Binary::open(at("no")), Err(OpenError::Io(_))));
    }

    #[test]
    fn memory_is_bounded_whatever_the_size() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        let sparse = |content: &[u8], size: u64| {
            fs::write(&path, content).unwrap();
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(size)
                .unwrap();
        };
        // Not a program: its size does not matter, and little of it is read.
        for size in [0, 1, 63, 64, 65, 1 << 40] {
            sparse(b"", size);
            let (_, bytes) = Binary::open(path.clone()).unwrap();
            assert_eq!(bytes.len() as u64, size.min(elf::HEADER_SIZE as u64));
        }
        sparse(&program(""), 1 << 40);
        assert_eq!(
            refusal(&path),
            "it is larger than 4 GiB, the most that is read"
        );
        sparse(&program("x"), 1 << 20);
        assert_eq!(Binary::open(path.clone()).unwrap().1.len(), 1 << 20);
    }

    #[test]
    fn reading_a_kernel_stream_does_not_block() {
        // A regular file without an end: without privileges an error, with them a first line.
        let path = Path::new("/proc/kmsg");
        let started = std::time::Instant::now();
        let _ = Binary::open(path.into());
        assert!(started.elapsed().as_secs() < 60);
    }
}
