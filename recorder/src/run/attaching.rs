//! The process that attaches and detaches: a child of the recording one, forked while that has one
//! thread and little memory. It alone has capabilities for longer than the start. It loads the
//! programs, attaches, switches, guards the observed files and finds processes; it never reads an
//! event, and never touches a file of the recording.
//!
//! It outlives the recording process, whatever ends that: nobody who signals the recorder, its group
//! or its terminal reaches it. When the messages end, it detaches everything in order, and ends.

use std::fs;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};

use super::counted_time::CountedTime;
use super::event::{Event, wait_for};
use super::files::{FileWatch, Files, Hands};
use super::inherited::SignalSet;
use super::observed::Observed;
use super::probes::Probes;
use super::reports::Reports;
use super::runners::{Runners, RunnersWatch};
use super::socket::Socket;
use super::switching::{Parts, Switching};
use super::wire::{Answer, Asked, MOST_REQUEST, Request, Stage, Told, text};
use crate::budget::{Control as Budget, TargetCpu};
use crate::clock::{Clock, SystemClock};
use crate::costs::PairCost;
use crate::fence::{self, Role};
use crate::kernel::{CountedCpu, KernelFacts};
use crate::memory;
use crate::message;
use crate::plan::{ProcessFilter, RecordPlan};

/// Name of the process, as `ps` and `top` show it.
const NAME: &std::ffi::CStr = c"soakbox-attach";
/// How little the process should be chosen when memory is short: it is small, and its end by SIGKILL
/// may leave a breakpoint in the target. Where the rights are missing, it stays as it was.
const LEAST_OOM_SCORE: &str = "-1000";

/// Signals that an instruction or a call of the process itself causes.
const FAULTS: [libc::c_int; 6] = [
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGSYS,
];

/// What it was forked with.
pub(super) struct Known<'a> {
    pub(super) plan: &'a RecordPlan,
    pub(super) facts: &'a KernelFacts,
    /// By operation; none where they are not known.
    pub(super) costs: &'a [PairCost],
}

/// Serves the recording process, which `socket` leads to, until that ends. Returns the exit status.
/// For a process that does nothing else and has one thread.
pub(super) fn serve(known: &Known<'_>, socket: Socket) -> i32 {
    stand_apart();
    close_others(known.plan, &socket);
    let served = catch_unwind(AssertUnwindSafe(|| Server::start(known, socket)?.run()));
    match served {
        Ok(Ok(())) => 0,
        Ok(Err(_)) | Err(_) => 1,
    }
}

/// Leaves the session and the terminal of the recording process.
fn stand_apart() {
    // A fault of its own is not held back: the kernel would end it without its handlers.
    let mut signals = SignalSet::ALL;
    for fault in FAULTS {
        signals.remove(fault);
    }
    signals.block();
    // SAFETY: takes no pointer but a string; a child is not yet the leader of a group.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_NAME, NAME.as_ptr());
    }
    let _ = fs::write("/proc/self/oom_score_adj", LEAST_OOM_SCORE);
    // A reader of the recorder's output waits for the recorder only.
    if let Ok(null) = fs::File::options().read(true).write(true).open("/dev/null") {
        for standard in [libc::STDIN_FILENO, libc::STDOUT_FILENO] {
            // SAFETY: takes numbers; nothing here reads or writes these two.
            let _ = unsafe { libc::dup2(null.as_raw_fd(), standard) };
        }
    }
    memory::give_back();
}

/// Closes what was inherited and is not needed: a lock or a pipe of the recorder's caller must not
/// be held for longer than by the recorder. Nothing of what was copied here is ever dropped, except
/// what is kept.
fn close_others(plan: &RecordPlan, socket: &Socket) {
    let hooks = plan.hooks().filter_map(|hook| hook.point.instruction());
    let files = plan.files.iter().map(|file| file.binary.file());
    let files = files.chain(hooks.map(|(file, _)| file.file()));
    let mut kept: Vec<RawFd> = files.map(AsRawFd::as_raw_fd).collect();
    kept.extend([0, 1, 2, socket.as_fd().as_raw_fd()]);
    kept.extend(message::descriptor().map(|own| own.as_raw_fd()));
    if let ProcessFilter::Process(process) = &plan.processes {
        kept.push(process.as_fd().as_raw_fd());
    }
    let listing = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let open = listing.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let open: Vec<RawFd> = open.collect();
    for other in open.into_iter().filter(|open| !kept.contains(open)) {
        // SAFETY: takes a number, which nothing here uses any more.
        let _ = unsafe { libc::close(other) };
    }
}

