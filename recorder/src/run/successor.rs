//! What takes too long for the thread that watches the files: reading a file that has taken the place of
//! an observed one, and finding out which files no process runs any more. One search at a time, on a
//! thread of its own, for which nobody waits at the end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::{Receiver, TryRecvError, bounded};

use super::event::Event;
use crate::binary::Binary;
use crate::clock::{ClockPair, Timer};
use crate::memory;
use crate::plan::{Again, Resolution};
use crate::process::{MappedFile, Process, all_numbers};

/// Time before the second attempt to observe a file: it may still be written. Each further one comes
/// after twice the time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these times.
const LAST_PAUSE: Duration = Duration::from_secs(32);

/// A file with another one in its place, which is not observed yet.
pub(super) struct Waiting {
    /// Since when processes may run what is not observed.
    pub(super) since: ClockPair,
    /// The cause of the gap.
    pub(super) cause: &'static str,
    due: Timer,
    pause: Duration,
}

impl Waiting {
    pub(super) fn new(since: ClockPair, cause: &'static str) -> Self {
        Self {
            since,
            cause,
            due: Timer::after(Duration::ZERO),
            pause: FIRST_PAUSE,
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.due.is_over()
    }

    /// Notes that an attempt failed; returns whether there will be no further one.
    pub(super) fn fails_for_good(&mut self) -> bool {
        self.due = Timer::after(self.pause);
        self.pause *= 2;
        self.pause > 2 * LAST_PAUSE
    }
}

/// The result of a search.
pub(super) enum Searching {
    /// The probes in the files that are there now.
    Resolved(Result<Resolution, String>),
    /// These files are run by no process.
    NotRun(Vec<Arc<Binary>>),
}

/// The search.
pub(super) struct Search {
    done: Arc<Event>,
    running: Option<Receiver<Searching>>,
}

impl Search {
    /// # Errors
    /// Where no descriptor can be created.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            done: Arc::new(Event::new()?),
            running: None,
        })
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Readable when a search is over.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }

    /// Resolves the probes again.
    pub(super) fn resolve(&mut self, again: Again) {
        self.start(move || {
            let resolved = again.resolve();
            memory::give_back();
            Searching::Resolved(resolved)
        });
    }

    /// Finds those of the files that no process runs. None where that cannot be known.
    pub(super) fn find_not_run(&mut self, files: Vec<Arc<Binary>>) {
        self.start(move || Searching::NotRun(not_run(files).unwrap_or_default()));
    }

    fn start(&mut self, search: impl FnOnce() -> Searching + Send + 'static) {
        let (sender, receiver) = bounded(1);
        let done = self.done.clone();
        let thread = thread::Builder::new().name("soakbox-search".into());
        // Where no thread can be started, it is tried again.
        if let Ok(_thread) = thread.spawn(move || {
            let _done = done.set_on_drop();
            let _ = sender.send(search());
        }) {
            self.running = Some(receiver);
        }
    }

    /// The result, once there is one. A search that panicked is over as well.
    pub(super) fn finished(&mut self) -> Option<Searching> {
        // Before the look: it is set again after what is sent later.
        self.done.clear();
        let found = self.running.as_ref()?.try_recv();
        if matches!(found, Err(TryRecvError::Empty)) {
            return None;
        }
        self.running = None;
        Some(found.unwrap_or_else(|_| Searching::Resolved(Err("its analysis failed".to_owned()))))
    }
}

fn not_run(files: Vec<Arc<Binary>>) -> io::Result<Vec<Arc<Binary>>> {
    let mut left = Vec::new();
    for file in files {
        left.push((MappedFile::of(file.file())?, file));
    }
    for pid in all_numbers()? {
        let Ok(process) = Process::open(pid) else {
            continue;
        };
        let mut is_hidden = false;
        left.retain(
            |(mapped, _)| match process.has_any(std::slice::from_ref(mapped)) {
                Ok(runs) => !runs,
                Err(_) => {
                    is_hidden = true;
                    false
                }
            },
        );
        if is_hidden || left.is_empty() {
            return Ok(Vec::new());
        }
    }
    Ok(left.into_iter().map(|(_, file)| file).collect())
}
