//! Writes a synthetic recording by the same collector, samplers and files as a real one, in
//! simulated time. Its footers state that it is synthetic.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use soakbox_schemas::recording::{ObservedFile, Provenance};
use soakbox_schemas::tables::{AnnotationKind, OperationInfo, OperationLogBuilder, Table};

use super::collect::{CollectError, Collector};
use super::event::Event;
use super::outbox::Outbox;
use super::report::Report;
use super::sampling::Sampling;
use super::write::{WriteSettings, WriterThread};
use crate::clock::{Clock, ClockPair, ManualClock};
use crate::message;
use crate::plan::{Room, SegmentLimits, SyntheticPlan};
use crate::sample::{Processes, Sampler, samplers};
use crate::segment::{RecorderDirectory, RecordingWriter, of_host};
use crate::source::synthetic::{OPERATIONS, SECOND_NS, SyntheticSource};

const QUEUE_BATCHES: usize = 16;
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// In simulated time. Nobody waits for a row, so batches may fill up.
const HOLD: Duration = Duration::from_secs(600);

/// Writes the synthetic recording. It ends in the whole second before the time of `clock`;
/// `further` samplers are asked in addition to the recorder's own.
///
/// # Errors
/// Where it would begin before 1970, or the directory cannot be written.
pub fn synthesize(
    plan: &SyntheticPlan,
    clock: &dyn Clock,
    further: Vec<Box<dyn Sampler>>,
) -> Result<()> {
    let span = Span::ending(clock.now(), plan.seconds)?;
    let infos = OPERATIONS.map(|(name, operation_type)| OperationInfo {
        name: name.into(),
        operation_type,
    });
    let directory = RecorderDirectory::create(&plan.output, span.end.utc_ns)?;
    let writer = RecordingWriter::new(directory, provenance(plan), SegmentLimits::default())?;
    let mut samplers = samplers(
        infos.to_vec(),
        Vec::new(),
        None,
        writer.activity(),
        Arc::new(Processes::open(None)),
    );
    samplers.extend(further);

    let clock = Arc::new(ManualClock::new(span.start));
    let source = SyntheticSource::new(
        plan.seed,
        plan.degraded,
        span.start.boot_ns / SECOND_NS,
        clock.clone(),
    );
    let (outbox, receiver) = Outbox::new(QUEUE_BATCHES);
    let ended = Arc::new(Event::new()?);
    let (writing, gate) = WriterThread::start(
        writer,
        receiver,
        WriteSettings {
            flush_interval: FLUSH_INTERVAL,
            room: Room::default(),
            last: None,
        },
        clock.clone(),
        &ended,
        Arc::default(),
    )?;
    gate.open();
    let mut collector = Collector::new(
        Box::new(source),
        OperationLogBuilder::new(&infos),
        SECOND_NS,
        HOLD,
        outbox.clone(),
        clock.clone(),
    );
    let report = Report::new(infos.to_vec(), plan.output.clone(), 0);
    let mut sampling = Sampling::new(samplers, outbox, report);
    let made = make(plan, &span, &clock, &mut collector, &mut sampling);
    drop((collector, sampling));
    let rows = writing.finish()?;
    made?;
    message::line(format_args!(
        "sealed {} synthetic rows of operation_log into {}",
        rows.get(&Table::OPERATION_LOG).unwrap_or(&0),
        plan.output.display()
    ));
    Ok(())
}

fn provenance(plan: &SyntheticPlan) -> Provenance {
    let method = || Some("made up".to_owned());
    Provenance {
        interval_ns: SECOND_NS,
        observed: vec![ObservedFile {
            path: "synthetic".into(),
            file: "synthetic".into(),
            build_id: Some(format!("seed {}", plan.seed)),
        }],
        cpu_method: method(),
        cpu_split_method: method(),
        memory_method: method(),
        ..of_host(&plan.host)
    }
}

fn make(
    plan: &SyntheticPlan,
    span: &Span,
    clock: &ManualClock,
    collector: &mut Collector,
    sampling: &mut Sampling,
) -> Result<()> {
    let text = format!("synthetic, seed {}", plan.seed);
    sampling.annotate(span.start, AnnotationKind::RecordingStarted, text.clone())?;
    for second in 0..plan.seconds {
        // Advances to the last moment of each second.
        clock.advance(if second == 0 {
            SECOND_NS - 1
        } else {
            SECOND_NS
        });
        let is_last = second + 1 == plan.seconds;
        match collector.drain(is_last) {
            // The writing thread's result tells why.
            Err(CollectError::WriterGone) => return Ok(()),
            drained => drained?,
        }
        if let Some(tick) = collector.tick() {
            sampling.tick(tick)?;
        }
    }
    if plan.seconds > 0 {
        sampling.tick(collector.last_tick())?;
    }
    sampling.annotate(span.end, AnnotationKind::RecordingStopped, text)
}

/// The time span of a synthetic recording, in whole seconds of its boot clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: ClockPair,
    end: ClockPair,
}

impl Span {
    /// The `seconds` before `now`. Where the host was booted after they begin, the boot clock is
    /// simulated as well.
    fn ending(now: ClockPair, seconds: u64) -> Result<Self> {
        let since_boot = now.boot_ns / SECOND_NS;
        let end_utc_ns = now.utc_of(since_boot * SECOND_NS);
        let most = end_utc_ns / SECOND_NS as i64;
        let length_ns = i64::try_from(seconds)
            .ok()
            .filter(|&seconds| seconds <= most)
            .map(|seconds| seconds * SECOND_NS as i64);
        let Some(length_ns) = length_ns else {
            bail!(
                "--seconds is {seconds}; hint: at most {}, for a recording that begins in 1970",
                most.max(0)
            );
        };
        let end = ClockPair {
            boot_ns: since_boot.max(seconds) * SECOND_NS,
            utc_ns: end_utc_ns,
        };
        let start = ClockPair {
            boot_ns: end.boot_ns - length_ns.unsigned_abs(),
            utc_ns: end.utc_ns - length_ns,
        };
        Ok(Self { start, end })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    const NOW_UTC: i64 = 1_700_000_000 * SECOND_NS as i64;

    fn booted(seconds_ago: u64) -> ClockPair {
        ClockPair {
            boot_ns: seconds_ago * SECOND_NS + 250,
            utc_ns: NOW_UTC + 250,
        }
    }

    #[test]
    fn a_span_has_its_length_and_ends_now_however_young_the_host_is() {
        for seconds in [0, 1, 60, 20_000, 1_000_000_000] {
            for boot in [0, 3, 59, 60, 61, 1_000_000] {
                let span = Span::ending(booted(boot), seconds).unwrap();
                assert_eq!(span.end.boot_ns - span.start.boot_ns, seconds * SECOND_NS);
                assert_eq!(span.end.offset_ns(), span.start.offset_ns());
                assert_eq!(span.end.utc_ns, NOW_UTC);
                if boot >= seconds {
                    assert_eq!(
                        span.end.boot_ns,
                        boot * SECOND_NS,
                        "the host's own boot clock"
                    );
                }
            }
        }
    }

    #[test]
    fn a_begin_before_1970_is_refused_with_the_bound() {
        assert!(Span::ending(booted(5), 1_700_000_000).is_ok());
        for seconds in [1_700_000_001, u64::MAX / 2, u64::MAX] {
            let refused = Span::ending(booted(5), seconds).unwrap_err().to_string();
            assert!(refused.contains("at most 1700000000"), "{refused}");
        }
        let before_1970 = ClockPair {
            boot_ns: 0,
            utc_ns: -5,
        };
        assert!(Span::ending(before_1970, 1).is_err());
    }
}
