//! A running recording, from the first probe to the last seal. One type owns everything that was
//! started: whatever fails, dropping it detaches every probe, ends every thread, and keeps every
//! row that was written.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use soakbox_schemas::tables::{AnnotationKind, OperationLogBuilder};

use super::attacher::{Attacher, Prepared, locked};
use super::collect::{Collector, CollectorThread};
use super::control::Control;
use super::event::Event;
use super::last::LastRows;
use super::outbox::Outbox;
use super::provenance;
use super::report::{self, Report};
use super::sampling::Sampling;
use super::service::ServiceManager;
use super::status::{Measures, Status};
use super::supervise::{Ending, Supervisor};
use super::triggers::Triggers;
use super::write::{WriteGate, WriteSettings, WriterThread};
use crate::binary::KernelVersion;
use crate::budget::Spans;
use crate::clock::{Clock, ClockPair};
use crate::fence::{Capabilities, Fence, Role};
use crate::kernel::{KernelError, Statistics};
use crate::memory;
use crate::message;
use crate::plan::{ProcessFilter, RecordPlan};
use crate::sample::{HostFiles, Processes, samplers};
use crate::segment::{RecorderDirectory, RecordingWriter};

/// The first kernel whose `bpf` lets everybody use what is open already.
const FREE_COMMANDS: KernelVersion = KernelVersion {
    major: 5,
    minor: 19,
};

/// The cause of a gap: the process that attaches has ended, and its probes with it.
const ATTACHER_ENDED: &str = "attaching process ended";

/// Everything that was started. Where a start fails or a thread panics, the fields are dropped in
/// this order. The gate is the first: dropped before it was opened, it prevents all writing. The
/// others follow in the order of [`Running::stop`].
pub(super) struct Running<'a> {
    write_gate: Option<WriteGate>,
    attacher: Arc<Attacher>,
    collecting: CollectorThread,
    sampling: Sampling,
    writing: WriterThread,
    supervisor: Supervisor,
    /// Set when a thread ends.
    thread_ended: Arc<Event>,
    control: &'a Control,
    clock: Arc<dyn Clock>,
    service: ServiceManager,
    status: Status,
    /// Whether the status is shown on a terminal.
    shows_status: bool,
    root: PathBuf,
    processes: Arc<Processes>,
    /// Why the ages of operations in flight are not read.
    without_ages: Option<String>,
    /// Why the costs of probes could not be measured.
    without_costs: Option<KernelError>,
    /// When the operations are observed, where there is a limit of overhead.
    spans: Option<Arc<Mutex<Spans>>>,
    /// While the kernel measures the programs.
    _statistics: Option<Statistics>,
    fence: Fence,
    triggers: Triggers,
}

