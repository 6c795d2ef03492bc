//! Watches the observed files while they are recorded. The kernel keeps a probe with the file, not
//! with its bytes: where a file is overwritten in place, the old breakpoint would be put into the
//! new code. So a process that opens an observed file for writing has to wait until its probes are
//! detached. The watch runs on its own thread of the process that attaches, and asks nobody: neither
//! a slow disk nor a recording process that stands still delays a process that overwrites a file.
//!
//! Where another file is at the path of an observed one, because the program was built or installed again,
//! the probes are attached to that one too (`successor`).

use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::again::{Expected, Found};
use super::event::{Event, wait_for};
use super::lease::Lease;
use super::observed::Observed;
use super::reports::{Reports, Unsent};
use super::successor::{Search, Searching, Waiting};
use super::wire::Told;
use crate::binary::{Binary, Place};
use crate::clock::{Clock, ClockPair, Timer};
use crate::kernel::KernelError;
use crate::message;
use crate::plan::{Again, Hook, ObservedFile, ProcessFilter, RecordPlan, Resolution};
use anyhow::{Result, bail};

/// How often files without a lease are compared, and rows that could not be sent are sent again.
const SHORT_WAIT: Duration = Duration::from_millis(20);
/// How often the paths are checked, and the leases even without a signal.
const LONG_WAIT: Duration = Duration::from_secs(1);
/// How often it is looked whether processes still run files that others have replaced.
const BETWEEN_SEARCHES: Duration = Duration::from_secs(60);

/// The observed files, each with its guard.
pub(super) struct Files {
    files: Vec<File>,
    /// Whether the paths are checked, because processes that start later are observed too.
    follows_paths: bool,
    expected: Expected,
    again: Option<Again>,
    observed: Observed,
}

struct File {
    binary: Arc<Binary>,
    typed_path: PathBuf,
    build_id: Option<String>,
    /// The operations in it.
    operations: Vec<u16>,
    guard: Guard,
    /// What its path has led to since it was observed.
    path: PathState,
}

/// What is at the path of an observed file.
enum PathState {
    /// The file, or nothing.
    Itself,
    /// Another file, or other content: the gap since this moment ends when that is observed.
    Other(Waiting),
    /// Another file that is observed, or one that cannot be.
    Left,
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
    pub(super) fn hold(plan: &RecordPlan, observed: &Observed) -> Result<Self> {
        let mut files = Vec::new();
        for file in &plan.files {
            let (binary, path) = (file.binary.clone(), file.typed_path.display());
            let guard = Lease::take(&binary)
                .map(Guard::Lease)
                .unwrap_or_else(|error| {
                    message::line(format_args!("{}", without_lease(&file.typed_path, &error)));
                    Guard::Comparison
                });
            if binary.is_changed() {
                bail!(
                    "{path} was written to while it was read; hint: try again when it is complete"
                );
            }
            observed.add(&binary);
            files.push(File {
                operations: operations_in(plan, &binary),
                binary,
                typed_path: file.typed_path.clone(),
                build_id: file.build_id.clone(),
                guard,
                path: PathState::Itself,
            });
        }
        Ok(Self {
            files,
            follows_paths: !matches!(plan.processes, ProcessFilter::Process(_)),
            expected: Expected::of(plan),
            again: plan.again.clone(),
            observed: observed.clone(),
        })
    }
}

/// The operations that have a hook in this file.
fn operations_in(plan: &RecordPlan, file: &Arc<Binary>) -> Vec<u16> {
    let is_here = |hook: &Hook| {
        let place = hook.point.instruction();
        place.is_some_and(|(other, _)| Arc::ptr_eq(other, file))
    };
    let operations = (0..).zip(&plan.operations);
    let here = operations.filter(|(_, one)| one.hooks.iter().any(is_here));
    here.map(|(number, _)| number).collect()
}

