//! `--keep-last`: nothing is written until a trigger; then the time before it and after it is an
//! ordinary recording, complete in each interval, and the rest is a gap that is not called a loss.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{Recorder, refused, run};
use crate::support::recording::Recording;
use crate::support::targets::{self, Endless};
use crate::support::tmpfs::Tmpfs;

const GAP: &str = "not triggered";

fn start(place: &Place, probe: &str, flags: &[&str]) -> Recorder {
    Recorder::start(&place.root(), &[&["--op", probe], flags].concat())
}

fn seconds(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

/// The notes of triggers.
fn triggers(root: &Path) -> Vec<String> {
    let texts = Recording::open(root).words("annotations", "text");
    let notes = texts.into_iter();
    notes.filter(|text| text.starts_with("trigger ")).collect()
}

/// Bytes of all files.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// Bytes of all files once the start is written.
fn settled(directory: &Path) -> u64 {
    for _ in 0..20 {
        let before = size(directory);
        seconds(2);
        if size(directory) == before {
            return before;
        }
    }
    panic!("it is still written");
}

#[test]
fn without_a_trigger_nothing_is_written_and_its_time_is_a_gap() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = start(&place, &place.probe(), &["--keep-last", "1m"]);
    let before = settled(&place.root());
    let rate = targets::run(&place.program, &["rate", "60000", "20000"]);
    assert!(rate.status.success());
    seconds(1);
    // A file of annotations may be sealed meanwhile. The rows would take more than 500,000 bytes.
    let written = size(&place.root()).saturating_sub(before);
    assert!(written < 20_000, "{written} bytes of 60,000 operations");
    let stderr = recorder.stop().check().stderr;
    assert!(
        stderr.contains("op: 60000 finished, 60000 recorded"),
        "{stderr}"
    );
    assert!(stderr.contains("sealed 0 rows"), "{stderr}");
    let recording = Recording::open(&place.root());
    assert_eq!(
        recording.rows("operation_log") + recording.rows("operation_metrics"),
        0
    );
    assert_eq!(recording.gap_causes(), [GAP]);
    let kinds = recording.words("annotations", "kind");
    for kind in ["recording_started", "recording_stopped"] {
        assert!(kinds.iter().any(|found| found == kind), "{kinds:?}");
    }
}

#[test]
fn a_signal_has_what_was_before_it_and_after_it_written_and_sealed() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let root = place.root();
    // With the default, its file may end at a whole ten minutes of UTC.
    let flags = ["--keep-last", "2s", "--rotate-after", "1day"];
    let recorder = start(&place, &place.probe(), &flags);
    place.calls("50");
    seconds(7);
    place.calls("30");
    std::thread::sleep(Duration::from_millis(300));
    recorder.signal(libc::SIGUSR2);
    // Within the two seconds after it; a second trigger makes them longer.
    std::thread::sleep(Duration::from_millis(1_200));
    place.calls("20");
    recorder.signal(libc::SIGUSR2);
    // The span is over, and no late counts can come: the recorder seals it by itself.
    seconds(15);
    let sealed = Recording::open(&root).files("operation_log").len();
    assert_eq!(sealed, 1);
    assert!(size(&root.join("journal")) < 20_000);
    place.calls("40");
    seconds(3);
    recorder.stop().check();
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("op").finished, 50);
    assert_eq!(recording.gap_causes(), [GAP, GAP]);
    assert_eq!(triggers(&root), ["trigger signal", "trigger signal"]);
    // The trigger is inside what is observed.
    let gaps = recording.gaps();
    assert!(gaps[1].0 - gaps[0].0 > 9_000_000_000, "{gaps:?}");
}

#[test]
fn a_trigger_before_the_time_is_full_leaves_no_gap() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = start(&place, &place.probe(), &["--keep-last", "1m"]);
    place.calls("50");
    seconds(2);
    recorder.signal(libc::SIGUSR2);
    seconds(1);
    place.calls("20");
    recorder.stop().check();
    let recording = Recording::open(&place.root());
    assert_eq!(recording.checked("op").finished, 70);
    assert_eq!(recording.gap_causes(), [""; 0]);
}

#[test]
fn slow_operations_failures_and_stuck_operations_are_triggers() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let probe = format!("{},success=ret:i32>=0", place.probe());
    // Longer than a call that is preempted.
    let (slow, failures) = ("slow=op:1s", "failures=op:5%");
    let flags = [
        "--keep-last",
        "1m",
        "--trigger",
        slow,
        "--trigger",
        failures,
    ];
    let recorder = start(&place, &probe, &flags);
    place.calls("100");
    seconds(3);
    let failing = targets::run(&place.program, &["calls", "100", "1", "10"]);
    assert!(failing.status.success());
    seconds(2);
    assert!(
        targets::run(&place.program, &["spin", "3", "1100000000"])
            .status
            .success()
    );
    seconds(2);
    recorder.stop().check();
    let mut found = triggers(&place.root());
    // What is slow may end in two intervals.
    found.dedup();
    let expected = [failures, slow].map(|trigger| format!("trigger {trigger}"));
    assert_eq!(found, expected);
    Recording::open(&place.root()).checked("op");

    let place = Place::of("stuck.c");
    let flags = ["--keep-last", "1m", "--trigger", "stuck=2s"];
    let recorder = start(&place, &place.probe(), &flags);
    let mut command = Command::new(&place.program);
    command.args(["functions", "1"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    seconds(6);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    child.wait().unwrap();
    recorder.stop().check();
    assert_eq!(triggers(&place.root()), ["trigger stuck=2s"], "once");
}

#[test]
fn what_a_kill_takes_from_memory_is_not_read_as_observed() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = start(&place, &place.probe(), &["--keep-last", "1m"]);
    place.calls("50");
    seconds(4);
    recorder.kill();
    let root = place.root().display().to_string();
    let (status, _, stderr) = run(&["recover", &root]);
    assert!(status.success(), "{stderr}");
    let recording = Recording::open(&place.root());
    assert_eq!(recording.rows("operation_log"), 0);
    let started = recording
        .times("annotations", "at")
        .into_iter()
        .min()
        .unwrap();
    let gaps = recording.gaps();
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].0 - started < 2_000_000_000, "{gaps:?} {started}");
}

