//! The attaching process as the recording one knows it: it is forked, asked, heard, and waited for.
//! Every wait has a bound, because that process may be stopped or hang; it detaches as soon as it goes
//! on, whether this one still runs or not.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use soakbox_schemas::recording::{ObservedFile, StoredPath};
use soakbox_schemas::tables::AnnotationKind;

use super::attaching::{self, Known};
use super::command::describe;
use super::event::{Event, wait_for};
use super::outbox::{Message, Outbox};
use super::probes::settings;
use super::socket::Socket;
use super::wire::{Answer, MOST_TOLD, Request, Told};
use crate::budget::Spans;
use crate::clock::{Clock, ClockPair, Timer};
use crate::costs::{PairCost, ProbeCosts};
use crate::fence::{Fence, Role};
use crate::kernel::{KernelError, KernelFacts, SharedMaps, Statistics, register_here};
use crate::memory;
use crate::message;
use crate::plan::RecordPlan;
use crate::process::Process;
use crate::sample::annotation_until;
use crate::source::ProbeSource;

/// After this time without an answer the person is told.
const WORD: Duration = Duration::from_secs(5);
/// Longest wait for an answer while the recording starts.
const TO_START: Duration = Duration::from_secs(300);
/// Longest wait for an answer while it lasts.
const TO_ANSWER: Duration = Duration::from_secs(30);
/// Longest wait for the probes to be removed, and more for each link: some kernels remove one after
/// the other.
const TO_DETACH: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(200));
/// Longest wait for its end after its last word.
const TO_END: Duration = Duration::from_secs(5);
/// How often rows that could not be sent are sent again.
const SHORT_WAIT: Duration = Duration::from_millis(20);

/// What is measured before the process is forked, which then knows it too.
pub(super) struct Prepared {
    pub(super) facts: KernelFacts,
    /// By operation; none where they could not be measured.
    pub(super) costs: Vec<PairCost>,
    pub(super) without_costs: Option<KernelError>,
    /// Where the kernel measures the programs.
    pub(super) statistics: Option<Statistics>,
}

impl Prepared {
    /// # Errors
    /// Where the kernel refuses something without which nothing can be recorded.
    pub(super) fn of(plan: &RecordPlan) -> Result<Self> {
        let facts = KernelFacts::inspect()?;
        // Before costs are measured, which it adds to.
        let statistics = plan.bpf_statistics.then(Statistics::switch_on).transpose();
        let statistics = statistics.context("--bpf-statistics")?;
        let measured = ProbeCosts::measure_for(&facts, &plan.operations);
        let (costs, without_costs) = match measured {
            Ok(costs) => (of_operations(plan, &costs), None),
            Err(error) if plan.max_overhead.is_some() => {
                bail!("--max-overhead needs to know what probes cost here, and {error}");
            }
            Err(error) => (Vec::new(), Some(error)),
        };
        Ok(Self {
            facts,
            costs,
            without_costs,
            statistics,
        })
    }
}

/// The cost of the probes of each operation.
fn of_operations(plan: &RecordPlan, costs: &ProbeCosts) -> Vec<PairCost> {
    let operations = plan.operations.iter();
    operations
        .map(|operation| costs.of_operation(operation))
        .collect()
}

/// The attaching process. Dropping it has everything detached.
pub(super) struct Attacher {
    connection: Arc<Connection>,
    /// Where somebody else reads what it tells.
    answers: OnceLock<Receiver<Answer>>,
    hearing: Mutex<Option<JoinHandle<()>>>,
    /// Set when no process runs the observed files any more.
    none_runs: Arc<Event>,
    links: AtomicUsize,
    has_detached: AtomicBool,
}

/// What leads to it.
pub(super) struct Connection {
    socket: Socket,
    process: Process,
    /// Why it ends, as it told; and when its end was seen.
    failed: OnceLock<String>,
    ended_at: OnceLock<ClockPair>,
}

