//! What becomes of the observed files while they are recorded. The kernel keeps a probe with the file, not with its
//! bytes: where a file is overwritten in place, the old breakpoint would be planted into the new code. So whoever opens
//! one for writing waits until its probes are out. On a thread of its own: a disk that is slow to take the recording
//! must keep no writer of a program waiting.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::SIGIO;
use soakbox_schemas::tables::{Annotation, AnnotationKind};

use super::lease::Lease;
use super::message::{Message, say};
use super::outbox::{Outbox, Unsent};
use crate::binary::Binary;
use crate::clock::{Clock, SystemClock};
use crate::kernel::Kernel;
use crate::plan::{ProcessFilter, RecordPlan};

const LOOK: Duration = Duration::from_millis(20);
const LOOK_AT_PATHS: Duration = Duration::from_secs(1);

/// The observed files.
pub(super) struct Targets {
    targets: Vec<Target>,
    /// Processes that start later are observed too.
    later: bool,
    gaps: Vec<Annotation>,
}

struct Target {
    binary: Arc<Binary>,
    state: State,
    replaced: bool,
}

enum State {
    Leased(Lease),
    /// Without a lease a change is seen only afterwards.
    Compared,
    Detached,
}

impl State {
    fn is_overwritten(&self, binary: &Binary) -> bool {
        match self {
            State::Leased(lease) => lease.is_wanted_back(),
            State::Compared => binary.is_changed(),
            State::Detached => false,
        }
    }
}

impl Targets {
    /// From here on no file changes unseen.
    ///
    /// # Errors
    /// Where one has changed since it was read.
    pub(super) fn guard(plan: &RecordPlan) -> Result<Self> {
        // Comes with each writer, and would end the recorder. Not ignored: a command would inherit that.
        signal_hook::flag::register(SIGIO, Arc::default()).context("cannot handle SIGIO")?;
        let mut targets = Vec::new();
        for target in &plan.files {
            let (binary, path) = (target.binary.clone(), target.binary.path().display());
            let state = Lease::take(&binary).map(State::Leased).unwrap_or_else(|error| {
                say(format_args!(
                    "warning: {path}: no lease ({error}); if it is overwritten in place, programs that start right then may crash; hint: {}",
                    hint(error.kind())
                ));
                State::Compared
            });
            if binary.is_changed() {
                bail!(
                    "{path} was written to while it was read; hint: try again when it is complete"
                );
            }
            targets.push(Target {
                binary,
                state,
                replaced: false,
            });
        }
        Ok(Self {
            targets,
            later: !matches!(plan.processes, ProcessFilter::Process(_)),
            gaps: Vec::new(),
        })
    }

    /// Runs `recording` while another thread keeps watch.
    ///
    /// # Errors
    /// Those of `recording`, and where there is no thread to be had.
    pub(super) fn during<T>(
        &mut self,
        kernel: &mut Kernel,
        outbox: &Outbox,
        recording: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let watching = thread::Builder::new()
                .name("targets".into())
                .spawn_scoped(scope, || self.watch(kernel, outbox, &over))?;
            let _end = End(&over, watching.thread().clone());
            recording()
        })
    }

    /// No file is watched any more, and every gap is handed over.
    pub(super) fn release(self, outbox: &Outbox) {
        // First the files: the sending may have to wait.
        drop(self.targets);
        for gap in self.gaps {
            // Where the writing thread is gone, its result says why.
            let _ = outbox.send(Message::Annotation(gap));
        }
    }

    fn watch(&mut self, kernel: &mut Kernel, outbox: &Outbox, over: &AtomicBool) {
        let mut due = Instant::now();
        loop {
            let last = over.load(Ordering::Acquire);
            self.look_at_files(kernel);
            if self.later && (last || Instant::now() >= due) {
                self.look_at_paths();
                due = Instant::now() + LOOK_AT_PATHS;
            }
            self.gaps.retain(|gap| {
                outbox
                    .try_send(Message::Annotation(gap.clone()))
                    .is_err_and(|unsent| unsent == Unsent::Full)
            });
            if last {
                return;
            }
            thread::park_timeout(LOOK);
        }
    }

    fn look_at_files(&mut self, kernel: &mut Kernel) {
        for target in &mut self.targets {
            if !target.state.is_overwritten(&target.binary) {
                continue;
            }
            let gap = gap("file overwritten");
            kernel.detach_file(&target.binary);
            // Only now may the writer go on, and nothing more may keep it.
            target.state = State::Detached;
            self.gaps.push(gap);
            say(format_args!(
                "warning: {} was opened for writing: its probes are out, it is not observed from now on; hint: start the recorder again",
                target.binary.path().display()
            ));
        }
    }

    fn look_at_paths(&mut self) {
        for target in &mut self.targets {
            let observed = !target.replaced && !matches!(target.state, State::Detached);
            if observed && target.binary.is_replaced() {
                target.replaced = true;
                self.gaps.push(gap("file replaced"));
                say(format_args!(
                    "warning: {} was replaced: processes that start from now on are not observed; hint: start the recorder again",
                    target.binary.path().display()
                ));
            }
        }
    }
}

/// Ends the watch, however the recording ends.
struct End<'a>(&'a AtomicBool, Thread);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        self.1.unpark();
    }
}

fn hint(refusal: ErrorKind) -> &'static str {
    match refusal {
        ErrorKind::WouldBlock => {
            "somebody has it open for writing: start again when it is complete"
        }
        ErrorKind::PermissionDenied => "run as root, or with CAP_LEASE",
        _ => "replace it by a new file (mv, install)",
    }
}

/// From now until the end of the recording.
fn gap(cause: &str) -> Annotation {
    Annotation {
        at_ns: SystemClock.now().utc_ns,
        until_ns: None,
        kind: AnnotationKind::Gap,
        text: cause.to_owned(),
    }
}
