//! The messages between the thread that reads signals and the thread that records.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, Dir, statat};

use super::event::{Event, SetOnDrop, wait_for};
use super::signals::{Request, Signals, name};
use crate::message;

/// The events of one recording.
#[derive(Debug)]
pub(super) struct Control {
    /// The recording is to end cleanly.
    pub(super) stop: Event,
    /// The open files are to be sealed; the writing thread clears it.
    pub(super) rotate: Arc<AtomicBool>,
    /// What is kept in memory is to be written; the recording thread clears it.
    pub(super) trigger: AtomicBool,
    over: Event,
    /// The directory of this recorder's journals.
    journals: OnceLock<OwnedFd>,
}

impl Control {
    /// # Errors
    /// Where there are no descriptors left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            stop: Event::new()?,
            rotate: Arc::default(),
            trigger: AtomicBool::default(),
            over: Event::new()?,
            journals: OnceLock::new(),
        })
    }

    /// A guard to keep while the recording lasts: once it is dropped, also by a panic,
    /// [`Self::is_over`] is true.
    pub(super) fn over_when_dropped(&self) -> SetOnDrop<'_> {
        self.over.set_on_drop()
    }

    /// Whether the recording has ended, successfully or not.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_set()
    }

    /// Carries out a request that does not end the recording at once.
    pub(super) fn carry_out(&self, request: Request) {
        match request {
            Request::Stop(signal) => {
                message::line(format_args!("{}: ending the recording", name(signal)));
                self.stop.set();
            }
            // The recording has ended by itself in the meantime.
            Request::StopAtOnce => {}
            Request::Rotate(signal) => {
                message::line(format_args!("{}: sealing the open files", name(signal)));
                self.rotate.store(true, Ordering::Relaxed);
            }
            Request::Trigger(_) => self.trigger.store(true, Ordering::Relaxed),
            Request::GoOn(signal) => message::line(format_args!(
                "the recorder ignores {}: the recording goes on; hint: SIGINT or SIGTERM ends it, SIGUSR1 seals the open files",
                name(signal)
            )),
        }
    }

    pub(super) fn wait_for_signal(&self, signals: &Signals) {
        wait_for(&[signals.as_fd(), self.over.as_fd()], None);
    }

    /// Remembers this recorder's journal directory, for [`Self::report_unsealed`].
    pub(super) fn set_journal_directory(&self, directory: &Path) {
        // Opened now: the thread that reads signals opens nothing.
        if let Ok(directory) = File::open(directory) {
            let _ = self.journals.set(directory.into());
        }
    }

    /// Reports the journals that an end at once leaves unsealed in `output`, and how to recover
    /// them.
    pub(super) fn report_unsealed(&self, output: &Path) {
        let sizes = self.journals.get().map_or_else(Vec::new, sizes);
        let output = output.display();
        message::line(format_args!(
            "ended at once by a second signal: {} journals with {} bytes are not sealed; hint: run `soakbox-recorder recover {output}`",
            sizes.len(),
            sizes.iter().sum::<u64>()
        ));
    }
}

/// The sizes of the journals in a directory, bytes.
fn sizes(directory: &OwnedFd) -> Vec<u64> {
    let copy = directory.try_clone().ok();
    let listing = copy.and_then(|copy| Dir::new(copy).ok());
    let entries = listing.into_iter().flatten().flatten();
    let journals = entries.filter(|entry| {
        Path::new(OsStr::from_bytes(entry.file_name().to_bytes()))
            .extension()
            .is_some_and(|ending| ending == soakbox_schemas::recording::JOURNAL_EXTENSION)
    });
    let size = |entry: rustix::fs::DirEntry| {
        let data = statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
        data.map_or(0, |data| data.st_size.unsigned_abs())
    };
    journals.map(size).collect()
}
