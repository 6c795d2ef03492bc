//! A running recording, from the first probe to the last seal. One type owns everything that was
//! started: whatever fails, dropping it detaches every probe, ends every thread, and keeps every
//! row that was written.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use anyhow::{Result, bail};
use soakbox_schemas::tables::{AnnotationKind, OperationLogBuilder};

use super::collect::{Collector, CollectorThread};
use super::control::Control;
use super::event::Event;
use super::files::{FileWatch, Files};
use super::last::LastRows;
use super::outbox::Outbox;
use super::probes::Probes;
use super::provenance;
use super::report::{self, Report};
use super::sampling::Sampling;
use super::service::ServiceManager;
use super::status::{Measures, Status};
use super::supervise::{Ending, Supervisor};
use super::switching::{Parts, Switching};
use super::triggers::Triggers;
use super::write::{WriteGate, WriteSettings, WriterThread};
use crate::binary::KernelVersion;
use crate::budget::{Control as Budget, Spans, TargetCpu};
use crate::clock::{Clock, ClockPair};
use crate::costs::{PairCost, ProbeCosts};
use crate::fence::{Capabilities, Fence, Role};
use crate::kernel::{KernelError, KernelFacts};
use crate::memory;
use crate::message;
use crate::plan::{ProcessFilter, RecordPlan};
use crate::sample::{resident_bytes, samplers};
use crate::segment::{RecorderDirectory, RecordingWriter};

/// The first kernel whose `bpf` lets everybody use what is open already.
const FREE_COMMANDS: KernelVersion = KernelVersion {
    major: 5,
    minor: 19,
};

/// Everything that was started. Where a start fails or a thread panics, the fields are dropped in
/// this order. The gate is the first: dropped before it was opened, it prevents all writing. The
/// others follow in the order of [`Running::stop`].
pub(super) struct Running<'a> {
    write_gate: Option<WriteGate>,
    files: Option<FileWatch>,
    /// Where the overhead has a limit.
    switching: Option<Switching>,
    probes: Probes,
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
    /// Why the costs of probes could not be measured.
    without_costs: Option<KernelError>,
    fence: Fence,
    triggers: Triggers,
}

