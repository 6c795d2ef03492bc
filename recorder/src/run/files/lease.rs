//! A read lease (fcntl(2)): a process that opens the file for writing waits until the lease is
//! released, at most the 45 s of /proc/sys/fs/lease-break-time.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use libc::{F_GETLEASE, F_RDLCK, F_SETLEASE, F_UNLCK};

use crate::binary::Binary;

/// Attempts while another process has the file open for writing: it may just have been written.
const TRIES: usize = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Released when it is dropped. The kernel also reports a writer by SIGIO, which must not kill the
/// process that holds it. It is held by an opening of its own, which no other process has: the end of
/// this process releases it.
#[derive(Debug)]
pub(super) struct Lease {
    file: File,
}

impl Lease {
    /// # Errors
    /// Where another process has the file open for writing, the file is another user's, or its file
    /// system has no leases.
    pub(super) fn take(binary: &Binary) -> io::Result<Self> {
        let file = File::open(binary.own_path())?;
        let mut tries = 1;
        loop {
            match fcntl(&file, F_SETLEASE, F_RDLCK) {
                Ok(_) => return Ok(Self { file }),
                Err(error) if tries < TRIES && error.kind() == io::ErrorKind::WouldBlock => {
                    tries += 1;
                    thread::sleep(BETWEEN_TRIES);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`Self::take`], at once.
    ///
    /// # Errors
    /// As there.
    pub(super) fn take_now(binary: &Binary) -> io::Result<Self> {
        Self::of(File::open(binary.own_path())?)
    }

    fn of(file: File) -> io::Result<Self> {
        fcntl(&file, F_SETLEASE, F_RDLCK)?;
        Ok(Self { file })
    }

    /// Whether a writer waits for its release, or went on after the longest wait.
    ///
    /// # Errors
    /// Where the kernel refuses to answer; then a writer may be waiting.
    pub(super) fn is_breaking(&self) -> io::Result<bool> {
        is_breaking(&self.file)
    }
}

/// Whether another process has the file at `path` open for writing, as far as the kernel tells.
pub(super) fn is_being_written(path: &Path) -> bool {
    let is_file = std::fs::metadata(path).is_ok_and(|data| data.is_file());
    let file = is_file.then(|| {
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_NONBLOCK).open(path)
    });
    let Some(Ok(file)) = file else { return false };
    matches!(Lease::of(file), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The kernel may have released it already.
        let _ = fcntl(&self.file, F_SETLEASE, F_UNLCK);
    }
}

fn is_breaking(file: &File) -> io::Result<bool> {
    Ok(fcntl(file, F_GETLEASE, 0)? != F_RDLCK)
}

fn fcntl(file: &File, command: i32, argument: i32) -> io::Result<i32> {
    // SAFETY: neither command takes a pointer, and the file is open.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    #[test]
    fn a_lease_that_cannot_be_read_is_an_error_and_not_an_intact_lease() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = File::open(file.path()).unwrap();
        assert!(is_breaking(&read).unwrap(), "no lease was taken");
        let mut path_only = File::options();
        path_only.read(true).custom_flags(libc::O_PATH);
        let error = is_breaking(&path_only.open(file.path()).unwrap()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    }
}
