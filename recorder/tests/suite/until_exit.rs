//! `--until-exit` records until no observed process runs: through restarts, with several programs,
//! and with a command that ends before its descendants.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{Recorder, program, refused};
use crate::support::recording::Recording;
use crate::support::targets::{self, Endless};

/// A recorder that does not see the end stops after this long, without the message of the end.
const TOO_LONG: &str = "--duration=10m";
const CALLS: [&str; 4] = ["calls", "50", "1", "0"];

fn op(name: &str, program: &Path) -> String {
    format!("{name}=uprobe:{}:op", program.display())
}

fn utc_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Waits for the end of a recorder that must end because nothing has run for `patience`. The last
/// process ended after `running_ns`.
fn ended_by_itself(recorder: Recorder, root: &Path, patience: Duration, running_ns: i64) {
    let stderr = recorder.wait().check().stderr;
    assert!(
        stderr.contains("no process runs the observed files any more"),
        "{stderr}"
    );
    let recording = Recording::open(root);
    let kinds = recording.words("annotations", "kind");
    let times = recording.times("annotations", "at");
    let time_of = |kind: &str| {
        let at = kinds.iter().position(|found| found == kind);
        times[at.unwrap_or_else(|| panic!("no {kind}: {stderr}"))]
    };
    // The target's end is when it ended, not when that was certain; UTC may be slewed meanwhile.
    const SLEWED_NS: i64 = 10_000_000;
    let (exited, stopped) = (time_of("target_exited"), time_of("recording_stopped"));
    assert!(
        running_ns <= exited + SLEWED_NS && stopped - exited >= patience.as_nanos() as i64,
        "{running_ns} {exited} {stopped}"
    );
}

#[test]
fn it_ends_when_the_last_process_of_several_programs_has_ended() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let other_place = Place::new();
    let [first, other] = [&place.program, &other_place.program];
    let running = targets::start_waiting(first, &CALLS);
    let last = targets::start_waiting(other, &CALLS);
    let root = place.path("recording");
    let ops = [op("op", first), op("other", other)];
    let arguments = [
        "--op",
        &ops[0],
        "--op",
        &ops[1],
        "--until-exit=200ms",
        TOO_LONG,
    ];
    let recorder = Recorder::start(&root, &arguments);
    assert!(running.go().status.success());
    // Far longer than the 200 ms: the other program still runs.
    std::thread::sleep(Duration::from_secs(2));
    let running_ns = utc_ns();
    assert!(last.go().status.success());
    ended_by_itself(recorder, &root, Duration::from_millis(200), running_ns);
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("op").finished, 50);
    assert_eq!(recording.checked("other").finished, 50);
}

#[test]
fn it_goes_on_through_a_restart_within_the_time_and_ends_after_it() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let root = place.path("recording");
    let first = targets::start_waiting(&place.program, &CALLS);
    let op = op("op", &place.program);
    let arguments = ["--op", &op, "--until-exit=6s", TOO_LONG];
    let recorder = Recorder::start(&root, &arguments);
    assert!(first.go().status.success());
    std::thread::sleep(Duration::from_millis(1500));
    let second = targets::start_waiting(&place.program, &CALLS);
    // The first end is longer ago than the time by then.
    std::thread::sleep(Duration::from_secs(6));
    // From before the end: the recorder may see that earlier than this thread.
    let (ended, running_ns) = (Instant::now(), utc_ns());
    assert!(second.go().status.success());
    let patience = Duration::from_secs(6);
    ended_by_itself(recorder, &root, patience, running_ns);
    let waited = ended.elapsed();
    assert!(waited >= patience, "{waited:?}");
    assert_eq!(Recording::open(&root).checked("op").finished, 100);
}

#[test]
fn a_process_whose_main_thread_has_ended_still_runs() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("exec.c");
    let root = place.path("recording");
    const CALLS: i64 = 700_000;
    let target = targets::start_waiting(&place.program, &["leader", &CALLS.to_string()]);
    let op = op("op", &place.program);
    let arguments = ["--op", &op, "--until-exit=20ms", TOO_LONG];
    let recorder = Recorder::start(&root, &arguments);
    let running_ns = utc_ns();
    let counts = target.go().counts();
    ended_by_itself(recorder, &root, Duration::from_millis(20), running_ns);
    let totals = Recording::open(&root).checked("op");
    assert_eq!(
        (totals.begun, totals.finished),
        (counts.begun, counts.finished)
    );
    assert!(totals.finished >= 2 * CALLS, "{totals:?}");
}

fn refused_record(root: &Path, arguments: &[&str]) -> String {
    let root = root.display().to_string();
    refused(&[&["record", "-o", &root][..], arguments].concat())
}

#[test]
fn without_a_running_process_it_is_refused_and_leaves_nothing() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let root = place.path("recording");
    let op = op("op", &place.program);
    let error = refused_record(&root, &["--op", &op, "--until-exit"]);
    let path = place.program.display().to_string();
    assert!(
        error.contains(&format!("no process runs {path}")),
        "{error}"
    );
    assert!(!root.join("segments").exists() && !root.join("journal").exists());
    let error = refused_record(&root, &["--op", &op, "--until-exit=0s"]);
    assert!(error.contains("from 1ms"), "{error}");
}

#[test]
fn a_command_that_ends_before_its_descendants_is_recorded_to_their_end() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let root = place.path("recording");
    // The target is an orphan when it does its work, as a daemon's worker is.
    let target = place.program.display();
    let script = format!("(sleep 2; exec {target} calls 50 1 0 >/dev/null) & exit 3");
    let mut command = program();
    command.args(["record", "-o"]).arg(&root);
    command.args(["--op", &op("op", &place.program), "--until-exit", TOO_LONG]);
    command
        .args(["--", "sh", "-c", &script])
        .stderr(Stdio::piped());
    let started = Instant::now();
    let stderr = Recorder::spawn(command).wait().check().stderr;
    let lasted = started.elapsed();
    assert!(
        lasted >= Duration::from_secs(2) && lasted < Duration::from_secs(500),
        "{lasted:?}"
    );
    assert!(
        stderr.contains("recording until its descendants have ended"),
        "{stderr}"
    );
    assert!(
        stderr.contains("the command ended with exit status 3"),
        "{stderr}"
    );
    assert_eq!(
        Recording::open(&root).checked("op").finished,
        50,
        "{stderr}"
    );
}

#[test]
fn a_signal_and_the_duration_still_end_it() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let mut endless = Endless::start(
        Path::new(&place.program),
        &["calls", "1000000000", "1", "0"],
    );
    let op = op("op", &place.program);
    for (name, duration) in [("signal", None), ("duration", Some("--for=1s"))] {
        let root = place.path(name);
        let arguments: Vec<&str> = ["--op", &op, "--until-exit"]
            .into_iter()
            .chain(duration)
            .collect();
        let recorder = Recorder::start(&root, &arguments);
        match duration {
            None => recorder.stop().check(),
            Some(_) => recorder.wait().check(),
        };
        assert!(endless.is_running());
        Recording::open(&root).checked("op");
    }
}
