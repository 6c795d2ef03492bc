//! Whatever the triggers, each interval is written as a whole or is in a gap.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::array::Array;
use arrow::datatypes::TimestampNanosecondType;
use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::event::OperationEvent;
use soakbox_schemas::tables::{OperationInfo, OperationLogBuilder, OperationMetrics};

use super::*;
use crate::random::SplitMix;

const SECOND: u64 = 1_000_000_000;
/// UTC is this far from the boot clock.
const UTC: i64 = 1_700_000_000_000_000_000;

fn at(boot_ns: u64) -> ClockPair {
    let utc_ns = UTC + boot_ns as i64;
    ClockPair { boot_ns, utc_ns }
}

fn settings(before: u64, after: u64, bytes: u64) -> KeepLast {
    KeepLast {
        before: Duration::from_secs(before),
        after: Duration::from_secs(after),
        bytes,
        triggers: Vec::new(),
    }
}

/// Operations that finished in these intervals.
fn operations(intervals: &[u64]) -> Rows {
    let info = OperationInfo {
        name: "op".into(),
        operation_type: 0,
    };
    let mut builder = OperationLogBuilder::new(&[info]);
    for interval in intervals {
        let event = OperationEvent {
            interval: *interval as u32,
            finished_boot_ns: interval * SECOND + 7,
            ..OperationEvent::default()
        };
        assert!(builder.push(&event, UTC));
    }
    Rows(Table::OPERATION_LOG, builder.finish().unwrap())
}

/// Counts of an interval.
fn counts(interval: u64, recorded: u64) -> Rows {
    let row = OperationMetrics {
        at_ns: UTC + (interval * SECOND) as i64,
        interval,
        operation: "op".into(),
        ..CounterValues {
            recorded,
            ..CounterValues::default()
        }
        .into()
    };
    Rows(
        Table::OPERATION_METRICS,
        OperationMetrics::batch(&[row]).unwrap(),
    )
}

/// What was written.
#[derive(Default)]
struct Written {
    rows: BTreeMap<u64, u64>,
    counted: BTreeMap<u64, u64>,
    /// In intervals, as far as whole ones are in them.
    gaps: Vec<Range<u64>>,
}

impl Written {
    fn add(&mut self, Rows(table, batch): &Rows) {
        let column = |name: &str| {
            let column = batch.column_by_name(name).unwrap();
            column.as_primitive::<Int64Type>().values().to_vec()
        };
        if *table == Table::ANNOTATIONS {
            let time = |name: &str| {
                let column = batch.column_by_name(name).unwrap();
                let times = column.as_primitive::<TimestampNanosecondType>();
                times.is_valid(0).then(|| (times.value(0) - UTC) as u64)
            };
            if let (Some(from), Some(until)) = (time("at"), time("until")) {
                self.gaps.push(from / SECOND..until.div_ceil(SECOND));
            }
            return;
        }
        for interval in column("interval") {
            *self.rows.entry(interval as u64).or_default() +=
                u64::from(*table == Table::OPERATION_LOG);
        }
        if *table == Table::OPERATION_METRICS {
            for (interval, recorded) in column("interval").into_iter().zip(column("recorded")) {
                *self.counted.entry(interval as u64).or_default() += recorded as u64;
            }
        }
    }

    fn is_in_gap(&self, interval: u64) -> bool {
        self.gaps.iter().any(|gap| gap.contains(&interval))
    }
}

fn below(random: &mut SplitMix, limit: u64) -> u64 {
    random.next_u64() % limit
}

fn drain(last: &mut LastRows, written: &mut Written) {
    while let Some((rows, _)) = last.next_due().unwrap() {
        written.add(&rows);
    }
}