impl Attacher {
    /// Forks the process. The calling one must have no other thread.
    ///
    /// # Errors
    /// Where there can be no other process.
    pub(super) fn fork(plan: &RecordPlan, prepared: &Prepared) -> Result<Self> {
        // What is freed here is not copied there.
        memory::give_back();
        let (ours, theirs) = Socket::pair()?;
        // SAFETY: this process has one thread, so that no lock is held by another one.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            drop(ours);
            let known = Known {
                plan,
                facts: &prepared.facts,
                costs: &prepared.costs,
            };
            let status = attaching::serve(&known, theirs);
            // SAFETY: ends this process; nothing of the other one is dropped here.
            unsafe { libc::_exit(status) }
        }
        drop(theirs);
        let pid = u32::try_from(pid).ok().and_then(NonZeroU32::new);
        let pid = pid.ok_or_else(io::Error::last_os_error);
        let pid = pid.context("cannot start the process that attaches the probes")?;
        Ok(Self {
            connection: Arc::new(Connection {
                socket: ours,
                process: Process::open(pid)?,
                failed: OnceLock::new(),
                ended_at: OnceLock::new(),
            }),
            answers: OnceLock::new(),
            hearing: Mutex::default(),
            none_runs: Arc::new(Event::new()?),
            links: AtomicUsize::new(0),
            has_detached: AtomicBool::new(false),
        })
    }

    pub(super) fn connection(&self) -> Arc<Connection> {
        self.connection.clone()
    }

    pub(super) fn process(&self) -> &Process {
        &self.connection.process
    }

    /// Has the programs loaded. Returns what reads their maps, and why the ages of operations in
    /// flight cannot be read, where they cannot.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub(super) fn load(
        &self,
        plan: &RecordPlan,
        facts: &KernelFacts,
    ) -> Result<(ProbeSource, Option<String>)> {
        self.send(Request::Load)?;
        let mut descriptors = Vec::new();
        let answer = self.wait(TO_START, |timeout| self.receive(timeout, &mut descriptors))?;
        let Answer::Loaded { without_ages } = answer else {
            return Err(self.unexpected());
        };
        let maps = SharedMaps::of_descriptors(descriptors).ok_or_else(|| self.unexpected())?;
        let maps = maps.open(facts, &settings(plan))?;
        let source = ProbeSource::new(maps.ring, maps.counters, maps.oldest);
        Ok((source, without_ages))
    }

    /// Starts the thread that hears what it tells, inside the fence: gaps go to `outbox`, observed
    /// times to `spans`; `ended` is set when it ends.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub(super) fn hear(
        &self,
        fence: &Fence,
        outbox: Outbox,
        spans: Option<Arc<Mutex<Spans>>>,
        ended: Arc<Event>,
        clock: Arc<dyn Clock>,
    ) -> Result<()> {
        let (answers, receiver) = unbounded();
        let hearing = Hearing {
            connection: self.connection.clone(),
            answers,
            none_runs: self.none_runs.clone(),
            outbox,
            spans,
            clock,
            unsent: Vec::new(),
        };
        let thread = fence.within(Role::Record, || {
            let thread = thread::Builder::new().name("soakbox-hear".into());
            thread.spawn(move || {
                let _ended = ended.set_on_drop();
                hearing.run();
            })
        })??;
        *locked(&self.hearing) = Some(thread);
        let _ = self.answers.set(receiver);
        Ok(())
    }

    /// Has the files guarded and the probes attached; where `follows_tree`, those of this process's
    /// descendants.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub(super) fn attach(&self, follows_tree: bool) -> Result<()> {
        if follows_tree {
            let thread = rustix::thread::gettid().as_raw_nonzero();
            let thread = NonZeroU32::try_from(thread).context("a thread has a number")?;
            self.ask(Request::Follow(thread), TO_START)?;
            register_here();
            self.ask(Request::Followed, TO_START)?;
        }
        match self.ask(Request::Attach, TO_START)? {
            Answer::Attached { links } => self.links.store(links, Ordering::Relaxed),
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }

    /// Has a process found that runs an observed file; [`Self::none_runs`] is set when none does.
    ///
    /// # Errors
    /// Where /proc cannot be read, or none runs.
    pub(super) fn find_runners(&self) -> Result<()> {
        self.ask(Request::FindRunners, TO_START).map(drop)
    }

    pub(super) fn none_runs(&self) -> Arc<Event> {
        self.none_runs.clone()
    }

    /// Has the limit of overhead held from now on.
    ///
    /// # Errors
    /// Where that cannot start.
    pub(super) fn hold_limit(&self) -> Result<()> {
        self.ask(Request::HoldLimit, TO_ANSWER).map(drop)
    }

    /// Whether a process of the command runs.
    ///
    /// # Errors
    /// Where the kernel refuses, or there is no answer.
    pub(super) fn runs_any(&self) -> Result<bool> {
        match self.ask(Request::RunsAny, TO_ANSWER)? {
            Answer::RunsAny(any) => Ok(any),
            _ => Err(self.unexpected()),
        }
    }

    /// Has everything detached. Afterwards all that it told has been heard.
    ///
    /// # Errors
    /// Where it ended before, or does not answer: then it detaches when it goes on.
    pub(super) fn detach(&self) -> Result<()> {
        // Nothing more is awaited, whatever comes.
        self.has_detached.store(true, Ordering::Relaxed);
        let detached = self.send(Request::Detach).and_then(|()| {
            let mut links = self.links.load(Ordering::Relaxed);
            loop {
                match self.wait(to_detach(links), |timeout| self.next_answer(timeout))? {
                    Answer::Detached => return Ok(()),
                    // Those of the start, and of builds that were observed later.
                    Answer::Detaching { links: all } => links = all,
                    // An earlier question that was answered late.
                    _ => {}
                }
            }
        });
        let longest = detached.as_ref().map_or(Duration::ZERO, |()| TO_END);
        if !wait_for(&[self.process().as_fd()], Some(longest)) {
            // It hears nothing more from here, but for the end of this process.
            self.connection.socket.hang_up();
        }
        if let Some(hearing) = locked(&self.hearing).take() {
            let _ = hearing.join();
        }
        detached
    }

    /// When its end was seen, if it has ended.
    pub(super) fn ended_before(&self) -> Option<ClockPair> {
        let has_ended = wait_for(&[self.process().as_fd()], Some(Duration::ZERO));
        has_ended
            .then(|| self.connection.ended_at.get().copied())
            .flatten()
    }

    fn ask(&self, request: Request, longest: Duration) -> Result<Answer> {
        self.send(request)?;
        self.wait(longest, |timeout| self.next_answer(timeout))
    }

    fn send(&self, request: Request) -> Result<()> {
        let sent = self.connection.socket.send(&request.to_bytes(), &[]);
        sent.map_err(|_| self.connection.lost())
    }

    /// Waits for the next answer, and tells the person when that takes long.
    fn wait(
        &self,
        longest: Duration,
        mut next: impl FnMut(Duration) -> Result<Option<Answer>>,
    ) -> Result<Answer> {
        let pid = self.process().pid();
        let mut answer = next(WORD.min(longest))?;
        if answer.is_none() {
            message::line(format_args!(
                "warning: the process that attaches and detaches the probes ({pid}) has not answered for {} s: waiting for at most {} s; hint: is it stopped? (`kill -CONT {pid}`)",
                WORD.as_secs(),
                longest.as_secs()
            ));
            answer = next(longest.saturating_sub(WORD))?;
        }
        match answer {
            Some(Answer::Refused(reason)) => Err(anyhow!(reason)),
            Some(answer) => Ok(answer),
            None => Err(anyhow!(
                "the process that attaches and detaches the probes ({pid}) does not answer; it removes them as soon as it goes on; hint: `kill -CONT {pid}` where it is stopped"
            )),
        }
    }

    /// The next answer; `None` where there is none in time.
    fn next_answer(&self, timeout: Duration) -> Result<Option<Answer>> {
        let Some(answers) = self.answers.get() else {
            return self.receive(timeout, &mut Vec::new());
        };
        match answers.recv_timeout(timeout) {
            Ok(answer) => Ok(Some(answer)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.connection.lost()),
        }
    }

    /// The same, before there is a thread that hears; with the descriptors that come with it.
    fn receive(&self, timeout: Duration, descriptors: &mut Vec<OwnedFd>) -> Result<Option<Answer>> {
        let timer = Timer::after(timeout);
        while wait_for(&[self.connection.socket.as_fd()], Some(timer.remaining())) {
            let received = self.connection.socket.receive(MOST_TOLD);
            let Some(received) = received.ok().flatten() else {
                return Err(self.connection.lost());
            };
            descriptors.extend(received.descriptors);
            match Told::from_bytes(&received.bytes) {
                Some(Told::Answer(answer)) => return Ok(Some(answer)),
                Some(Told::Line(line)) => message::line(format_args!("{line}")),
                Some(Told::Failed(reason)) => drop(self.connection.failed.set(reason)),
                _ => {}
            }
        }
        Ok(None)
    }

    fn unexpected(&self) -> anyhow::Error {
        anyhow!("the process that attaches the probes gave an answer that nobody asked for")
    }
}

