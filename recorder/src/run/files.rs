//! Watches the observed files while they are recorded. The kernel keeps a probe with the file, not
//! with its bytes: where a file is overwritten in place, the old breakpoint would be put into the
//! new code. So a process that opens an observed file for writing has to wait until its probes are
//! detached. The watch runs on its own thread of the process that attaches, and asks nobody: neither
//! a slow disk nor a recording process that stands still delays a process that overwrites a file.
//!
//! Where another file is at the path of an observed one, because the program was built or installed again,
//! the probes are attached to that one too. Files are held as long as the recording lasts, because processes
//! may run them; paths are watched apart from them (`paths`).

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::again::{Expected, Found};
use super::event::{Event, wait_for};
use super::lease::{Lease, is_being_written};
use super::observed::Observed;
use super::paths::{Place, State, Watched};
use super::reports::{Reports, Unsent};
use super::search::Search;
use super::wire::{self, Told};
use crate::binary::Binary;
use crate::clock::{Clock, ClockPair, Timer};
use crate::kernel::KernelError;
use crate::message;
use crate::plan::{Again, Hook, ObservedFile, ProcessFilter, RecordPlan, Resolution};
use anyhow::{Result, bail};

/// How often files without a lease are compared, and rows that could not be sent are sent again.
const SHORT_WAIT: Duration = Duration::from_millis(20);
/// How often the paths are checked, and the leases even without a signal.
const LONG_WAIT: Duration = Duration::from_secs(1);
/// A gap that lasts is told in parts of this length, ns, so that a recorder that is killed has told most
/// of it.
const PART_NS: u64 = 10_000_000_000;
/// Most files that are held although others have taken their places.
const MOST_LEFT: usize = 64;
/// A file is read again where it is not larger than this, or than four times the earlier one: it is read
/// into memory.
const MOST_BYTES: u64 = 256 << 20;

/// The observed files, each with its guard, and their paths.
pub(super) struct Files {
    held: Vec<Held>,
    paths: Vec<Watched>,
    /// Whether the paths are checked, because processes that start later are observed too.
    follows_paths: bool,
    expected: Expected,
    again: Option<Again>,
    observed: Observed,
}

/// A file with probes.
struct Held {
    binary: Arc<Binary>,
    guard: Guard,
    /// The operations in it.
    operations: Vec<u16>,
}

/// How a file is kept from being overwritten under its probes.
enum Guard {
    Lease(Lease),
    /// No lease could be taken: a change is detected only afterwards.
    Comparison,
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
        let expected = Expected::of(plan);
        let (mut held, mut paths) = (Vec::<Held>::new(), Vec::new());
        for file in &plan.files {
            let (binary, path) = (&file.binary, file.typed_path.display());
            let operations = plan.operations.iter();
            let operations = operations.map(|one| one.paths.contains(&file.typed_path));
            let numbers = (0..).zip(operations).filter(|(_, is_there)| *is_there);
            paths.push(Watched {
                typed: file.typed_path.clone(),
                real: binary.path().to_owned(),
                file: Some(binary.identity()),
                size: binary.size(),
                build_id: file.build_id.clone(),
                operations: numbers.map(|(number, _)| number).collect(),
                state: State::Observed,
            });
            if held.iter().any(|other| Arc::ptr_eq(&other.binary, binary)) {
                continue;
            }
            let guard = Lease::take(binary)
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
            observed.add(binary);
            held.push(Held {
                binary: binary.clone(),
                guard,
                operations: operations_in(plan, binary),
            });
        }
        Ok(Self {
            held,
            paths,
            follows_paths: !matches!(plan.processes, ProcessFilter::Process(_)),
            expected,
            again: plan.again.clone(),
            observed: observed.clone(),
        })
    }
}

/// The operations that have a hook in this file.
fn operations_in(plan: &RecordPlan, file: &Arc<Binary>) -> Vec<u16> {
    let is_here = |hook: &Hook| hook.is_in(file);
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
            searched: Vec::new(),
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
    search: Search,
    /// The paths for whose files the search was started.
    searched: Vec<usize>,
    /// What there was no room for yet.
    unsent: Vec<Told>,
}

