//! Writes a made-up recording through the same files and threads as a real one. Its footers say that it is made up.

use std::path::PathBuf;
use std::thread;

use anyhow::Result;
use crossbeam_channel::bounded;
use soakbox_schemas::event::flags;
use soakbox_schemas::recording::{ObservedFile, Provenance};
use soakbox_schemas::tables::{Annotation, AnnotationKind, OperationInfo};

use super::ledger::Ledger;
use super::message::{Message, say};
use super::write;
use crate::clock::{Clock, ClockPair, SystemClock};
use crate::kernel::CounterValues;
use crate::segment::{Limits, RecorderDirectory, RecordingWriter, of_this_host};
use crate::source::synthetic::{OPERATIONS, Synthetic};

const SECOND_NS: u64 = 1_000_000_000;

/// A recording to be made up.
#[derive(Clone, Debug)]
pub struct SyntheticPlan {
    /// Root of the recording.
    pub output: PathBuf,
    /// The same seed makes the same events.
    pub seed: u64,
    /// Length; it ends now.
    pub seconds: u64,
    /// Slower, leaking and failing.
    pub degraded: bool,
}

/// Makes the recording.
///
/// # Errors
/// Where the directory cannot be written.
pub fn replay(plan: &SyntheticPlan) -> Result<()> {
    let clock = SystemClock;
    let now = clock.now();
    let directory = RecorderDirectory::create(&plan.output, now.utc_ns)?;
    let method = || Some("made up".to_owned());
    let provenance = Provenance {
        interval_ns: SECOND_NS,
        observed: vec![ObservedFile {
            path: "synthetic".into(),
            file: "synthetic".into(),
            build_id: Some(format!("seed {}", plan.seed)),
        }],
        cpu_method: method(),
        cpu_split_method: method(),
        memory_method: method(),
        ..of_this_host()
    };
    let writer = RecordingWriter::new(directory, provenance, Limits::default())?;
    let infos = OPERATIONS.map(|(name, operation_type)| OperationInfo {
        name: name.into(),
        operation_type,
    });
    let (sender, receiver) = bounded(16);
    let writing = {
        let infos = infos.clone();
        let flush = std::time::Duration::from_secs(1);
        thread::spawn(move || write::run(writer, &infos, &receiver, flush, &SystemClock))
    };
    for message in messages(plan, now, &infos) {
        if sender.send(message).is_err() {
            break;
        }
    }
    drop(sender);
    let rows = writing
        .join()
        .map_err(|_| anyhow::anyhow!("the writing thread panicked"))??;
    say(format_args!(
        "sealed {} made-up rows of operation_log into {}",
        rows.operation_log,
        plan.output.display()
    ));
    Ok(())
}

/// Everything that the recording holds, in order of time, ending in the whole second before `now`.
fn messages<'a>(
    plan: &'a SyntheticPlan,
    now: ClockPair,
    infos: &[OperationInfo],
) -> impl Iterator<Item = Message> + use<'a> {
    let mut synthetic = Synthetic::new(plan.seed, plan.degraded);
    let mut ledger = Ledger::new(infos.to_vec());
    let last = now.boot_ns / SECOND_NS;
    let first = last.saturating_sub(plan.seconds);
    let at_ns = move |second: u64| now.utc_of(second * SECOND_NS);
    let annotate = move |second, kind| {
        let text = format!("synthetic, seed {}", plan.seed);
        Message::Annotation(Annotation {
            at_ns: at_ns(second),
            until_ns: None,
            kind,
            text,
        })
    };
    let body = (first..last).flat_map(move |second| {
        let events = synthetic.second(second * SECOND_NS, SECOND_NS);
        let mut counted = [CounterValues::default(); OPERATIONS.len()];
        for event in &events {
            let values = &mut counted[usize::from(event.operation)];
            values.begun += 1;
            values.finished += 1;
            values.recorded += 1;
            values.failures += u64::from(event.flags & flags::SUCCESS == 0);
            values.duration_sum_ns += event.duration_ns;
            values.cpu_sum_ns += event.cpu_ns;
        }
        let rows = (0..OPERATIONS.len() as u32).map(|operation| {
            ledger.book(
                operation,
                second,
                at_ns(second),
                counted[operation as usize],
            )
        });
        [
            Message::Metrics(rows.collect()),
            Message::Events {
                events,
                now,
                late: 0,
                ring_bytes: 0,
            },
        ]
    });
    std::iter::once(annotate(first, AnnotationKind::RecordingStarted))
        .chain(body)
        .chain(std::iter::once(annotate(
            last,
            AnnotationKind::RecordingStopped,
        )))
}