/// The process, from its first request to its last. Where it ends early, the fields are dropped in
/// this order, which is that of [`Server::detach`].
struct Server<'a> {
    runners: Option<RunnersWatch>,
    files: Option<FileWatch>,
    switching: Option<Switching>,
    probes: Option<Probes>,
    observed: Observed,
    known: &'a Known<'a>,
    /// The number of the recording process.
    recorder: u32,
    stage: Stage,
    reports: Reports,
    socket: Arc<Socket>,
    /// Set when a thread ends by itself.
    thread_ended: Arc<Event>,
    sending: std::thread::JoinHandle<()>,
}

impl<'a> Server<'a> {
    fn start(known: &'a Known<'a>, socket: Socket) -> Result<Self> {
        let socket = Arc::new(socket);
        let (reports, sending) = Reports::start(socket.clone())?;
        let lines = reports.clone();
        message::pass_on(Box::new(move |line| {
            lines.try_tell(Told::Line(text(&line))).is_ok()
        }));
        Ok(Self {
            runners: None,
            files: None,
            switching: None,
            probes: None,
            observed: Observed::default(),
            known,
            recorder: std::os::unix::process::parent_id(),
            stage: Stage::default(),
            reports,
            socket,
            thread_ended: Arc::new(Event::new()?),
            sending,
        })
    }

    fn run(mut self) -> Result<()> {
        let served = self.serve();
        if let Err(error) = &served {
            self.reports.tell(Told::Failed(text(error)));
        }
        self.detach(matches!(served, Ok(true)));
        if matches!(served, Ok(true)) {
            self.reports.tell(Told::Answer(Answer::Detached));
        }
        self.reports.end();
        let _ = self.sending.join();
        served.map(drop)
    }

    /// Carries out requests until the recording process asks for the end (`true`), or ends itself.
    ///
    /// # Errors
    /// Where it asks for what it may not ask for, or a thread fails.
    fn serve(&mut self) -> Result<bool> {
        loop {
            wait_for(&[self.socket.as_fd(), self.thread_ended.as_fd()], None);
            if self.thread_ended.is_set() {
                let ended = self.switching.as_mut().map_or(Ok(()), Switching::finish);
                return Err(ended.err().unwrap_or_else(|| anyhow!("a thread has ended")));
            }
            let received = self.socket.receive_bytes(MOST_REQUEST);
            let Some(bytes) = received.context("a request cannot be read")? else {
                return Ok(false);
            };
            let request = Request::from_bytes(&bytes).context("what was asked is no request")?;
            let next = self.stage.after(request, self.asked());
            self.stage = next.context("a request came at the wrong time")?;
            if request == Request::Detach {
                return Ok(true);
            }
            let (answer, descriptors) = match self.carry_out(request) {
                Ok(answer) => answer,
                Err(error) => (Answer::Refused(text(&in_a_line(&error))), Vec::new()),
            };
            self.reports.tell_with(Told::Answer(answer), descriptors);
        }
    }

    fn asked(&self) -> Asked {
        let plan = self.known.plan;
        Asked {
            command: plan.processes.follows_tree(),
            until_exit: plan.until_exit.is_some() && matches!(plan.processes, ProcessFilter::All),
            limit: plan.max_overhead.is_some(),
        }
    }

    fn carry_out(&mut self, request: Request) -> Result<(Answer, Vec<OwnedFd>)> {
        let answer = match request {
            Request::Load => return self.load(),
            Request::Follow(thread) => {
                self.check_thread(thread)?;
                let recorder = NonZeroU32::new(self.recorder).context("a process has a number")?;
                self.probes()?.begin_registration(recorder, thread)?;
                Answer::Done
            }
            Request::Followed => {
                self.probes()?.end_registration();
                Answer::Done
            }
            Request::Attach => self.attach()?,
            Request::FindRunners => {
                let patience = self.known.plan.until_exit.unwrap_or_default();
                let runners = Runners::find(self.known.plan, &self.observed, patience)?;
                self.runners = Some(RunnersWatch::start(runners, self.reports.clone())?);
                Answer::Done
            }
            Request::HoldLimit => {
                self.hold_limit()?;
                Answer::Done
            }
            Request::RunsAny => Answer::RunsAny(self.probes()?.runs_any()?),
            Request::Detach => Answer::Detached,
        };
        Ok((answer, Vec::new()))
    }