impl Watch {
    fn run(mut self, over: &Event, check_files: &Event) {
        let mut paths_due = Timer::after(LONG_WAIT);
        self.tell_paths();
        loop {
            let is_last = over.is_set();
            check_files.clear();
            self.check_files();
            if is_last || paths_due.is_over() {
                if self.files.follows_paths {
                    self.check_paths(is_last);
                }
                paths_due = Timer::after(LONG_WAIT);
            }
            // At the end the gap is told already, and nothing is attached any more.
            if !is_last {
                if let Some(resolved) = self.search.finished() {
                    self.attach_to_successors(&resolved);
                }
                self.start_search();
            }
            self.unsent
                .retain(|told| self.reports.try_tell(told.clone()) == Err(Unsent::Full));
            if is_last {
                break;
            }
            let is_compared = |file: &Held| matches!(file.guard, Guard::Comparison);
            let wait = if self.unsent.is_empty() && !self.files.held.iter().any(is_compared) {
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
        let mut index = 0;
        while index < self.files.held.len() {
            let file = &self.files.held[index];
            match file.guard.danger(&file.binary) {
                Some(danger) => self.detach_endangered(index, &danger),
                None => index += 1,
            }
        }
    }

    fn detach_endangered(&mut self, index: usize, danger: &Danger) {
        let now = self.clock.now();
        (self.hands.detach)(&self.files.held[index].binary);
        // Releases the lease: only now may the writer go on, and nothing else may delay it.
        let Held { binary, .. } = self.files.held.remove(index);
        self.files.observed.remove(&binary);
        let is_followed = self.files.follows_paths
            && self.files.again.is_some()
            && matches!(danger, Danger::Overwritten);
        let mut is_awaited = false;
        for path in &mut self.files.paths {
            if path.file != Some(binary.identity()) {
                continue;
            }
            path.file = None;
            match is_followed {
                true => path.wait(now, danger.cause()),
                false => path.state = State::Over,
            }
            is_awaited |= is_followed;
        }
        let shown = binary.path().display();
        if is_awaited {
            message::line(format_args!(
                "warning: {shown} {danger}: its probes are removed until it is written"
            ));
        } else {
            // Also where another file has taken its place: processes may run it still.
            self.unsent.push(gap(now, None, danger.cause()));
            message::line(format_args!(
                "warning: {shown} {danger}: its probes are removed, and it is not observed from now on; hint: start the recorder again"
            ));
        }
    }

    fn check_paths(&mut self, is_last: bool) {
        let before = self.checked;
        self.checked = self.clock.now();
        let now = self.checked;
        for path in &mut self.files.paths {
            let place = path.look();
            match (&path.state, place) {
                (State::Observed, Place::Other) => path.wait(before, "file replaced"),
                // It came back, or nothing can be started there any more.
                (State::Waiting(waiting), Place::Itself | Place::Nothing) => {
                    self.unsent
                        .push(gap(waiting.since, Some(now), waiting.cause));
                    path.state = State::Observed;
                }
                _ => {}
            }
            if let State::Waiting(waiting) = &mut path.state {
                let lasts_ns = now.boot_ns.saturating_sub(waiting.since.boot_ns);
                if is_last || lasts_ns >= PART_NS {
                    let until = (!is_last).then_some(now);
                    self.unsent.push(gap(waiting.since, until, waiting.cause));
                    waiting.since = now;
                }
            }
        }
        self.tell_paths();
    }

    /// Where a process may start a file that will be observed, once one is found that can be.
    fn tell_paths(&self) {
        let is_hopeful = |path: &&Watched| match &path.state {
            State::Observed => true,
            State::Waiting(waiting) => waiting.reason.is_none(),
            State::Over => false,
        };
        let paths = self.files.paths.iter().filter(is_hopeful);
        let paths = paths.map(|path| (path.typed.clone(), path.file));
        self.files.observed.set_paths(paths.collect());
    }

    /// Has files read that are to be observed, where that is due.
    fn start_search(&mut self) {
        let Some(again) = self.files.again.as_ref().filter(|_| !self.search.is_busy()) else {
            return;
        };
        self.searched.clear();
        for (index, path) in self.files.paths.iter_mut().enumerate() {
            // It is looked at again in a second.
            if !path.is_due() || is_being_written(&path.typed) {
                continue;
            }
            path.begin_attempt();
            let most = MOST_BYTES.max(path.size.saturating_mul(4));
            match fs::metadata(&path.typed) {
                Ok(data) if data.is_file() && data.len() > most => {
                    refuse(path, &format!("it is larger than {} MiB", most >> 20));
                }
                _ => self.searched.push(index),
            }
        }
        if !self.searched.is_empty() {
            self.search.start(again.clone());
        }
    }

    /// Observes the files that are in the places of others now.
    fn attach_to_successors(&mut self, resolved: &Result<Resolution, String>) {
        for index in std::mem::take(&mut self.searched) {
            if self.files.paths[index].waiting().is_none() {
                continue;
            }
            let attached = match resolved {
                Ok(resolution) => self.attach_to_successor(index, resolution),
                Err(reason) => Err(reason.clone()),
            };
            let now = self.clock.now();
            let path = &mut self.files.paths[index];
            match (attached, &path.state) {
                (Ok(()), State::Waiting(waiting)) => {
                    self.unsent
                        .push(gap(waiting.since, Some(now), waiting.cause));
                    path.state = State::Observed;
                }
                (Err(reason), _) => refuse(path, &reason),
                _ => {}
            }
        }
        self.let_go();
        self.tell_paths();
    }

    fn attach_to_successor(&mut self, index: usize, found: &Resolution) -> Result<(), String> {
        let path = &self.files.paths[index];
        let may_leave_out = self
            .files
            .again
            .as_ref()
            .is_some_and(|again| again.skip_refused);
        let expected = &self.files.expected;
        let there = expected.found_at(&path.typed, &path.operations, found, may_leave_out)?;
        let mut files = found.files.iter();
        let new = files.find(|file| file.typed_path == path.typed);
        let new = new.ok_or("no operation is in it")?;
        let mut held = self.files.held.iter();
        match held.find(|file| file.binary.is_same_file(&new.binary)) {
            // It came from another path, or back. Further probes at its instructions would disturb those
            // that are there.
            Some(held) if there.iter().all(|one| held.operations.contains(one)) => {}
            Some(_) => return Err("it is observed already, for other operations".to_owned()),
            None => {
                let hooks = expected.hooks(found, &new.binary)?;
                self.observe(new, hooks)?;
            }
        }
        let path = &mut self.files.paths[index];
        let cause = path.waiting().map_or("", |waiting| waiting.cause);
        let missing = path.operations.iter().filter(|one| !there.contains(one));
        let missing = self.files.expected.names(missing.copied());
        let text = observed_text(path, new, cause, &missing);
        path.file = Some(new.binary.identity());
        path.real = new.binary.path().to_owned();
        path.size = new.binary.size();
        path.build_id = new.build_id.clone();
        message::line(format_args!("{text}"));
        let now = self.clock.now();
        self.unsent.extend([
            Told::Note {
                text: wire::text(&text),
                boot_ns: now.boot_ns,
                utc_ns: now.utc_ns,
            },
            Told::observes(new),
        ]);
        Ok(())
    }

    /// Guards a file and attaches its probes.
    fn observe(&mut self, new: &ObservedFile, found: Found) -> Result<(), String> {
        let guard = match Lease::take_now(&new.binary) {
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
        self.files.held.push(Held {
            binary: new.binary.clone(),
            guard,
            operations: found.operations,
        });
        Ok(())
    }

    /// Removes the probes of the oldest files that are at no path, where there are too many.
    fn let_go(&mut self) {
        let files = &mut self.files;
        let is_left = |file: &Held| {
            let identity = Some(file.binary.identity());
            files.paths.iter().all(|path| path.file != identity)
        };
        let left = files.held.iter().filter(|file| is_left(file)).count();
        if left <= MOST_LEFT {
            return;
        }
        let Some(oldest) = files.held.iter().position(is_left) else {
            return;
        };
        let Held { binary, .. } = files.held.remove(oldest);
        (self.hands.detach)(&binary);
        files.observed.remove(&binary);
        let now = self.clock.now();
        self.unsent
            .push(gap(now, None, "earlier build not observed"));
        message::line(format_args!(
            "warning: {} was replaced more than {MOST_LEFT} times: processes that still run its oldest build are not observed from now on; hint: start the recorder again",
            binary.path().display()
        ));
    }
}

/// Notes that the file at a path cannot be observed, and tells it once for each reason.
fn refuse(path: &mut Watched, reason: &str) {
    if path.fail(reason) {
        message::line(format_args!(
            "warning: {} was replaced, and the new file is not observed: {reason}; it is tried again when it changes",
            path.typed.display()
        ));
    }
}

/// What the recording notes about a file that took the place of another one.
fn observed_text(path: &Watched, new: &ObservedFile, cause: &str, missing: &[&str]) -> String {
    let build = |id: &Option<String>| id.as_ref().map_or("unknown".to_owned(), String::clone);
    let builds = match (&path.build_id, &new.build_id) {
        (Some(old), Some(new)) if old == new => format!("the same build, {new}"),
        (old, new) => format!("build {}, now {}", build(old), build(new)),
    };
    let verb = match cause {
        "file overwritten" => "overwritten",
        _ => "replaced",
    };
    let mut text = format!(
        "{} was {verb} ({builds}): the new file is observed",
        path.typed.display()
    );
    if !missing.is_empty() {
        text.push_str(&format!(
            ", without {}, not found in it",
            missing.join(", ")
        ));
    }
    text
}

fn without_lease(path: &Path, error: &io::Error) -> String {
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