/// Detaches the probes of one file.
pub(super) type Detach = Box<dyn Fn(&Arc<Binary>) + Send>;
/// Attaches hooks in one more file.
pub(super) type Attach = Box<dyn Fn(Vec<Hook>) -> Result<(), KernelError> + Send>;

/// What attaches and detaches.
pub(super) struct Hands {
    pub(super) attach: Attach,
    pub(super) detach: Detach,
}

/// The watching thread, until it is dropped.
pub(super) struct FileWatch {
    over: Arc<Event>,
    thread: Option<JoinHandle<()>>,
}

impl FileWatch {
    /// Starts the watch, which attaches and detaches probes by `hands`, and sends a gap for each time
    /// in which a file is not observed. It checks the files at once when `check_files` is set.
    ///
    /// # Errors
    /// Where no thread or descriptor can be created.
    pub(super) fn start(
        files: Files,
        hands: Hands,
        reports: Reports,
        check_files: Event,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let over = Arc::new(Event::new()?);
        let watch = Watch {
            files,
            hands,
            reports,
            checked: clock.now(),
            clock,
            search: Search::new()?,
            search_due: Timer::after(BETWEEN_SEARCHES),
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
    files: Files,
    hands: Hands,
    reports: Reports,
    clock: Arc<dyn Clock>,
    /// When the paths were checked for the last time.
    checked: ClockPair,
    /// What reads files and memory maps meanwhile, which takes too long for this thread.
    search: Search,
    search_due: Timer,
    /// What there was no room for yet.
    unsent: Vec<Told>,
}

impl Watch {
    fn run(mut self, over: &Event, check_files: &Event) {
        let mut paths_due = Timer::after(LONG_WAIT);
        loop {
            let is_last = over.is_set();
            check_files.clear();
            self.check_files();
            if self.files.follows_paths && (is_last || paths_due.is_over()) {
                self.check_paths();
                paths_due = Timer::after(LONG_WAIT);
            }
            match self.search.finished() {
                Some(Searching::Resolved(resolved)) => self.attach_to_successors(&resolved),
                Some(Searching::NotRun(files)) => self.let_go(&files),
                None => {}
            }
            if is_last {
                self.leave_waiting();
            } else {
                self.start_search();
            }
            self.unsent
                .retain(|told| self.reports.try_tell(told.clone()) == Err(Unsent::Full));
            if is_last {
                break;
            }
            let is_compared = |file: &File| matches!(file.guard, Guard::Comparison);
            let wait = if self.unsent.is_empty() && !self.files.files.iter().any(is_compared) {
                paths_due.remaining().min(LONG_WAIT)
            } else {
                SHORT_WAIT
            };
            let done = self.search.as_fd();
            wait_for(&[over.as_fd(), check_files.as_fd(), done], Some(wait));
        }
        // The leases are released first, because sending may block.
        drop(self.files);
        for told in self.unsent {
            self.reports.tell(told);
        }
    }

    fn check_files(&mut self) {
        for file in &mut self.files.files {
            let Some(danger) = file.guard.danger(&file.binary) else {
                continue;
            };
            let now = self.clock.now();
            (self.hands.detach)(&file.binary);
            // Releases the lease: only now may the writer go on, and nothing else may delay it.
            file.guard = Guard::Detached;
            self.files.observed.remove(&file.binary);
            let path = file.binary.path().display();
            if !matches!(file.path, PathState::Itself) {
                // Another one has taken its place: no process starts this one.
                continue;
            }
            let is_followed = self.files.follows_paths && self.files.again.is_some();
            if is_followed && matches!(danger, Danger::Overwritten) {
                message::line(format_args!(
                    "warning: {path} {danger}: its probes are detached until it is complete"
                ));
                file.path = PathState::Other(Waiting::new(now, danger.cause()));
            } else {
                file.path = PathState::Left;
                self.unsent.push(gap(now, None, danger.cause()));
                message::line(format_args!(
                    "warning: {path} {danger}: its probes are detached, and it is not observed from now on; hint: start the recorder again"
                ));
            }
        }
    }

    fn check_paths(&mut self) {
        let (before, again) = (self.checked, self.files.again.is_some());
        self.checked = self.clock.now();
        for file in &mut self.files.files {
            let is_detached = matches!(file.guard, Guard::Detached);
            match (&file.path, file.binary.place()) {
                (PathState::Itself, Place::Other) if again => {
                    file.path = PathState::Other(Waiting::new(before, "file replaced"));
                }
                (PathState::Itself, Place::Other) => {
                    file.path = PathState::Left;
                    self.unsent.push(gap(before, None, "file replaced"));
                    message::line(format_args!(
                        "warning: {} was replaced: processes that start from now on are not observed; hint: start the recorder again",
                        file.binary.path().display()
                    ));
                }
                // It came back, or nothing can be started there any more.
                (PathState::Other(waiting), Place::Itself | Place::Nothing) if !is_detached => {
                    let until = Some(self.checked);
                    self.unsent.push(gap(waiting.since, until, waiting.cause));
                    file.path = PathState::Itself;
                }
                _ => {}
            }
        }
    }

    /// Has files read that are to be observed, or memory maps, where that is due.
    fn start_search(&mut self) {
        let waiting = self.files.files.iter().filter_map(|file| match &file.path {
            PathState::Other(waiting) => Some(waiting),
            _ => None,
        });
        let waiting: Vec<&Waiting> = waiting.collect();
        self.files.observed.set_incomplete(!waiting.is_empty());
        if self.search.is_busy() {
            return;
        }
        let is_due = waiting.into_iter().any(|waiting| waiting.is_due());
        if let Some(again) = self.files.again.as_ref().filter(|_| is_due) {
            self.search.resolve(again.clone());
        } else if self.search_due.is_over() {
            self.search_due = Timer::after(BETWEEN_SEARCHES);
            let left = self.files.files.iter();
            let left = left.filter(|file| {
                matches!(file.path, PathState::Left) && !matches!(file.guard, Guard::Detached)
            });
            let left: Vec<Arc<Binary>> = left.map(|file| file.binary.clone()).collect();
            if !left.is_empty() {
                self.search.find_not_run(left);
            }
        }
    }

    /// Observes the files that are in the places of others now.
    fn attach_to_successors(&mut self, resolved: &Result<Resolution, String>) {
        for index in 0..self.files.files.len() {
            let PathState::Other(_) = &self.files.files[index].path else {
                continue;
            };
            let attached = match resolved {
                Ok(resolution) => self.attach_to_successor(index, resolution),
                Err(reason) => Err(reason.clone()),
            };
            let file = &mut self.files.files[index];
            let PathState::Other(waiting) = &mut file.path else {
                continue;
            };
            let Err(reason) = attached else {
                let now = self.clock.now();
                self.unsent
                    .push(gap(waiting.since, Some(now), waiting.cause));
                file.path = PathState::Left;
                continue;
            };
            if waiting.fails_for_good() {
                message::line(format_args!(
                    "warning: {} was replaced, and the new file cannot be observed: {reason}; processes that start from now on are not observed; hint: start the recorder again",
                    file.typed_path.display()
                ));
                self.unsent.push(gap(waiting.since, None, waiting.cause));
                file.path = PathState::Left;
            }
        }
    }

    fn attach_to_successor(&mut self, index: usize, found: &Resolution) -> Result<(), String> {
        let old = &self.files.files[index];
        let mut new = found.files.iter();
        let new = new.find(|file| file.typed_path == old.typed_path);
        let new = new.ok_or("no operation is in it")?.clone();
        // A file that is observed already may have come back to a path.
        let mut files = self.files.files.iter_mut().enumerate();
        let known = files.find(|(_, file)| {
            file.binary.is_same_file(&new.binary) && !matches!(file.guard, Guard::Detached)
        });
        let binary = match known {
            Some((other, _)) if other == index => {
                return Err("its path still leads to the earlier one".to_owned());
            }
            Some((_, known)) => {
                known.path = PathState::Itself;
                known.binary.clone()
            }
            None => {
                let hooks = self.files.expected.hooks(found.clone(), &new.binary)?;
                self.observe(&new, hooks)?;
                new.binary.clone()
            }
        };
        let files = &self.files.files;
        let observed = files.iter().find(|file| Arc::ptr_eq(&file.binary, &binary));
        let observed = observed.map_or(&[][..], |file| &file.operations);
        let old = &files[index];
        let missing = old.operations.iter().copied();
        let missing = missing.filter(|operation| !observed.contains(operation));
        let missing = self.files.expected.names(missing);
        let build = |id: &Option<String>| id.as_ref().map_or("none".to_owned(), String::clone);
        let mut text = format!(
            "{} was replaced (build {}, now {}): the new file is observed",
            new.typed_path.display(),
            build(&old.build_id),
            build(&new.build_id)
        );
        if !missing.is_empty() {
            text.push_str(&format!(", but for {}", missing.join(", ")));
        }
        message::line(format_args!("{text}"));
        let now = self.clock.now();
        self.unsent.extend([
            Told::Note {
                text: super::wire::text(&text),
                boot_ns: now.boot_ns,
                utc_ns: now.utc_ns,
            },
            Told::observes(&new),
        ]);
        Ok(())
    }

    /// Guards a file and attaches its probes.
    fn observe(&mut self, new: &ObservedFile, found: Found) -> Result<(), String> {
        let guard = match Lease::take(&new.binary) {
            Ok(lease) => Guard::Lease(lease),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err("another process has it open for writing".to_owned());
            }
            Err(error) => {
                message::line(format_args!("{}", without_lease(&new.typed_path, &error)));
                Guard::Comparison
            }
        };
        if new.binary.is_changed() {
            return Err("it was written to while it was read".to_owned());
        }
        if let Err(error) = (self.hands.attach)(found.hooks) {
            (self.hands.detach)(&new.binary);
            return Err(soakbox_cli::error_chain(&error));
        }
        self.files.observed.add(&new.binary);
        self.files.files.push(File {
            binary: new.binary.clone(),
            typed_path: new.typed_path.clone(),
            build_id: new.build_id.clone(),
            operations: found.operations,
            guard,
            path: PathState::Itself,
        });
        Ok(())
    }

    /// Detaches the probes of files that others have replaced and that no process runs any more.
    fn let_go(&mut self, files: &[Arc<Binary>]) {
        let (detach, observed) = (&self.hands.detach, &self.files.observed);
        self.files.files.retain(|file| {
            let is_left = matches!(file.path, PathState::Left)
                && files.iter().any(|other| Arc::ptr_eq(other, &file.binary));
            if is_left {
                detach(&file.binary);
                observed.remove(&file.binary);
            }
            !is_left
        });
    }

    /// The recording ends before some files are observed again.
    fn leave_waiting(&mut self) {
        for file in &mut self.files.files {
            if let PathState::Other(waiting) = &file.path {
                self.unsent.push(gap(waiting.since, None, waiting.cause));
                file.path = PathState::Left;
            }
        }
    }
}

fn without_lease(path: &std::path::Path, error: &io::Error) -> String {
    format!(
        "warning: {}: no lease ({error}); if it is overwritten in place, programs that start at that moment may crash; hint: {}",
        path.display(),
        hint(error.kind())
    )
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

/// A gap from `since` to `until`, or to the end of the recording.
fn gap(since: ClockPair, until: Option<ClockPair>, cause: &str) -> Told {
    Told::Gap {
        cause: cause.to_owned(),
        boot_ns: since.boot_ns,
        utc_ns: since.utc_ns,
        until_ns: until.map(|until| until.utc_ns),
    }
}