/// Plays `seconds` with random rows and triggers; returns what was written, and the triggers.
fn play(random: &mut SplitMix, settings: &KeepLast, seconds: u64) -> (Written, Vec<u64>) {
    const FIRST: u64 = 5_000;
    let mut last = LastRows::new(settings, SECOND, at(FIRST * SECOND + SECOND / 3));
    let (mut written, mut triggers) = (Written::default(), Vec::new());
    let mut numbers: BTreeMap<u64, u64> = BTreeMap::new();
    for interval in FIRST..FIRST + seconds {
        let now = at(interval * SECOND + SECOND / 2);
        let put = |last: &mut LastRows, written: &mut Written, rows: Rows| {
            let now_written = last.take(rows, now).unwrap();
            drain(last, written);
            now_written.iter().for_each(|rows| written.add(rows));
        };
        // A batch has rows of this interval, and some of the one before.
        let (own, late) = (below(random, 40), below(random, 3));
        let before = interval.saturating_sub(1).max(FIRST);
        let of_batch = [vec![before; late as usize], vec![interval; own as usize]].concat();
        *numbers.entry(before).or_default() += late;
        *numbers.entry(interval).or_default() += own;
        if !of_batch.is_empty() {
            put(&mut last, &mut written, operations(&of_batch));
        }
        // The counts of an interval come two later, and the last of them eight later.
        for (delay, part) in [(2, false), (8, true)] {
            if interval >= FIRST + delay {
                let of = interval - delay;
                let all = numbers.get(&of).copied().unwrap_or_default();
                let counted = if part { all / 2 } else { all - all / 2 };
                put(&mut last, &mut written, counts(of, counted));
            }
        }
        if below(random, 60) == 0 {
            let annotations = last.trigger("test", now).unwrap();
            annotations.iter().for_each(|(rows, _)| written.add(rows));
            drain(&mut last, &mut written);
            triggers.push(interval);
        }
    }
    let end = at((FIRST + seconds) * SECOND - 1);
    let annotations = last.finish(end).unwrap();
    annotations.iter().for_each(|(rows, _)| written.add(rows));
    for interval in FIRST..FIRST + seconds - 9 {
        let rows = written.rows.get(&interval).copied().unwrap_or_default();
        let counted = written.counted.get(&interval).copied().unwrap_or_default();
        let expected = if written.is_in_gap(interval) {
            0
        } else {
            numbers[&interval]
        };
        assert_eq!(
            (rows, counted),
            (expected, expected),
            "{interval}: {triggers:?}"
        );
    }
    (written, triggers)
}

#[test]
fn each_interval_is_written_with_all_rows_and_counts_or_is_in_a_gap() {
    let mut random = SplitMix::new(u64::from(std::process::id()) ^ UTC as u64);
    let mut spans = 0;
    for _ in 0..40 {
        let before = 10 + below(&mut random, 40);
        let after = 1 + below(&mut random, 30);
        let seconds = 300;
        let (written, triggers) = play(&mut random, &settings(before, after, 1 << 30), seconds);
        for trigger in triggers {
            let first = trigger.saturating_sub(before).max(5_000);
            let end = (trigger + after).min(5_000 + seconds - 1);
            let all = (first..=end).all(|interval| !written.is_in_gap(interval));
            assert!(
                all,
                "trigger in {trigger}, {before} before and {after} after: {:?}",
                written.gaps
            );
            spans += 1;
        }
    }
    assert!(spans > 40, "{spans}");
}

#[test]
fn a_small_memory_keeps_the_latest_rows_and_the_note_tells() {
    let mut random = SplitMix::new(u64::from(std::process::id()));
    play(&mut random, &settings(50, 20, 20_000), 300);
    let mut last = LastRows::new(&settings(60, 60, 10_000), SECOND, at(0));
    let mut most = 0;
    for interval in 0..50 {
        let rows = operations(&[interval; 20]);
        assert!(last.take(rows, at(interval * SECOND)).unwrap().is_none());
        most = most.max(last.bytes);
    }
    assert!(most <= 10_000 && most > 5_000, "{most}");
    let annotations = last.trigger("slow=op:1s", at(50 * SECOND)).unwrap();
    let texts: Vec<String> = annotations
        .iter()
        .map(|(Rows(_, batch), _)| {
            let text = cast(batch.column_by_name("text").unwrap(), &DataType::Utf8).unwrap();
            text.as_string::<i32>().value(0).to_owned()
        })
        .collect();
    assert_eq!(texts[0], "not triggered");
    assert!(texts[1].starts_with("trigger slow=op:1s: ") && texts[1].contains("--keep-last-bytes"));
    let mut written = Written::default();
    drain(&mut last, &mut written);
    assert!(written.rows.keys().all(|interval| *interval > 10) && written.rows.contains_key(&49));
}

#[test]
fn annotations_wait_for_a_trigger_or_the_end_and_the_files_are_sealed_once() {
    let mut last = LastRows::new(&settings(10, 10, 1 << 20), SECOND, at(0));
    let note = |now| annotation(now, AnnotationKind::Note, "file replaced".to_owned()).unwrap();
    assert!(
        last.take(note(at(SECOND)), at(SECOND)).unwrap().is_some(),
        "the start"
    );
    let now = at(20 * SECOND);
    assert!(last.take(note(now), now).unwrap().is_none());
    assert!(!last.completes(at(99 * SECOND)), "nothing was written");
    assert_eq!(
        last.trigger("t", at(30 * SECOND)).unwrap().len(),
        3,
        "note, gap, trigger"
    );
    assert!(last.is_writing(at(40 * SECOND)) && !last.is_writing(at(41 * SECOND)));
    let completes = [49, 50, 51].map(|second| last.completes(at(second * SECOND)));
    assert_eq!(completes, [false, true, false]);
    assert!(
        last.take(note(at(60 * SECOND)), at(60 * SECOND))
            .unwrap()
            .is_none()
    );
    assert_eq!(
        last.finish(at(70 * SECOND)).unwrap().len(),
        2,
        "the note and the gap"
    );
}