#[test]
fn after_a_span_a_kill_leaves_a_gap_that_begins_where_the_span_ended() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = start(&place, &place.probe(), &["--keep-last", "2s"]);
    let mut endless = Endless::start(&place.program, &["rate", "200000", "5000"]);
    seconds(5);
    recorder.signal(libc::SIGUSR2);
    // Two seconds after it the span is over; the recorder goes on in memory.
    seconds(7);
    assert!(endless.is_running());
    recorder.kill();
    let root = place.root().display().to_string();
    let (status, _, stderr) = run(&["recover", &root]);
    assert!(status.success(), "{stderr}");
    let recording = Recording::open(&place.root());
    assert_eq!(recording.gap_causes(), [GAP, "crash"]);
    let last = recording
        .times("operation_log", "finished_at")
        .into_iter()
        .max()
        .unwrap();
    let crash = recording.gaps()[1].0;
    // The last counts of the span are a second younger than its rows.
    assert!(
        (0..2_000_000_000).contains(&(crash - last)),
        "{crash} {last}"
    );
    assert_counts_of_intervals(&recording);
}

#[test]
fn a_disk_that_is_full_when_a_trigger_comes_loses_rows_as_it_would_lose_others() {
    if !host::allows_bpf() {
        return;
    }
    let Some(disk) = Tmpfs::mount("size=1m") else {
        return;
    };
    let place = Place::new();
    let root = disk.path().join("recording");
    let flags = [
        "--keep-last",
        "1m",
        "--when-disk-full",
        "pause",
        "--op",
        &place.probe(),
    ];
    let mut recorder = Recorder::start(&root, &flags);
    let rate = targets::run(&place.program, &["rate", "120000", "40000"]);
    assert!(rate.status.success());
    recorder.signal(libc::SIGUSR2);
    recorder.wait_for_line("the recording is paused");
    disk.remount("size=64m");
    recorder.wait_for_line("the recording goes on");
    let stderr = recorder.stop().check().stderr;
    let recording = Recording::open(&root);
    assert_eq!(recording.gap_causes(), ["disk full"], "{stderr}");
    let texts = recording.words("annotations", "text");
    let lost = texts.iter().filter_map(|text| {
        let (before, _) = text.split_once(" of operation_log")?;
        before.rsplit(' ').next()?.parse::<usize>().ok()
    });
    let lost: usize = lost.sum();
    let rows = recording.rows("operation_log");
    assert!(rows > 0 && rows + lost == 120_000, "{rows} {texts:?}");
}

/// Each interval by itself: what began in a gap is not all known.
fn assert_counts_of_intervals(recording: &Recording) {
    let counts = recording.intervals("op");
    let mut rows = std::collections::BTreeMap::<i64, i64>::new();
    for interval in recording.of("op", "interval").into_iter().flatten() {
        *rows.entry(interval).or_default() += 1;
    }
    assert!(rows.len() >= 2, "{rows:?}");
    for (interval, rows) in rows {
        assert_eq!(counts[&interval].recorded, rows, "{interval}");
    }
}

#[test]
fn memory_is_bounded_and_what_it_crowds_out_is_counted() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let flags = ["--keep-last", "10m", "--keep-last-bytes", "1MiB"];
    let recorder = start(&place, &place.probe(), &flags);
    let mut endless = Endless::start(&place.program, &["rate", "2000000", "20000"]);
    seconds(8);
    recorder.signal(libc::SIGUSR2);
    seconds(2);
    assert!(endless.is_running());
    recorder.stop().check();
    let found = triggers(&place.root());
    assert!(found[0].contains("--keep-last-bytes"), "{found:?}");
    let recording = Recording::open(&place.root());
    assert_eq!(recording.gap_causes(), [GAP]);
    assert_counts_of_intervals(&recording);
}

#[test]
fn triggers_that_cannot_be_are_refused() {
    let place = Place::new();
    let (root, probe) = (place.root().display().to_string(), place.probe());
    for (flags, reason) in [
        (&["--trigger", "stuck=1s"][..], "--keep-last"),
        (
            &["--keep-last", "1m", "--trigger", "slow=other:1s"],
            "the operations are op",
        ),
        (
            &["--keep-last", "1m", "--trigger", "slow=op"],
            "is no trigger",
        ),
        (&["--keep-last", "0"], "from 1s"),
    ] {
        let arguments = ["record", "-o", &root, "--op", &probe];
        let line = refused(&[&arguments[..], flags].concat());
        assert!(line.contains(reason), "{line}");
    }
}