impl<'a> Running<'a> {
    /// Starts the recording that `plan` describes, whose probes `attacher` attaches. Nothing is written before everything has
    /// started: a start that fails leaves neither a probe nor a file.
    ///
    /// # Errors
    /// Where the directory, the kernel, a probe or the command refuses.
    pub(super) fn start(
        plan: &RecordPlan,
        prepared: Prepared,
        attacher: Attacher,
        control: &'a Control,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let (facts, costs) = (prepared.facts, prepared.costs);
        let spans = plan.max_overhead.map(|_| {
            let spans = Spans::new(
                plan.operations.len(),
                plan.interval_ns(),
                clock.now().boot_ns,
            );
            Arc::new(Mutex::new(spans))
        });
        let (source, without_ages) = attacher.load(plan, &facts)?;
        let attacher = Arc::new(attacher);
        let directory = RecorderDirectory::create(&plan.output, clock.now().utc_ns)?;
        let fence = Fence::new(directory.root(), capabilities_to_collect(plan))?;
        // The threads that are started inside the fence stay inside.
        let writer = fence.within(Role::Write, || {
            RecordingWriter::keeping(
                directory,
                provenance::of(plan, &facts),
                plan.limits.segment,
                plan.keep.clone(),
            )
        })??;
        control.set_journal_directory(writer.directory());
        let (uuid, activity) = (writer.uuid().to_owned(), writer.activity());
        let (outbox, receiver) = Outbox::new(plan.limits.queue_batches);
        let thread_ended = Arc::new(Event::new()?);
        attacher.hear(
            &fence,
            outbox.clone(),
            spans.clone(),
            thread_ended.clone(),
            clock.clone(),
        )?;
        let settings = WriteSettings {
            flush_interval: plan.flush_interval,
            room: plan.room,
            last: plan
                .keep_last
                .as_ref()
                .map(|settings| LastRows::new(settings, plan.interval_ns(), clock.now())),
        };
        let (writing, write_gate) = fence.within(Role::Write, || {
            let (clock, rotate) = (clock.clone(), control.rotate.clone());
            WriterThread::start(writer, receiver, settings, clock, &thread_ended, rotate)
        })??;
        let infos = plan.infos();
        let weights = plan.operations.iter();
        let weights = weights.map(|operation| operation.rule.sample_weight());
        let collector = Collector::new(
            Box::new(source),
            OperationLogBuilder::new(&infos).with_weights(weights),
            plan.interval_ns(),
            plan.flush_interval,
            outbox.clone(),
            clock.clone(),
        );
        let report = Report::new(infos.clone(), plan.output.clone(), plan.limits.processes);
        let mut processes = Processes::open(Some(attacher.process()));
        if prepared.statistics.is_some() {
            processes = processes.with_programs(attacher.process())?;
        }
        let processes = Arc::new(processes);
        let host = HostFiles::open();
        let mut running = Self {
            write_gate: Some(write_gate),
            attacher,
            collecting: fence.within(Role::Collect, || {
                CollectorThread::start(collector, &thread_ended)
            })??,
            sampling: Sampling::new(
                samplers(
                    infos,
                    costs,
                    spans.clone(),
                    activity,
                    processes.clone(),
                    host,
                ),
                outbox,
                report,
            ),
            writing,
            supervisor: Supervisor::new(plan, clock.clone()),
            thread_ended,
            control,
            clock,
            service: ServiceManager::of_process(plan.processes.follows_tree()),
            status: Status::default(),
            // The terminal of a command is the command's own.
            shows_status: !plan.quiet && !plan.processes.follows_tree(),
            root: plan.output.clone(),
            processes,
            without_ages,
            without_costs: prepared.without_costs,
            spans,
            _statistics: prepared.statistics,
            fence,
            triggers: Triggers::new(
                plan.keep_last
                    .as_ref()
                    .map_or_else(Vec::new, |last| last.triggers.clone()),
            ),
        };
        running.observes_from(running.clock.now());
        running.attacher.attach(plan.processes.follows_tree())?;
        running.supervisor.find(plan, &running.attacher)?;
        message::line(format_args!(
            "recording {} into {} (run {uuid})",
            running.sampling.names(),
            plan.output.display()
        ));
        running.begin(plan)?;
        // Not before the command is started, which inherits what the recorder was started with.
        running.fence.enter(Role::Record);
        if plan.max_overhead.is_some() {
            running.attacher.hold_limit()?;
        }
        // Most of it was needed only to resolve and load the probes.
        memory::give_back();
        running.service.ready();
        Ok(running)
    }

    /// Starts the command, where there is one, and has the first rows written.
    fn begin(&mut self, plan: &RecordPlan) -> Result<()> {
        let started = self.clock.now();
        // Where a stop was requested already, the command is not started at all.
        if !self.control.stop.is_set() {
            if plan.processes.follows_tree() {
                // Before the command starts there is nothing to observe.
                self.observes_from(started);
            }
            self.supervisor.start(plan)?;
        }
        let command_started = self.clock.now();
        if let Some(gate) = self.write_gate.take() {
            gate.open();
        }
        let names = self.sampling.names();
        self.sampling
            .annotate(started, AnnotationKind::RecordingStarted, names)?;
        for left_out in &plan.left_out {
            let text = format!("operation left out: {}", left_out);
            self.sampling
                .annotate(started, AnnotationKind::Note, text)?;
        }
        for text in self.not_recorded().into_iter().chain(self.not_fenced()) {
            message::line(format_args!("warning: {text}"));
            self.sampling
                .annotate(started, AnnotationKind::Note, text)?;
        }
        if let (ProcessFilter::Command(words), Some(_)) =
            (&plan.processes, self.supervisor.command())
        {
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            let text = words.join(" ");
            self.sampling
                .annotate(command_started, AnnotationKind::TargetStarted, text)?;
        }
        Ok(())
    }

    /// Operations are observed from this moment on.
    fn observes_from(&self, at: ClockPair) {
        if let Some(spans) = &self.spans {
            locked(spans).begin(at.boot_ns);
        }
    }

    /// The columns that are null on this host, with the reasons.
    fn not_recorded(&self) -> Vec<String> {
        let ages = self.without_ages.as_ref();
        let ages = ages.map(|reason| format!("oldest_in_flight_ns is not recorded: {reason}"));
        let costs = self.without_costs.as_ref();
        let costs = costs.map(|reason| {
            format!("probe_cost_ns and duration_overhead_ns are not recorded: {reason}")
        });
        ages.into_iter().chain(costs).collect()
    }