impl Drop for Attacher {
    fn drop(&mut self) {
        if !self.has_detached.load(Ordering::Relaxed) {
            self.connection.end(TO_DETACH.0);
        }
        if let Some(hearing) = locked(&self.hearing).take() {
            let _ = hearing.join();
        }
        // Where it has ended, nothing of it is left.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let _ = waitid(WaitId::PidFd(self.process().as_fd()), options);
    }
}

impl Connection {
    /// Ends the messages, upon which everything is detached, and waits for that.
    pub(super) fn end(&self, longest: Duration) {
        self.socket.hang_up();
        if !wait_for(&[self.process.as_fd()], Some(longest)) {
            let pid = self.process.pid();
            message::line(format_args!(
                "warning: the process that detaches the probes ({pid}) has not ended yet; it removes them as soon as it goes on; hint: is it stopped? (`kill -CONT {pid}`)"
            ));
        }
    }

    /// The error for its end.
    fn lost(&self) -> anyhow::Error {
        let pid = self.process.pid();
        wait_for(&[self.process.as_fd()], Some(TO_END));
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::PidFd(self.process.as_fd()), options);
        let how = match (self.failed.get(), status) {
            (Some(reason), _) => reason.clone(),
            (None, Ok(Some(status))) => describe(&status),
            (None, _) => "nobody knows why".to_owned(),
        };
        anyhow!(
            "the process that attaches the probes ({pid}) has ended, and nothing is observed any more: {how}; hint: start the recorder again; after signal 9, the kernel's log shows whether memory was short"
        )
    }
}

