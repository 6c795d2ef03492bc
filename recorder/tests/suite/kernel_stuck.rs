//! An operation that does not finish is seen at the end of each interval, with its age, wherever the
//! kernel side keeps it. The target gives the boot clock right before its begin and right after it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets::{self, Counts, own_copy};

const SECOND: i64 = 1_000_000_000;
/// Time after the end of an interval in which the recorder has looked at what is in flight, ns.
const LATEST_LOOK: i64 = 3 * SECOND;
/// Intervals in which an operation is in flight: in some of them it must be seen.
const INTERVALS: i64 = 5;
/// Nothing of what a thread can do in the longest of these tests is lost.
const LARGE_RING: &str = "--ring-bytes=134217728";

/// A target with operations in flight.
struct Stuck {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The boot clock before the begin of its first operation, and after it.
    begun: (i64, i64),
}

impl Stuck {
    fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let (before, inside) = line.trim().split_once(' ').unwrap();
        Self {
            child,
            stdout,
            begun: (before.parse().unwrap(), inside.parse().unwrap()),
        }
    }

    /// Lets it finish its operations, and end.
    fn go(mut self) -> Counts {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        Counts::read(&rest)
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn boot_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec * SECOND + now.tv_nsec
}

/// Waits until that many intervals have begun since now.
fn pass_intervals(number: i64) {
    let end_ns = (boot_ns() / SECOND + number) * SECOND;
    while boot_ns() < end_ns {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The ages of `op` while its oldest operation began in `begun` and was in flight from `since` on,
/// until `until`. It must be seen at the end of each interval, but for one around each change, and for
/// those that somebody looks at too late who waits for a CPU.
fn assert_ages(recording: &Recording, begun: (i64, i64), since: i64, until: i64) {
    let mut seen = 0;
    for (interval, age) in recording.ages("op") {
        let end_ns = (interval + 1) * SECOND;
        if end_ns < since.max(begun.1) || end_ns + LATEST_LOOK > until {
            continue;
        }
        let age = age.unwrap_or_else(|| panic!("not seen in {interval}"));
        let expected = end_ns - begun.1..=end_ns - begun.0;
        assert!(expected.contains(&age), "{age} {expected:?}");
        seen += 1;
    }
    assert!(seen > 0);
}

/// No age is larger than the longest operation that has finished: each in flight finished later.
fn assert_finished(recording: &Recording, operation: &str) {
    let durations = recording.of(operation, "duration_ns");
    let longest = durations.into_iter().max().unwrap();
    let oldest = recording.ages(operation).into_values().max().unwrap();
    assert!(oldest <= longest, "{oldest:?} {longest:?}");
}

fn probes(kind: &str, program: &Path) -> [String; 2] {
    ["op", "quick"].map(|name| format!("{name}={kind}:{}:{name}", program.display()))
}

#[test]
fn an_operation_that_does_not_finish_is_seen_with_its_age_at_each_end_of_an_interval() {
    if !host::allows_bpf() {
        return;
    }
    let threads = 1 + host::seed() % 5;
    let cases: [(&str, &[&str], &str, i64); 6] = [
        ("functions", &[], "uprobe", 1),
        ("deep", &["-O3"], "uprobe", 3),
        ("functions", &["-DSWITCHES"], "uprobe", 1),
        ("deep", &["-DSWITCHES", "-O0"], "uprobe", 3),
        ("markers", &[], "marker", 1),
        ("tokens", &[], "marker", 1),
    ];
    for (mode, flags, kind, depth) in cases {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recording");
        let program = own_copy(&targets::build("stuck.c", flags), directory.path());
        let [op, quick] = probes(kind, &program);
        let recorder = Recorder::start(&root, &["--op", &quick, "--op", &op, LARGE_RING]);
        pass_intervals(1);
        let stuck = Stuck::start(&program, &[mode, &threads.to_string()]);
        let begun = stuck.begun;
        pass_intervals(INTERVALS);
        let until = boot_ns();
        let counts = stuck.go();
        let ended = boot_ns();
        pass_intervals(1);
        recorder.stop().check();
        let recording = Recording::open(&root);
        assert_ages(&recording, begun, begun.1, until);
        for (interval, age) in recording.ages("op") {
            let is_in_flight = (begun.0..ended).contains(&((interval + 1) * SECOND));
            assert!(is_in_flight || age.is_none(), "{mode} {interval}: {age:?}");
        }
        let (op, quick) = (recording.checked("op"), recording.checked("quick"));
        assert_eq!((op.finished, op.lost), (counts.finished, 0), "{op:?}");
        assert_eq!(counts.finished, threads as i64 * depth);
        let expected = (counts.all["quick"], 0);
        assert_eq!((quick.finished, quick.lost), expected, "{mode} {flags:?}");
        assert_finished(&recording, "op");
        assert_finished(&recording, "quick");
    }
}

#[test]
fn a_goroutine_that_waits_for_ever_is_seen() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let built = targets::build_go("goroutines", &[], None);
    let program = own_copy(&built, directory.path());
    std::fs::remove_file(built).unwrap();
    let op = format!("op=go:{}:main.held", program.display());
    let recorder = Recorder::start(&root, &["--op", &op]);
    let stuck = Stuck::start(&program, &["stuck", "20", "0"]);
    let begun = stuck.begun;
    pass_intervals(INTERVALS);
    let until = boot_ns();
    assert_eq!(stuck.go().finished, 20);
    recorder.stop().check();
    let recording = Recording::open(&root);
    assert_ages(&recording, begun, begun.1, until);
    assert_eq!(recording.checked("op").finished, 20);
    assert_finished(&recording, "op");
}

#[test]
fn after_the_end_of_a_process_the_oldest_operation_is_that_of_another_one() {
    if !host::allows_bpf() {
        return;
    }
    for (mode, kind) in [("functions", "uprobe"), ("tokens", "marker")] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recording");
        let program = own_copy(&targets::build("stuck.c", &[]), directory.path());
        let [op, _] = probes(kind, &program);
        let recorder = Recorder::start(&root, &["--op", &op]);
        let older = Stuck::start(&program, &[mode, "2"]);
        let younger = Stuck::start(&program, &[mode, "3"]);
        let (first, second) = (older.begun, younger.begun);
        pass_intervals(INTERVALS);
        let killed = boot_ns();
        older.kill();
        let gone = boot_ns();
        pass_intervals(INTERVALS);
        // The operations of the other one are in flight at the end.
        let stopped = boot_ns();
        recorder.stop().check();
        younger.go();
        let recording = Recording::open(&root);
        assert_ages(&recording, first, first.1, killed);
        assert_ages(&recording, second, gone, stopped);
        let totals = recording.checked("op");
        assert_eq!((totals.begun, totals.abandoned), (5, 2), "{totals:?}");
        assert_eq!(totals.in_flight, 3);
        let (_, last) = recording.ages("op").pop_last().unwrap();
        let last = last.expect("in flight at the end");
        assert!(last >= stopped - second.1 && last <= boot_ns() - second.0);
    }
}
