//! The lock of one recorder's journal directory: who holds it, and in what state its recorder left
//! it.
//!
//! The lock is `flock` on the file `lock`, held from before the first row to after the last seal;
//! the kernel releases it when the process ends, however that happens. The file's first word is
//! `running` or `stopped`: an unlocked directory with `running` was left by a crash. Removing the
//! file is the last step of a clean shutdown.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use soakbox_schemas::recording::LOCK_FILE;

use super::durable;
use super::error::SegmentError;

/// How often, and how long apart, the lock is tried again while only readers hold it.
const READER_ATTEMPTS: u32 = 50;
const READER_MOMENT: Duration = Duration::from_millis(2);

const RUNNING: &str = "running";
const STOPPED: &str = "stopped";

/// A held lock.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

/// The result of an attempt to acquire an existing recorder's lock.
#[derive(Debug)]
pub(crate) enum LockAttempt {
    /// This process holds it now, and its recorder left it in this state.
    Acquired(Lock, PreviousRun),
    /// A live recorder, or another recovery, holds it.
    Held,
    /// Another process finished and removed the directory in the meantime.
    Gone,
}

/// How a recorder left its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PreviousRun {
    pub(crate) state: State,
    /// When it started, ns UTC; `None` where it ended before it could write that.
    pub(crate) started_at_ns: Option<i64>,
}

/// The lock file's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It was never stopped: a crash.
    Running,
    /// It stopped, or its recovery is complete: the rest only needs to be sealed or removed.
    Stopped,
    /// The file is empty: its recorder ended before it wrote to it, or somebody removed the file.
    Unknown,
}

impl Lock {
    /// Creates and acquires the lock of a new `directory`; `None` where another process was faster.
    pub(crate) fn create(
        directory: &Path,
        started_at_ns: i64,
    ) -> Result<Option<Self>, SegmentError> {
        let path = directory.join(LOCK_FILE);
        let file = match durable::create_new(&path) {
            Err(SegmentError::Io { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
                ) =>
            {
                return Ok(None);
            }
            created => created?,
        };
        let lock = Self { file, path };
        if !lock.acquire()? {
            return Ok(None);
        }
        let pid = std::process::id();
        lock.write(&format!(
            "{RUNNING}\nstarted_at_ns {started_at_ns}\npid {pid}\n"
        ))?;
        Ok(Some(lock))
    }

    /// Tries to acquire the lock of `directory`; creates the file where a recorder ended before it
    /// could.
    pub(crate) fn attempt(directory: &Path) -> Result<LockAttempt, SegmentError> {
        let path = directory.join(LOCK_FILE);
        let opened = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LockAttempt::Gone),
            opened => opened.map_err(|error| SegmentError::io("open", &path, error))?,
        };
        let lock = Self { file, path };
        if !lock.acquire_after_readers()? {
            let attempt = if lock.is_linked()? {
                LockAttempt::Held
            } else {
                LockAttempt::Gone
            };
            return Ok(attempt);
        }
        let text = std::fs::read_to_string(&lock.path)
            .map_err(|error| SegmentError::io("read", &lock.path, error))?;
        let started = text
            .lines()
            .find_map(|line| line.strip_prefix("started_at_ns ")?.parse().ok());
        let state = if text.starts_with(RUNNING) {
            State::Running
        } else if text.starts_with(STOPPED) {
            State::Stopped
        } else {
            State::Unknown
        };
        let previous = PreviousRun {
            state,
            started_at_ns: started,
        };
        Ok(LockAttempt::Acquired(lock, previous))
    }

    /// Whether the lock was acquired and its file is still in the directory.
    fn acquire(&self) -> Result<bool, SegmentError> {
        match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => self.is_linked(),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(SegmentError::io("lock", &self.path, error)),
        }
    }

    /// The same, but waits for readers: to see whether the recorder lives, they hold the lock
    /// shared for a moment.
    fn acquire_after_readers(&self) -> Result<bool, SegmentError> {
        for _ in 0..READER_ATTEMPTS {
            if self.acquire()? {
                return Ok(true);
            }
            let shared = FlockOperation::NonBlockingLockShared;
            if !self.is_linked()? || rustix::fs::flock(&self.file, shared).is_err() {
                return Ok(false);
            }
            // Not kept: another recovery would wait for it in turn.
            let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
            std::thread::sleep(READER_MOMENT);
        }
        self.acquire()
    }

    fn is_linked(&self) -> Result<bool, SegmentError> {
        let stat = rustix::fs::fstat(&self.file)
            .map_err(|error| SegmentError::io("read", &self.path, error))?;
        Ok(stat.st_nlink > 0)
    }

    /// Marks that every row is in a journal: from here on a crash loses nothing, and the journals
    /// only need to be sealed.
    pub(crate) fn mark_stopped(&self) -> Result<(), SegmentError> {
        self.write(STOPPED)
    }

    /// Removes the file and releases the lock.
    pub(crate) fn remove(self) -> Result<(), SegmentError> {
        durable::remove(&self.path)
    }

    fn write(&self, text: &str) -> Result<(), SegmentError> {
        durable::write_start(&self.file, text.as_bytes())
            .map_err(|error| SegmentError::io("write", &self.path, error))
    }
}

const _: () = assert!(RUNNING.len() == STOPPED.len());

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A recorder's directory after a crash, and its lock file as another process sees it.
    fn crashed() -> (tempfile::TempDir, File) {
        let place = tempfile::tempdir().unwrap();
        let lock = Lock::create(place.path(), 1).unwrap().unwrap();
        drop(lock);
        let other = File::open(place.path().join(LOCK_FILE)).unwrap();
        (place, other)
    }

    #[test]
    fn a_reader_that_looks_for_a_moment_is_no_live_recorder() {
        // Again where a busy machine made a moment of nothing, or of a longer time.
        for _ in 0..1_000 {
            let (place, reader) = crashed();
            reader.lock_shared().unwrap();
            let looks = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                let until = Instant::now();
                drop(reader);
                (until, Instant::now())
            });
            let from = Instant::now();
            let attempt = Lock::attempt(place.path()).unwrap();
            let (until, latest) = looks.join().unwrap();
            let was_held = until.saturating_duration_since(from) > Duration::from_millis(5);
            let moment = latest.saturating_duration_since(from);
            if was_held && moment < READER_MOMENT * READER_ATTEMPTS / 2 {
                assert!(matches!(attempt, LockAttempt::Acquired(..)), "{attempt:?}");
                return;
            }
        }
        panic!("no reader looked for a moment");
    }

    #[test]
    fn the_lock_of_a_live_recorder_is_held_whoever_else_reads() {
        let (place, recorder) = crashed();
        recorder.lock().unwrap();
        let attempt = Lock::attempt(place.path()).unwrap();
        assert!(matches!(attempt, LockAttempt::Held), "{attempt:?}");
        recorder.unlock().unwrap();
        recorder.lock_shared().unwrap();
        let attempt = Lock::attempt(place.path()).unwrap();
        assert!(matches!(attempt, LockAttempt::Held), "{attempt:?}");
    }
}