/// The thread that hears what the attaching process tells.
struct Hearing {
    connection: Arc<Connection>,
    answers: Sender<Answer>,
    none_runs: Arc<Event>,
    outbox: Outbox,
    spans: Option<Arc<Mutex<Spans>>>,
    clock: Arc<dyn Clock>,
    /// That for which the channel to the writing thread had no room yet.
    unsent: Vec<Message>,
}

impl Hearing {
    fn run(mut self) {
        loop {
            let socket = &self.connection.socket;
            let timeout = (!self.unsent.is_empty()).then_some(SHORT_WAIT);
            if wait_for(&[socket.as_fd()], timeout) {
                let Some(received) = socket.receive(MOST_TOLD).ok().flatten() else {
                    break;
                };
                if let Some(told) = Told::from_bytes(&received.bytes) {
                    self.hear(told);
                }
            }
            self.unsent = self.outbox.try_pass_on(std::mem::take(&mut self.unsent));
        }
        let _ = self.connection.ended_at.set(self.clock.now());
        // Whoever waits for an answer waits for no gap.
        drop(self.answers);
        self.outbox.pass_on(self.unsent);
    }

    fn hear(&mut self, told: Told) {
        match told {
            // Nobody waits for it any more where this fails.
            Told::Answer(answer) => drop(self.answers.send(answer)),
            Told::Line(line) => message::line(format_args!("{line}")),
            Told::Gap {
                cause,
                boot_ns,
                utc_ns,
                until_ns,
            } => {
                let now = ClockPair { boot_ns, utc_ns };
                self.write(now, until_ns, AnnotationKind::Gap, cause);
            }
            Told::Note {
                text,
                boot_ns,
                utc_ns,
            } => {
                let now = ClockPair { boot_ns, utc_ns };
                self.write(now, None, AnnotationKind::Note, text);
            }
            Told::Observes {
                path,
                file,
                build_id,
            } => self.unsent.push(Message::Observes(ObservedFile {
                path: StoredPath::new(path),
                file: StoredPath::new(file),
                build_id,
            })),
            Told::Observed { operation, change } => {
                if let Some(spans) = &self.spans {
                    locked(spans).apply(usize::from(operation), change);
                }
            }
            Told::NoneRuns => self.none_runs.set(),
            Told::Failed(reason) => drop(self.connection.failed.set(reason)),
        }
    }

    fn write(&mut self, now: ClockPair, until: Option<i64>, kind: AnnotationKind, text: String) {
        // `None` only where Arrow refuses the columns, which the schema's tests rule out.
        let rows = annotation_until(now, until, kind, text).ok();
        self.unsent
            .extend(rows.map(|rows| Message::Rows(rows, now)));
    }
}

/// Longest wait for this number of links to be removed.
fn to_detach(links: usize) -> Duration {
    let (least, each) = TO_DETACH;
    least + each.saturating_mul(u32::try_from(links).unwrap_or(u32::MAX))
}

/// The lock of a value that stays usable after a panic.
pub(super) fn locked<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
