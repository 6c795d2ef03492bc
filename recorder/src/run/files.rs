//! Watches the observed files while they are recorded. The kernel keeps a probe with the file, not
//! with its bytes: where a file is overwritten in place, the old breakpoint would be put into the
//! new code. So a process that opens an observed file for writing has to wait until its probes are
//! detached. The watch runs on its own thread of the process that attaches, and asks nobody: neither
//! a slow disk nor a recording process that stands still delays a process that overwrites a file.

use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::event::{Event, wait_for};
use super::lease::Lease;
use super::reports::{Reports, Unsent};
use super::wire::Told;
use crate::binary::Binary;
use crate::clock::{Clock, ClockPair, Timer};
use crate::message;
use crate::plan::{ProcessFilter, RecordPlan};
use anyhow::{Result, bail};

/// How often files without a lease are compared, and rows that could not be sent are sent again.
const SHORT_WAIT: Duration = Duration::from_millis(20);
/// How often the paths are checked, and the leases even without a signal.
const LONG_WAIT: Duration = Duration::from_secs(1);

/// The observed files, each with its guard.
pub(super) struct Files {
    files: Vec<File>,
    /// Whether the paths are checked, because processes that start later are observed too.
    follows_paths: bool,
}

struct File {
    binary: Arc<Binary>,
    guard: Guard,
    is_replaced: bool,
}

/// How a file is kept from being overwritten under its probes.
enum Guard {
    Lease(Lease),
    /// No lease could be taken: a change is detected only afterwards.
    Comparison,
    /// Its probes are detached.
    Detached,
}

/// Why a file's probes must be detached.
enum Danger {
    Overwritten,
    /// Whether its lease is intact is not known.
    Unguarded(io::Error),
}

impl Guard {
    fn danger(&self, binary: &Binary) -> Option<Danger> {
        let is_overwritten = match self {
            Guard::Lease(lease) => lease.is_breaking(),
            Guard::Comparison => Ok(binary.is_changed()),
            Guard::Detached => Ok(false),
        };
        match is_overwritten {
            Ok(is_overwritten) => is_overwritten.then_some(Danger::Overwritten),
            Err(error) => Some(Danger::Unguarded(error)),
        }
    }
}

impl Danger {
    /// The cause of the gap.
    fn cause(&self) -> &'static str {
        match self {
            Danger::Overwritten => "file overwritten",
            Danger::Unguarded(_) => "file not guarded",
        }
    }
}

impl Display for Danger {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Danger::Overwritten => out.write_str("was opened for writing"),
            Danger::Unguarded(error) => {
                write!(
                    out,
                    "may be opened for writing, as its lease cannot be read ({error})"
                )
            }
        }
    }
}

impl Files {
    /// Guards each file: from here on every change is detected.
    ///
    /// # Errors
    /// Where one has changed since it was read.
    pub(super) fn hold(plan: &RecordPlan) -> Result<Self> {
        let mut files = Vec::new();
        for file in &plan.files {
            let (binary, path) = (file.binary.clone(), file.typed_path.display());
            let guard = Lease::take(&binary).map(Guard::Lease).unwrap_or_else(|error| {
                message::line(format_args!(
                    "warning: {path}: no lease ({error}); if it is overwritten in place, programs that start at that moment may crash; hint: {}",
                    hint(error.kind())
                ));
                Guard::Comparison
            });
            if binary.is_changed() {
                bail!(
                    "{path} was written to while it was read; hint: try again when it is complete"
                );
            }
            files.push(File {
                binary,
                guard,
                is_replaced: false,
            });
        }
        Ok(Self {
            files,
            follows_paths: !matches!(plan.processes, ProcessFilter::Process(_)),
        })
    }
}

/// Detaches the probes of one file.
pub(super) type Detach = Box<dyn Fn(&Arc<Binary>) + Send>;

/// The watching thread, until it is dropped.
pub(super) struct FileWatch {
    over: Arc<Event>,
    thread: Option<JoinHandle<()>>,
}

impl FileWatch {
    /// Starts the watch, which detaches probes by `detach` and sends a gap for each file. It checks
    /// the files at once when `check_files` is set.
    ///
    /// # Errors
    /// Where no thread or descriptor can be created.
    pub(super) fn start(
        files: Files,
        detach: Detach,
        reports: Reports,
        check_files: Event,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let over = Arc::new(Event::new()?);
        let watch = Watch {
            files: files.files,
            follows_paths: files.follows_paths,
            detach,
            reports,
            clock,
            unsent: Vec::new(),
        };
        let thread = {
            let over = over.clone();
            thread::Builder::new()
                .name("soakbox-files".into())
                .spawn(move || watch.run(&over, &check_files))?
        };
        Ok(Self {
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        self.over.set();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Watch {
    files: Vec<File>,
    follows_paths: bool,
    detach: Detach,
    reports: Reports,
    clock: Arc<dyn Clock>,
    /// Gaps for which there was no room yet.
    unsent: Vec<Told>,
}

impl Watch {
    fn run(mut self, over: &Event, check_files: &Event) {
        let mut paths_due = Timer::after(LONG_WAIT);
        loop {
            let is_last = over.is_set();
            check_files.clear();
            self.check_files();
            if self.follows_paths && (is_last || paths_due.is_over()) {
                self.check_paths();
                paths_due = Timer::after(LONG_WAIT);
            }
            self.unsent
                .retain(|gap| self.reports.try_tell(gap.clone()) == Err(Unsent::Full));
            if is_last {
                break;
            }
            let is_compared = |file: &File| matches!(file.guard, Guard::Comparison);
            let wait = if self.unsent.is_empty() && !self.files.iter().any(is_compared) {
                paths_due.remaining().min(LONG_WAIT)
            } else {
                SHORT_WAIT
            };
            wait_for(&[over.as_fd(), check_files.as_fd()], Some(wait));
        }
        // The leases are released first, because sending may block.
        drop(self.files);
        for gap in self.unsent {
            self.reports.tell(gap);
        }
    }

    fn check_files(&mut self) {
        for file in &mut self.files {
            let Some(danger) = file.guard.danger(&file.binary) else {
                continue;
            };
            let now = self.clock.now();
            (self.detach)(&file.binary);
            // Releases the lease: only now may the writer go on, and nothing else may delay it.
            file.guard = Guard::Detached;
            self.unsent.push(gap(now, danger.cause()));
            message::line(format_args!(
                "warning: {} {danger}: its probes are detached, and it is not observed from now on; hint: start the recorder again",
                file.binary.path().display()
            ));
        }
    }

    fn check_paths(&mut self) {
        for file in &mut self.files {
            let is_observed = !file.is_replaced && !matches!(file.guard, Guard::Detached);
            if is_observed && file.binary.is_replaced() {
                file.is_replaced = true;
                self.unsent.push(gap(self.clock.now(), "file replaced"));
                message::line(format_args!(
                    "warning: {} was replaced: processes that start from now on are not observed; hint: start the recorder again",
                    file.binary.path().display()
                ));
            }
        }
    }
}

fn hint(refusal: ErrorKind) -> &'static str {
    match refusal {
        ErrorKind::WouldBlock => {
            "another process has it open for writing: start again when it is complete"
        }
        ErrorKind::PermissionDenied => "run as root, or with CAP_LEASE",
        _ => "replace it by a new file (mv, install)",
    }
}

/// A gap from `now` until the end of the recording.
fn gap(now: ClockPair, cause: &str) -> Told {
    Told::Gap {
        cause: cause.to_owned(),
        boot_ns: now.boot_ns,
        utc_ns: now.utc_ns,
    }
}