    /// The parts of the fence that this host does not have.
    fn not_fenced(&self) -> Option<String> {
        let missing = self.fence.missing();
        let text = || {
            format!(
                "the recorder's threads are less fenced than they could be: {}",
                missing.join("; ")
            )
        };
        (!missing.is_empty()).then(text)
    }

    /// Records until there is a reason to stop.
    ///
    /// # Errors
    /// That of a sampler.
    pub(super) fn supervise(&mut self) -> Result<Ending> {
        loop {
            let ticked = self.collecting.ticked();
            let ending = self
                .supervisor
                .wait(&self.control.stop, ticked, &self.thread_ended);
            if let Some(ending) = ending {
                return Ok(ending);
            }
            if self.control.trigger.swap(false, Ordering::Relaxed) {
                self.sampling.trigger(self.clock.now(), "signal".to_owned());
            }
            while let Some(tick) = self.collecting.next_tick() {
                let status = self.status.after(&tick, self.measures());
                let (now, fired) = (tick.now, self.triggers.fired(&tick));
                self.sampling.tick(tick)?;
                for text in fired {
                    self.sampling.trigger(now, text);
                }
                self.service.progress(&status);
                if self.shows_status {
                    message::status(message::shows_status().then_some(&status));
                }
            }
        }
    }

    fn measures(&self) -> Measures {
        let free = rustix::fs::statvfs(&self.root).ok();
        Measures {
            memory: self.processes.resident_bytes(),
            free: free.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        }
    }

    /// Detaches the probes, writes the remaining rows, seals, and reports the totals. The order
    /// loses nothing: when no probe runs any more, the rest of the source is drained; when it is
    /// empty, the last counts are read.
    ///
    /// # Errors
    /// The first failure: of the writing, the sampling, the collecting or the detaching. Every row that was
    /// written by then stays readable.
    pub(super) fn stop(self, ending: &Ending) -> Result<()> {
        let target_ended = target_ended(ending, self.clock.now());
        if let (Some(spans), Some((at, _))) = (&self.spans, &target_ended) {
            locked(spans).end(at.boot_ns);
        }
        let Self {
            attacher,
            mut collecting,
            mut sampling,
            writing,
            supervisor,
            service,
            processes,
            ..
        } = self;
        message::status(None);
        service.stopping();
        processes.read_programs();
        let detached = attacher.detach();
        let last = collecting.finish();
        let sampled = target_ended.map_or(Ok(()), |(at, text)| {
            sampling.annotate(at, AnnotationKind::TargetExited, text)
        });
        // A process that does not answer has not ended, and still attaches.
        let lost = detached.is_err().then(|| attacher.ended_before()).flatten();
        let sampled = sampled.and_then(|()| match lost {
            Some(at) => sampling.annotate(at, AnnotationKind::Gap, ATTACHER_ENDED.to_owned()),
            None => Ok(()),
        });
        let sampled = sampled.and_then(|()| {
            while let Some(tick) = collecting.next_tick() {
                sampling.tick(tick)?;
            }
            let last = last?;
            let names = sampling.names();
            sampling.annotate(last.now, AnnotationKind::RecordingStopped, names)?;
            // All other rows are written first: the last row of `recorder_health` counts them too.
            sampling.flush();
            sampling.tick(last)
        });
        let report = sampling.finish();
        let written = writing.finish();
        let written = written.and_then(|rows| sampled.map(|()| rows));
        // What is recorded is sealed, whatever became of the probes.
        match written.and_then(|rows| detached.map(|()| rows)) {
            Ok(rows) => {
                report.complete(&rows, ending, supervisor.running_command());
                Ok(())
            }
            Err(error) => {
                report::incomplete(ending, supervisor.running_command());
                Err(error)
            }
        }
    }
}

/// The capabilities without which the counts of this kernel cannot be read.
fn capabilities_to_collect(plan: &RecordPlan) -> Capabilities {
    match KernelVersion::parse(&plan.host.kernel) {
        Some(version) if version < FREE_COMMANDS => Capabilities::BPF,
        _ => Capabilities::NONE,
    }
}

/// When the target ended, and in what way, where that is why the recording ends at `now`.
fn target_ended(ending: &Ending, now: ClockPair) -> Option<(ClockPair, String)> {
    match ending {
        Ending::Process(pid) => Some((now, format!("process {pid} has ended"))),
        Ending::NoProcess(waited) => Some((
            now.before(*waited),
            "no process runs the observed files any more".to_owned(),
        )),
        Ending::Command { status, .. } => Some((now, status.clone())),
        Ending::Requested | Ending::Duration | Ending::ThreadEnded => None,
    }
}
