//! A recording, from the first probe to the last seal: a few loops joined by bounded channels, each in its own room.
//!
//! `collect` drains the source, `write` owns the files, `observe` (the caller's thread) watches clock, counters,
//! signals and the command. Data goes one way, collect → write; observe → write.

mod collect;
mod command;
mod identity;
mod lease;
mod ledger;
mod message;
mod observe;
mod outbox;
mod own;
mod signals;
mod synthetic;
mod targets;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};

use crate::clock::{Clock, SystemClock};
use crate::kernel::{Host, Kernel, KernelSettings, Scope};
use crate::plan::{Phase, ProcessFilter, RecordPlan};
use crate::segment::{RecorderDirectory, RecordingWriter, recover};
use crate::source::ProbeSource;

pub use message::say;
pub use signals::Signals;
pub use synthetic::replay;

/// Makes the recording that `plan` describes; returns when it is sealed.
///
/// # Errors
/// Where the directory, the kernel, a probe or the command refuses. What was recorded by then stays readable.
pub fn record(plan: &RecordPlan) -> Result<()> {
    let clock = SystemClock;
    let signals = Signals::install().context("cannot install signal handlers")?;
    recover_before(&plan.output, &clock);
    // What the kernel refuses leaves no directory behind.
    let host = Host::inspect()?;
    let mut kernel = Kernel::load(&host, &settings(plan), plan.hooks())?;
    for hook in &plan.lifecycle {
        kernel.attach(hook, Scope::File)?;
    }
    let counters = Arc::new(kernel.counters()?);
    let source = ProbeSource::new(kernel.take_ring()?, counters.clone());
    let directory = RecorderDirectory::create(&plan.output, clock.now().utc_ns)?;
    let mut targets = targets::Targets::guard(plan)?;
    let writer = RecordingWriter::new(directory, identity::of(plan, &host), plan.limits.segment)?;
    let uuid = writer.uuid().to_owned();

    let (outbox, receiver) = outbox::Outbox::new(plan.limits.queue_batches);
    let stop = Arc::new(AtomicBool::new(false));
    let collector = {
        let (outbox, stop) = (outbox.clone(), stop.clone());
        thread::Builder::new()
            .name("collect".into())
            .spawn(move || collect::run(source, &outbox, &stop, &SystemClock))?
    };
    let writing = {
        let (infos, flush_interval) = (plan.infos(), plan.flush_interval);
        thread::Builder::new()
            .name("write".into())
            .spawn(move || write::run(writer, &infos, &receiver, flush_interval, &SystemClock))?
    };

    let annotations = outbox.clone();
    let mut observer = observe::Observer::new(plan, counters, outbox, &clock);
    let observed = attach(plan, &mut kernel)
        .map_err(anyhow::Error::from)
        .and_then(|()| {
            say(format_args!(
                "recording {} into {} (run {uuid})",
                observe::names(plan),
                plan.output.display()
            ));
            targets.during(&mut kernel, &annotations, || {
                observer.watch(&signals, &writing, &collector)
            })
        });
    // In this order nothing is lost: no more probes, then the rest of the ring, then the last counts.
    kernel.detach_all();
    targets.release(&annotations);
    drop(annotations);
    stop.store(true, Ordering::Release);
    let collected = collector
        .join()
        .map_err(|_| anyhow::anyhow!("the collecting thread panicked"));
    observer.finish();
    let written = writing
        .join()
        .map_err(|_| anyhow::anyhow!("the writing thread panicked"));
    drop(kernel);
    observed?;
    collected?;
    let rows = written??;
    observer.report(rows);
    Ok(())
}

fn settings(plan: &RecordPlan) -> KernelSettings {
    KernelSettings {
        rules: plan
            .operations
            .iter()
            .map(|operation| operation.rule)
            .collect(),
        interval_ns: plan.interval_ns(),
        ring_bytes: plan.limits.ring_bytes,
        in_flight: plan.limits.in_flight,
        tree: plan
            .processes
            .follows_tree()
            .then_some(plan.limits.processes),
    }
}

fn attach(plan: &RecordPlan, kernel: &mut Kernel) -> Result<(), crate::kernel::KernelError> {
    let scope = match &plan.processes {
        ProcessFilter::Process(process) => Scope::Process(process.pid()),
        ProcessFilter::All | ProcessFilter::Command(_) => Scope::File,
    };
    if plan.processes.follows_tree() {
        kernel.follow_own_descendants()?;
    }
    for phase in Phase::ATTACH {
        let operations = plan.operations.iter();
        let hooks = operations.flat_map(|operation| &operation.hooks);
        for hook in hooks.filter(|hook| hook.phase == phase) {
            kernel.attach(hook, scope)?;
        }
    }
    Ok(())
}

/// What an earlier recorder left in the directory is finished first. What cannot be finished is said and kept: it does
/// not stop a new recording.
fn recover_before(root: &Path, clock: &dyn Clock) {
    if !root.exists() {
        return;
    }
    let (report, failure) = match recover(root, clock) {
        Ok(report) => (report, None),
        Err(error) => (*error.report, Some(error.source)),
    };
    if let Some(failure) = failure {
        say(format_args!(
            "warning: what an earlier recorder left here is kept, but not all of it could be sealed: {failure}"
        ));
    }
    if report.gaps > 0 || report.rows_saved > 0 {
        say(format_args!(
            "an earlier recorder crashed here: {} rows saved in {} segments, {} bytes were torn or damaged; the gap is in the recording",
            report.rows_saved, report.segments, report.bytes_discarded
        ));
    }
}
