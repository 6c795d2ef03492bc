//! The recorder's memory stays within its bound while files are sealed.

use std::fs;

use soakbox_schemas::recording::encoding::ROW_GROUP_ROWS;

use crate::support::attacher;
use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::Recorder;
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

/// A line of a file of a process in /proc, KiB.
fn kib(pid: u32, file: &str, name: &str) -> i64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}