impl<'a> Running<'a> {
    /// Starts the recording that `plan` describes. Nothing is written before everything has
    /// started: a start that fails leaves neither a probe nor a file.
    ///
    /// # Errors
    /// Where the directory, the kernel, a probe or the command refuses.
    pub(super) fn start(
        plan: &RecordPlan,
        control: &'a Control,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let facts = KernelFacts::inspect()?;
        let (costs, without_costs) = match ProbeCosts::measure_for(&facts, &plan.operations) {
            Ok(costs) => (of_operations(plan, &costs), None),
            Err(error) if plan.max_overhead.is_some() => {
                bail!("--max-overhead needs to know what probes cost here, and {error}");
            }
            Err(error) => (Vec::new(), Some(error)),
        };
        let spans = plan.max_overhead.map(|_| {
            let spans = Spans::new(
                plan.operations.len(),
                plan.interval_ns(),
                clock.now().boot_ns,
            );
            Arc::new(Mutex::new(spans))
        });
        let (probes, source) = Probes::load(plan, &facts)?;
        let directory = RecorderDirectory::create(&plan.output, clock.now().utc_ns)?;
        let files = Files::hold(plan)?;
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
        let mut running = Self {
            write_gate: Some(write_gate),
            files: None,
            switching: None,
            probes,
            collecting: fence.within(Role::Collect, || {
                CollectorThread::start(collector, &thread_ended)
            })??,
            sampling: Sampling::new(
                samplers(infos, costs.clone(), spans.clone(), activity),
                outbox.clone(),
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
            without_costs,
            fence,
            triggers: Triggers::new(
                plan.keep_last
                    .as_ref()
                    .map_or_else(Vec::new, |last| last.triggers.clone()),
            ),
        };
        running.attach(plan, files, outbox)?;
        let runs_any = running.probes.runs_any();
        running.supervisor.find(plan, runs_any)?;
        message::line(format_args!(
            "recording {} into {} (run {uuid})",
            running.sampling.names(),
            plan.output.display()
        ));
        running.begin(plan)?;
        // Not before the command is started, which inherits what the recorder was started with.
        running.fence.enter(Role::Attach);
        running.limit_overhead(plan, costs, spans)?;
        // Most of it was needed only to resolve and load the probes.
        memory::give_back();
        running.service.ready();
        Ok(running)
    }

    /// Attaches the operations' probes, and starts the watch over the files that they are in.
    fn attach(&mut self, plan: &RecordPlan, files: Files, outbox: Outbox) -> Result<()> {
        self.probes.attach_operations(plan)?;
        let detach = self.probes.detach_file();
        let watch = self.fence.within(Role::Attach, || {
            let (check_files, clock) = (self.control.check_files.clone(), self.clock.clone());
            FileWatch::start(files, detach, outbox, check_files, clock)
        })??;
        self.files = Some(watch);
        Ok(())
    }

    /// Starts what holds the limit of overhead, where there is one.
    fn limit_overhead(
        &mut self,
        plan: &RecordPlan,
        costs: Vec<PairCost>,
        spans: Option<Arc<Mutex<Spans>>>,
    ) -> Result<()> {
        let (Some(share), Some(spans)) = (plan.max_overhead, spans) else {
            return Ok(());
        };
        let (switch, ledger) = self.probes.switch(plan, costs)?;
        let operations = plan.operations.len();
        let parts = Parts {
            switch,
            ledger,
            control: Budget::new(share, operations),
            cpu: target_cpu(plan),
            spans,
            operations,
            clock: self.clock.clone(),
            limit: format!("{}%", share * 100.0),
        };
        self.switching = Some(Switching::start(parts, &self.thread_ended)?);
        Ok(())
    }

    /// Starts the command, where there is one, and has the first rows written.
    fn begin(&mut self, plan: &RecordPlan) -> Result<()> {
        let started = self.clock.now();
        // Where a stop was requested already, the command is not started at all.
        if !self.control.stop.is_set() {
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

    /// The columns that are null on this host, with the reasons.
    fn not_recorded(&self) -> Vec<String> {
        let ages = self.probes.without_ages();
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
                let status = self.status.after(&tick, measures(&self.root));
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

    /// Detaches the probes, writes the remaining rows, seals, and reports the totals. The order
    /// loses nothing: when no probe runs any more, the rest of the source is drained; when it is
    /// empty, the last counts are read.
    ///
    /// # Errors
    /// The first failure: of the writing, the sampling or the collecting. Every row that was
    /// written by then stays readable.
    pub(super) fn stop(self, ending: &Ending) -> Result<()> {
        let Self {
            files,
            mut switching,
            probes,
            mut collecting,
            mut sampling,
            writing,
            supervisor,
            clock,
            service,
            ..
        } = self;
        message::status(None);
        service.stopping();
        let ended = clock.now();
        drop(files);
        let switched = switching.as_mut().map_or(Ok(()), Switching::finish);
        probes.detach_all();
        let last = collecting.finish();
        let sampled = switched.and_then(|()| annotate_end(&sampling, ended, ending));
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
        drop(probes);
        match written.and_then(|rows| sampled.map(|()| rows)) {
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

/// The cost of the probes of each operation.
fn of_operations(plan: &RecordPlan, costs: &ProbeCosts) -> Vec<PairCost> {
    let operations = plan.operations.iter();
    operations
        .map(|operation| costs.of_operation(operation))
        .collect()
}

/// The capabilities without which the counts of this kernel cannot be read.
fn capabilities_to_collect(plan: &RecordPlan) -> Capabilities {
    match KernelVersion::parse(&plan.host.kernel) {
        Some(version) if version < FREE_COMMANDS => Capabilities::BPF,
        _ => Capabilities::NONE,
    }
}

/// What reads the CPU time of the processes that are observed.
fn target_cpu(plan: &RecordPlan) -> TargetCpu {
    match &plan.processes {
        ProcessFilter::Process(process) => TargetCpu::of_process(process.clone()),
        ProcessFilter::Command(_) => TargetCpu::of_descendants(),
        ProcessFilter::All => {
            let files = plan.files.iter();
            TargetCpu::of_files(files.map(|file| file.binary.inode()).collect())
        }
    }
}

fn measures(root: &Path) -> Measures {
    let free = rustix::fs::statvfs(root).ok();
    Measures {
        memory: resident_bytes(),
        free: free.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
    }
}

fn annotate_end(sampling: &Sampling, ended: ClockPair, ending: &Ending) -> Result<()> {
    let text = match ending {
        Ending::Process(pid) => format!("process {pid} has ended"),
        Ending::NoProcess => "no process runs the observed files any more".to_owned(),
        Ending::Command { status, .. } => status.clone(),
        Ending::Requested | Ending::Duration | Ending::ThreadEnded => return Ok(()),
    };
    sampling.annotate(ended, AnnotationKind::TargetExited, text)
}
