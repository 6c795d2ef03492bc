//! A recording from start to seal, in two processes. The one that was started records: a few threads
//! joined by bounded channels, each in a file of its own. `collect` drains the source and turns its
//! events into rows, `write` owns the recording's files, `attacher` hears the other process. The
//! recording's own thread waits for its end (`supervise`) and makes the rows of each interval
//! (`sampling`); the caller's thread reads the signals. Rows go one way: collect → write, sampling →
//! write.
//!
//! The other process (`attaching`) attaches and detaches (`probes`, `switching`), watches the observed
//! files (`files`), attaches to those that take their places (`paths`, `search`, `again`), and finds processes
//! (`runners`). `wire` has all that the two say to each other.

mod ages;
mod attacher;
mod attaching;
mod collect;
mod command;
mod control;
mod counted_time;
mod event;
mod exits;
mod files;
mod inherited;
mod interval;
mod last;
mod observed;
mod outbox;
mod probes;
mod provenance;
mod report;
mod reports;
mod room;
mod runners;
mod running;
mod sampling;
mod service;
mod signals;
mod socket;
mod status;
mod supervise;
mod switch;
mod switching;
mod synthetic;
mod triggers;
mod wire;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use self::attacher::{Attacher, Prepared};
use self::control::Control;
use self::running::Running;
use self::signals::{Request, Signals};
use crate::clock::{Clock, SystemClock};
use crate::fence::{self, Role};
use crate::message;
use crate::plan::RecordPlan;
use crate::segment::recover;

pub use supervise::Ending;
pub use synthetic::synthesize;

/// Longest wait for the probes to be removed where the recording ends at once.
const TO_END_AT_ONCE: Duration = Duration::from_secs(2);

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is sealed, and ended for this reason.
    Complete(Ending),
    /// A second signal ended it before everything was sealed.
    EndedAtOnce,
}

/// As [`record`], by a process that does nothing else: the calling thread is fenced as well, for good.
///
/// # Errors
/// As [`record`].
pub fn record_alone(plan: RecordPlan) -> Result<Outcome> {
    record_and(plan, || fence::enter(Role::Signals))
}

/// Makes the recording that `plan` describes; returns when it is sealed, or at once at a second
/// signal. The recording has a thread of its own, so that the calling thread always reads signals,
/// even while the others wait for the disk.
///
/// # Errors
/// Where the directory, the kernel, a probe or the command refuses. The rows that were written by
/// then stay readable.
pub fn record(plan: RecordPlan) -> Result<Outcome> {
    record_and(plan, || {})
}

/// `wait` prepares the calling thread to wait for signals.
fn record_and(plan: RecordPlan, wait: impl FnOnce()) -> Result<Outcome> {
    let mut signals =
        Signals::take_over(plan.keep_last.is_some()).context("cannot take over the signals")?;
    let control = Arc::new(Control::new()?);
    // Before there is another thread, and before anything large is in the memory.
    let attacher = Prepared::of(&plan).and_then(|prepared| {
        let attacher = Attacher::fork(&plan, &prepared)?;
        Ok((prepared, attacher))
    });
    let connection = attacher.as_ref().ok();
    let connection = connection.map(|(_, attacher)| attacher.connection());
    let output = plan.output.clone();
    let recording = {
        let control = control.clone();
        thread::Builder::new()
            .name("soakbox-record".into())
            .spawn(move || {
                let _over = control.over_when_dropped();
                run(&plan, attacher, &control)
            })?
    };
    wait();
    while !control.is_over() {
        control.wait_for_signal(&signals);
        while let Some(request) = signals.next(&SystemClock) {
            if request == Request::StopAtOnce && !control.is_over() {
                control.report_unsealed(&output);
                if let Some(connection) = connection {
                    connection.end(TO_END_AT_ONCE);
                }
                return Ok(Outcome::EndedAtOnce);
            }
            control.carry_out(request);
        }
    }
    let result = recording.join();
    let ending = result.map_err(|_| anyhow::anyhow!("the recording thread panicked"))??;
    Ok(Outcome::Complete(ending))
}

fn run(
    plan: &RecordPlan,
    attacher: Result<(Prepared, Attacher)>,
    control: &Control,
) -> Result<Ending> {
    let clock = Arc::new(SystemClock);
    recover_before(&plan.output, &*clock);
    let is_new = !plan.output.exists();
    let (prepared, attacher) = attacher?;
    let mut running =
        Running::start(plan, prepared, attacher, control, clock).inspect_err(|_| {
            // The threads that write cannot remove the directory that they are fenced in.
            if is_new {
                let _ = std::fs::remove_dir(&plan.output);
            }
        })?;
    let ending = running.supervise()?;
    running.stop(&ending)?;
    Ok(ending)
}

/// Recovers the journals that an earlier recorder left in the directory. A journal that cannot be
/// recovered is reported and kept: it does not stop a new recording.
fn recover_before(root: &Path, clock: &dyn Clock) {
    if !root.exists() {
        return;
    }
    let (report, failure) = match recover(root, clock) {
        Ok(report) => (report, None),
        Err(error) => (*error.report, Some(error.source)),
    };
    if let Some(failure) = failure {
        message::line(format_args!(
            "warning: an earlier recorder left journals here, and not all of them could be sealed (they are kept): {failure}"
        ));
    }
    if report.gaps > 0 || report.rows_saved > 0 {
        message::line(format_args!(
            "an earlier recorder crashed here: {} rows saved in {} segments, {} bytes were torn or damaged; the gap is in the recording",
            report.rows_saved, report.segments, report.bytes_discarded
        ));
    }
}
