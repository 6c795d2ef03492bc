//! Old segments are deleted by age and by size, the oldest first, and leave their trace. Journals,
//! annotations and the segments of other recorders that still run stay.

use std::path::Path;
use std::time::{Duration, Instant};

use soakbox_recorder::clock::{Clock, ManualClock};
use soakbox_recorder::plan::{Keep, KeepTable, SegmentLimits};
use soakbox_recorder::segment::{RecorderDirectory, RecordingWriter, SegmentError, recover};
use soakbox_schemas::recording::{Contents, Deletions, RETENTION_FILE};
use soakbox_schemas::tables::Table;

use crate::segment_support::{NOON, clock_at_noon, counters, operations, provenance, rows_of};
use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::targets;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

fn writer(root: &Path, clock: &ManualClock, keep: Keep) -> RecordingWriter {
    let directory = RecorderDirectory::create(root, clock.now().utc_ns).unwrap();
    RecordingWriter::keeping(directory, provenance(), SegmentLimits::default(), keep).unwrap()
}

fn for_minutes(minutes: u64) -> Keep {
    Keep {
        for_ns: Some(minutes * MINUTE),
        ..Keep::default()
    }
}

/// Rows of each table with counters from `from` on, a minute apart.
fn minutes(writer: &mut RecordingWriter, clock: &ManualClock, from: u64, number: u64) {
    for counter in from..from + number {
        let now = clock.now();
        for table in Table::ALL {
            let rows = rows_of(table, counter..counter + 1, now);
            writer.append(table, &rows, now).unwrap();
        }
        writer.tick(now).unwrap();
        clock.advance(MINUTE);
    }
}

/// Ticks until the condition holds: the sealing thread needs a moment.
fn wait_until(
    writer: &mut RecordingWriter,
    clock: &ManualClock,
    is_so: impl Fn() -> bool,
) -> Result<(), SegmentError> {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20));
        clock.advance(MINUTE);
        writer.tick(clock.now())?;
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn segments(root: &Path, table: Table) -> usize {
    let segments = Contents::list(root).unwrap().segments.into_iter();
    segments.filter(|file| file.table == table).count()
}

#[test]
fn rows_older_than_the_limit_are_deleted_by_table_and_annotations_never() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let own = KeepTable {
        for_ns: Some(10_000 * MINUTE),
        bytes: None,
    };
    let keep = Keep {
        tables: [(Table::OPERATION_METRICS, own)].into(),
        ..for_minutes(30)
    };
    let mut writer = writer(root.path(), &clock, keep);
    minutes(&mut writer, &clock, 0, 65);
    let left = || counters(root.path());
    // Rows of 12:00 to 12:29 are in three files. Waiting takes time, so that more may be due.
    let is_done = || !left().is_empty() && left()[0] >= 30;
    wait_until(&mut writer, &clock, is_done).unwrap();
    // Until now the sealing thread may have been deleting further files.
    writer.finish().unwrap();
    let first = left()[0];
    assert_eq!(first % 10, 0, "whole files: {first}");
    // None of these is deleted, and waiting may have sealed more.
    for table in [Table::OPERATION_METRICS, Table::ANNOTATIONS] {
        let number = segments(root.path(), table);
        assert!(number >= 6, "{table:?}: {number}");
    }
    let deletions = Deletions::read(root.path()).unwrap();
    let tables = deletions.by_table();
    assert_eq!(
        Vec::from_iter(tables.keys()),
        [&"operation_log", &"recorder_health"]
    );
    let log = tables["operation_log"];
    assert_eq!(log.rows, first.unsigned_abs());
    assert_eq!(log.files, first.unsigned_abs() / 10);
    assert_eq!(log.from_ns, NOON);
    assert_eq!(log.until_ns, NOON + (first - 1) * MINUTE as i64);
    assert!(log.bytes > 0);
}

#[test]
fn the_oldest_files_go_until_all_fit() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut unlimited = writer(root.path(), &clock, Keep::default());
    minutes(&mut unlimited, &clock, 0, 60);
    unlimited.finish().unwrap();
    let bytes = || -> u64 {
        let segments = Contents::list(root.path()).unwrap().segments.into_iter();
        segments.map(|file| file.bytes).sum()
    };
    let before = bytes();
    let keep = Keep {
        bytes: Some(before / 2),
        ..Keep::default()
    };
    // The files of a recorder that has ended are deleted, too.
    let mut limited = writer(root.path(), &clock, keep);
    wait_until(&mut limited, &clock, || bytes() <= before / 2).unwrap();
    let left = counters(root.path());
    assert!(!left.is_empty() && left.len() < 60);
    assert_eq!(left[left.len() - 1], 59, "the newest stay");
    assert!(bytes() > before / 2 - before / 6, "and no more than needed");
    drop(limited);
}

