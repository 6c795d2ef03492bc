//! The recorder's memory stays within its bound while files are sealed, and does not grow.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use soakbox_schemas::recording::encoding::ROW_GROUP_ROWS;

use crate::support::attacher;
use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{Recorder, program};
use crate::support::recording::Recording;
use crate::support::targets;

/// The most that all of the recorder's memory may be, with default settings.
pub(crate) const MOST_BYTES: i64 = 64 << 20;

#[test]
fn the_memory_is_within_its_bound_while_large_files_are_sealed() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let (root, probe) = (place.root(), place.probe());
    // Files of more than one row group, which are those that a seal needs most for.
    let rows = (ROW_GROUP_ROWS * 3 / 2).to_string();
    let recorder = Recorder::start(&root, &["--op", &probe, "--rotate-rows", &rows]);
    let calls = targets::run(&place.program, &["rate", "1200000", "100000"]);
    assert!(calls.status.success(), "{calls:?}");
    let started = std::time::Instant::now();
    let recording = Recording::open(&root);
    while recording.files("operation_log").len() < 2 && started.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let recorder_kib = kib(recorder.pid(), "status", "VmHWM:");
    // What it shares with the recorder is in the recorder's own peak.
    let attacher = attacher::of(recorder.pid());
    let attacher_kib = kib(attacher, "smaps_rollup", "Private_Dirty:")
        + kib(attacher, "smaps_rollup", "Private_Clean:");
    let peak = recorder_kib + attacher_kib;
    recorder.stop().check();
    assert!(recording.files("operation_log").len() > 2);
    eprintln!("peak memory: {recorder_kib} KiB, and {attacher_kib} KiB of the attaching process");
    assert!(peak << 10 <= MOST_BYTES, "{peak} KiB");
}

/// The same files, faster than time: 50 minutes, in which each table is sealed at least four times.
#[test]
fn the_memory_does_not_grow_from_one_file_to_the_next() {
    /// What the allocator may keep more of at one moment than at another, KiB.
    const SLACK: i64 = 4 << 10;
    let place = tempfile::tempdir().unwrap();
    let mut replay = program();
    replay.args(["replay", "--synthetic", "1", "--seconds", "3000", "-o"]);
    replay
        .arg(place.path().join("recording"))
        .stderr(Stdio::null());
    let mut child = replay.spawn().unwrap();
    // The most so far, as the kernel has it: no peak is between two samples.
    let mut samples = Vec::new();
    while child.try_wait().unwrap().is_none() {
        samples.extend(try_kib(child.id(), "status", "VmHWM:"));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(child.wait().unwrap().success());
    let (early, late) = (samples[samples.len() / 2], samples[samples.len() - 1]);
    eprintln!("peak memory of a replay: {early} KiB, and later {late} KiB");
    assert!(late <= early + SLACK, "{early} KiB, {late} KiB");
    assert!(late << 10 <= MOST_BYTES, "{late} KiB");
}

/// A line of a file of a process in /proc, KiB.
fn kib(pid: u32, file: &str, name: &str) -> i64 {
    try_kib(pid, file, name).unwrap()
}

/// `None` where the process has ended.
fn try_kib(pid: u32, file: &str, name: &str) -> Option<i64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