    fn probes(&self) -> Result<&Probes> {
        self.probes.as_ref().context("nothing is loaded")
    }

    fn load(&mut self) -> Result<(Answer, Vec<OwnedFd>)> {
        let (probes, maps, without_ages) = Probes::load(self.known.plan, self.known.facts)?;
        self.probes = Some(probes);
        let without_ages = without_ages.map(|reason| text(&reason));
        Ok((Answer::Loaded { without_ages }, maps.into_descriptors()))
    }

    /// A thread that is to be registered must be one of the recording process.
    fn check_thread(&self, thread: NonZeroU32) -> Result<()> {
        // By signal 0, which nobody gets: /proc may have other numbers.
        // SAFETY: takes numbers.
        let is_its = unsafe {
            let (process, thread) = (self.recorder as i32, thread.get() as i32);
            libc::syscall(libc::SYS_tgkill, process, thread, 0) == 0
        };
        is_its
            .then_some(())
            .context("the thread to be registered is not one of the recorder")
    }

    /// Guards the files, attaches the operations' probes, and starts the watch over the files.
    fn attach(&mut self) -> Result<Answer> {
        let files = Files::hold(self.known.plan, &self.observed)?;
        let probes = self.probes()?;
        let links = probes.attach_operations()?;
        // What comes now needs no more.
        fence::enter(match probes.settle_single_uprobes() {
            true => Role::AttachSingly,
            false => Role::Attach,
        });
        // A process that opens an observed file for writing makes the kernel send SIGIO.
        let opened = Event::of_signal(libc::SIGIO)?;
        let hands = Hands {
            attach: probes.attach_file(),
            detach: probes.detach_file(),
        };
        let clock = Arc::new(SystemClock);
        let watch = FileWatch::start(files, hands, self.reports.clone(), opened, clock)?;
        self.files = Some(watch);
        // Most of it was needed only to load the programs.
        memory::give_back();
        Ok(Answer::Attached { links })
    }

    /// Starts what holds the limit of overhead.
    fn hold_limit(&mut self) -> Result<()> {
        let plan = self.known.plan;
        let share = plan.max_overhead.context("there is no limit")?;
        let (switch, ledger) = self.probes()?.switch(plan, self.known.costs.to_vec())?;
        let operations = plan.operations.len();
        let parts = Parts {
            switch,
            ledger,
            control: Budget::new(share, operations),
            cpu: target_cpu(
                plan,
                &self.observed,
                self.probes()?.target_cpu()?,
                self.recorder,
            ),
            reports: self.reports.clone(),
            operations,
            clock: Arc::new(SystemClock) as Arc<dyn Clock>,
            limit: format!("{}%", share * 100.0),
        };
        self.switching = Some(Switching::start(parts, &self.thread_ended)?);
        Ok(())
    }

    /// Ends all threads that attach and detach, and detaches everything. Where that is awaited, it tells
    /// how much it is.
    fn detach(&mut self, is_awaited: bool) {
        self.runners = None;
        self.files = None;
        self.switching = None;
        if let Some(probes) = &self.probes {
            if is_awaited {
                let links = probes.links();
                // Nothing delays the end of the probes, not even a recorder that is stopped.
                let _ = self
                    .reports
                    .try_tell(Told::Answer(Answer::Detaching { links }));
            }
            probes.detach_all();
        }
    }
}

/// What reads the CPU time of the processes that are observed.
fn target_cpu(
    plan: &RecordPlan,
    observed: &Observed,
    counted: Option<CountedCpu>,
    recorder: u32,
) -> TargetCpu {
    let files = observed.clone();
    let inodes = move || files.files().iter().map(|file| file.inode()).collect();
    match (&plan.processes, counted) {
        (ProcessFilter::Process(process), _) => TargetCpu::of_process(process.clone()),
        (ProcessFilter::Command(_), Some(counted)) => {
            TargetCpu::counted(CountedTime::of_command(counted))
        }
        (ProcessFilter::Command(_), None) => TargetCpu::of_other_children(),
        (ProcessFilter::All, Some(counted)) => TargetCpu::counted_of_files(
            CountedTime::of_files(counted, observed.clone(), recorder),
            inodes,
        ),
        (ProcessFilter::All, None) => TargetCpu::of_files(inodes),
    }
}

/// An error with its causes.
fn in_a_line(error: &anyhow::Error) -> String {
    soakbox_cli::error_chain(error.as_ref())
}
