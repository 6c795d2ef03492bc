//! A disk that becomes read-only while a recording is written to it: what was sealed and what was
//! durable stays, and the failure is reported.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::segment_support::*;
use crate::support::disk::Disk;
use crate::support::host;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::targets;
use soakbox_recorder::clock::{Clock, SystemClock};
use soakbox_recorder::plan::SegmentLimits;
use soakbox_recorder::segment::recover;
use soakbox_schemas::recording::Contents;
use soakbox_schemas::tables::Table;

fn sealed(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let segments = Contents::list(root).unwrap().segments.into_iter();
    let read = segments.map(|file| (fs::read(&file.path).unwrap(), file.path));
    read.map(|(bytes, path)| (path, bytes)).collect()
}

fn assert_kept(before: &BTreeMap<PathBuf, Vec<u8>>, root: &Path) {
    let after = sealed(root);
    let kept = before
        .iter()
        .all(|(path, bytes)| after.get(path) == Some(bytes));
    assert!(kept && !before.is_empty(), "{:?}", after.keys());
}

#[test]
fn what_was_flushed_survives_a_disk_that_becomes_read_only() {
    let Some(disk) = Disk::mount() else { return };
    let root = disk.path().join("recording");
    let mut writer = writer(&root, &SystemClock, SegmentLimits::default());
    let append = |writer: &mut soakbox_recorder::segment::RecordingWriter, first: u64| {
        let now = SystemClock.now();
        let rows = operations(first..first + 1_000, now);
        writer.append(Table::OPERATION_LOG, &rows, now)
    };
    append(&mut writer, 0).unwrap();
    writer.rotate().unwrap();
    while sealed(&root).is_empty() {
        std::thread::yield_now();
    }
    let before = sealed(&root);
    append(&mut writer, 1_000).unwrap();
    writer.flush().unwrap();
    disk.fail();
    let error = append(&mut writer, 2_000).unwrap_err();
    assert!(!error.is_disk_full());
    let text = error.to_string();
    assert!(text.contains("Read-only file system"), "{text}");
    assert!(
        text.contains("; hint: ") && text.lines().count() == 1,
        "{text}"
    );
    assert!(writer.finish().is_err());
    let error = recover(&root, &SystemClock).unwrap_err();
    assert!(error.to_string().contains("Read-only"), "{error}");
    disk.repair();
    let report = recover(&root, &SystemClock).unwrap();
    assert_eq!((report.rows_saved, report.gaps), (1_000, 1), "{report:?}");
    assert_kept(&before, &root);
    assert_eq!(counters(&root), (0..2_000).collect::<Vec<_>>());
}

#[test]
fn a_recorder_whose_disk_becomes_read_only_ends_with_the_reason() {
    if !host::allows_bpf() {
        return;
    }
    let Some(disk) = Disk::mount() else { return };
    let root = disk.path().join("recording");
    let programs = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), programs.path());
    let probe = format!("op=uprobe:{}:op", program.display());
    let calls = |number: &str| {
        let calls = targets::run(&program, &["calls", number, "1", "0"]);
        assert!(calls.status.success());
    };
    // It does not go on as with a full disk: nobody makes room here.
    let flags = [
        "--op",
        &probe,
        "--flush-interval",
        "200ms",
        "--rotate-after",
        "1s",
    ];
    let pause = ["--when-disk-full", "pause"];
    let recorder = Recorder::start(&root, &[&flags[..], &pause].concat());
    calls("3000");
    let started = std::time::Instant::now();
    while Recording::open(&root).rows("operation_log") < 3_000 {
        assert!(started.elapsed().as_secs() < 60, "they are not sealed");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let before = sealed(&root);
    disk.fail();
    calls("1000");
    let ended = recorder.wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("Read-only file system"),
        "{}",
        ended.stderr
    );
    disk.repair();
    recorder::json(&["recover", &root.display().to_string()]);
    assert_kept(&before, &root);
    let recording = Recording::open(&root);
    assert_eq!(recording.rows("operation_log"), 3_000);
    assert_eq!(recording.gap_causes(), ["crash"]);
}