#[test]
fn segments_of_another_recorder_stay_until_it_has_ended_or_is_recovered() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut other = writer(root.path(), &clock, Keep::default());
    minutes(&mut other, &clock, 0, 25);
    let mut limited = writer(root.path(), &clock, for_minutes(1));
    minutes(&mut limited, &clock, 100, 45);
    let left = || counters(root.path());
    wait_until(&mut limited, &clock, || left() == Vec::from_iter(0..20)).unwrap();
    // Killed, and not recovered: still its own.
    drop(other);
    wait_until(&mut limited, &clock, || left() == Vec::from_iter(0..20)).unwrap();
    recover(root.path(), &clock).unwrap();
    wait_until(&mut limited, &clock, || left().is_empty()).unwrap();
    assert_eq!(Deletions::read(root.path()).unwrap().runs.len(), 2);
    limited.finish().unwrap();
}

#[test]
fn a_clock_that_jumps_ten_years_forward_deletes_nothing_for_an_hour() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut limited = writer(root.path(), &clock, for_minutes(60));
    minutes(&mut limited, &clock, 0, 31);
    clock.step_utc(10 * 365 * 86_400 * SECOND as i64);
    minutes(&mut limited, &clock, 31, 20);
    clock.step_utc(-10 * 365 * 86_400 * SECOND as i64);
    minutes(&mut limited, &clock, 51, 9);
    limited.finish().unwrap();
    assert_eq!(counters(root.path()), Vec::from_iter(0..60));
    assert!(!root.path().join(RETENTION_FILE).exists());
}

#[test]
fn nothing_is_deleted_where_it_cannot_be_counted() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    std::fs::write(root.path().join(RETENTION_FILE), "{\"schema\":").unwrap();
    let mut limited = writer(root.path(), &clock, for_minutes(1));
    for counter in 0..3 {
        let now = clock.now();
        let rows = operations(counter..counter + 1, now);
        limited.append(Table::OPERATION_LOG, &rows, now).unwrap();
        limited.rotate().unwrap();
        clock.advance(10 * MINUTE);
    }
    let refused = wait_until(&mut limited, &clock, || false).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains(RETENTION_FILE) && refused.contains("cannot read"),
        "{refused}"
    );
    limited.finish().unwrap();
    assert_eq!(counters(root.path()), [0, 1, 2]);
}

#[test]
fn a_recorder_keeps_what_it_was_asked_to_keep() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let (root, probe) = (place.root(), place.probe());
    let flags = ["--op", &probe, "--rotate-after", "1s", "--keep-for", "3s"];
    let own = [
        "--keep",
        "operation_metrics=1day",
        "--flush-interval",
        "100ms",
    ];
    let recorder = Recorder::start(&root, &[&flags[..], &own].concat());
    for _ in 0..8 {
        let calls = targets::run(&place.program, &["calls", "50", "1", "0"]);
        assert!(calls.status.success());
        std::thread::sleep(Duration::from_secs(1));
    }
    let ended = recorder.stop().check();
    let recording = Recording::open(&root);
    let rows = recording.rows("operation_log") as u64;
    let deletions = Deletions::read(&root).unwrap();
    let deleted = deletions.by_table()["operation_log"];
    assert!(deleted.rows >= 50 && rows >= 50, "{deletions:?}");
    assert_eq!(rows + deleted.rows, 400, "{}", ended.stderr);
    let counted: i64 = recording
        .integers("operation_metrics", "recorded")
        .into_iter()
        .flatten()
        .sum();
    assert_eq!(counted, 400);
    let oldest = recording
        .times("operation_log", "finished_at")
        .into_iter()
        .min();
    assert!(oldest.unwrap() > deleted.until_ns);
}

#[test]
fn limits_that_cannot_be_meant_are_refused() {
    for flags in [
        ["--keep-for", "500ms"],
        ["--keep-bytes", "1000"],
        ["--keep-bytes", "50GB"],
        ["--keep", "annotations=1day"],
        ["--keep", "operation_log=often"],
    ] {
        let probe = ["--op", "op=uprobe:/bin/true:main"];
        let words = [&["record", "-o", "/nowhere/x"], &probe[..], &flags].concat();
        let line = recorder::refused(&words);
        assert!(line.contains(flags[0]) || line.contains("main"), "{line}");
    }
}
