//! Watches the observed files while they are recorded. The kernel keeps a probe with the file, not
//! with its bytes: where a file is overwritten in place, the old breakpoint would be put into the
//! new code. So a process that opens an observed file for writing has to wait until its probes are
//! detached. The watch runs on its own thread of the process that attaches, and asks nobody: neither
//! a slow disk nor a recording process that stands still delays a process that overwrites a file.
//!
//! Where another file is at the path of an observed one, because the program was built or installed again,
//! the probes are attached to that one too. Files are held as long as the recording lasts, because processes
//! may run them; paths are watched apart from them (`paths`).

mod again;
mod guard;
mod lease;
mod paths;
mod search;
mod successors;

use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, bail};

use self::again::Expected;
use self::guard::{Danger, Guard};
use self::paths::{Place, State, Watched};
use self::search::Search;
use super::event::{Event, wait_for};
use super::observed::Observed;
use super::reports::{Reports, Unsent};
use super::wire::Told;
use crate::binary::Binary;
use crate::clock::{Clock, ClockPair, Timer};
use crate::kernel::KernelError;
use crate::message;
use crate::plan::{Again, Hook, ProcessFilter, RecordPlan};

pub(super) use self::paths::{Identity, identity_at};

/// How often files without a lease are compared, and rows that could not be sent are sent again.
const SHORT_WAIT: Duration = Duration::from_millis(20);
/// How often the paths are checked, and the leases even without a signal.
const LONG_WAIT: Duration = Duration::from_secs(1);
/// A gap that lasts is told in parts of this length, ns, so that a recorder that is killed has told most
/// of it.
const PART_NS: u64 = 10_000_000_000;
/// Most files that are held although others have taken their places.
const MOST_LEFT: usize = 64;

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
            let guard = Guard::take(binary, &file.typed_path);
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
            let is_compared = |file: &Held| file.guard.is_comparison();
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

/// A gap from `since` to `until`, or to the end of the recording.
fn gap(since: ClockPair, until: Option<ClockPair>, cause: &str) -> Told {
    Told::Gap {
        cause: cause.to_owned(),
        boot_ns: since.boot_ns,
        utc_ns: since.utc_ns,
        until_ns: until.map(|until| until.utc_ns),
    }
}
