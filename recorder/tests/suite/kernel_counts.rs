//! Every call of a function in the observed processes is recorded exactly once, and no call in
//! other processes: the counts are compared with the target's own counter.

use std::collections::BTreeMap;

use crate::support::counting::{self, assert_counts, probe, record};
use crate::support::place::Place;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets::Endless;
use crate::support::{host, recorder, targets};

#[test]
fn a_function_is_recorded_exactly_once_through_threads_recursion_and_forks() {
    if !host::allows_bpf() {
        return;
    }
    let number = 80_000 + host::seed() % 40_000;
    let program = targets::build("ops.c", &[]);
    let (counts, recording, _directory) = record(
        &program,
        "uprobe",
        &["mix", &number.to_string(), "4", "5", "7"],
    );
    let totals = recording.checked("op");
    assert_eq!(totals.lost, 0);
    assert!(counts.finished >= number as i64 && counts.failures > 0 && counts.unmatched > 0);
    assert_counts(&counts, &totals, &recording);
}

/// Levels of one thread that the BPF programs follow.
const FOLLOWED: i64 = 64;

#[test]
fn two_hundred_levels_deep_the_levels_that_are_not_followed_are_counted() {
    if !host::allows_bpf() {
        return;
    }
    for (source, kind) in [("ops.c", "uprobe"), ("ops_marker.c", "marker")] {
        let program = targets::build(source, &["-O0"]);
        let (counts, recording, _directory) =
            record(&program, kind, &["recurse", "40", "200", "3"]);
        let totals = recording.checked("op");
        assert_eq!(counts.finished, 8_000);
        assert_counts(&counts, &totals, &recording);
        let deeper = 200 - FOLLOWED;
        assert_eq!(
            (totals.lost, totals.lost_too_deep),
            (40 * deeper, 40 * deeper),
            "{source}"
        );
    }
}

#[test]
fn processes_from_before_the_attach_and_after_it_are_recorded() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let root = directory.path().join("recording");
    let number = 3_000 + host::seed() % 1_000;
    let calls = |number: u64| ["calls".into(), number.to_string(), "2".into(), "7".into()];
    let before = targets::start_waiting(&program, &calls(number));
    let recorder = Recorder::start(&root, &["--op", &probe("uprobe", &program)]);
    let after = targets::start_waiting(&program, &calls(number / 2));
    let pids = [before.pid(), after.pid()].map(i64::from);
    let outcomes = [before.go(), after.go()];
    recorder.stop().check();
    let recording = Recording::open(&root);
    let totals = recording.checked("op");
    let mut rows: BTreeMap<i64, i64> = BTreeMap::new();
    for pid in recording.of("op", "pid") {
        *rows.entry(pid.unwrap()).or_default() += 1;
    }
    let counts = outcomes.map(|outcome| outcome.counts());
    let finished = counts.each_ref().map(|counts| counts.finished);
    assert_eq!(finished, [number as i64, number as i64 / 2]);
    assert_eq!(rows, pids.into_iter().zip(finished).collect(), "{totals:?}");
    assert_eq!(
        totals.failures,
        counts.iter().map(|counts| counts.failures).sum::<i64>()
    );
    assert_eq!((totals.unmatched, totals.lost), (0, 0), "{totals:?}");
}

#[test]
fn the_process_of_a_pid_is_observed_and_others_are_not() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &["-O3"]), directory.path());
    let root = directory.path().join("recording");
    let chosen = targets::start_waiting(&program, &["calls", "3000", "2", "0"]);
    let other = targets::start_waiting(&program, &["calls", "500", "1", "0"]);
    let probe = probe("uprobe", &program);
    let recorder = Recorder::start(&root, &["--op", &probe, "--pid", &chosen.pid().to_string()]);
    let pid = i64::from(chosen.pid());
    let (first, second) = (chosen.go(), other.go());
    let ended = recorder.wait().check();
    assert!(first.status.success() && second.status.success());
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("op").finished, 3_000, "{}", ended.stderr);
    assert!(
        recording
            .of("op", "pid")
            .iter()
            .all(|&seen| seen == Some(pid))
    );
}

#[test]
fn a_command_is_followed_with_its_descendants_and_nothing_else() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let root = directory.path().join("recording");
    let waiting = targets::start_waiting(&program, &["calls", "700", "1", "0"]);
    let script = format!(
        "{0} calls 300 1 0 & wait; {0} calls 200 2 0; exit 3",
        program.display()
    );
    let probe = probe("uprobe", &program);
    let output = root.display().to_string();
    let (status, _, stderr) = recorder::run(&[
        "record", "-o", &output, "--op", &probe, "--", "sh", "-c", &script,
    ]);
    assert!(status.success(), "{stderr}");
    assert!(waiting.go().status.success());
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("op").finished, 500);
    let texts = recording.words("annotations", "text");
    assert!(
        texts.iter().any(|text| text == "exit status 3"),
        "{texts:?}"
    );
}

#[test]
fn processes_beyond_the_limit_are_reported_and_leave_a_gap() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let number = 200 + host::seed() % 100;
    // Two processes at once next to the shell, where only one of them can be followed; then one
    // alone.
    let script = format!(
        "{0} rate {number} 200 & {0} rate {number} 200 & wait; {0} calls 50 1 0",
        program.display()
    );
    let probe = probe("uprobe", &program);
    for (processes, finished, causes) in [
        ("2", number + 50, vec!["processes not followed"]),
        ("3", 2 * number + 50, vec![]),
    ] {
        let root = directory.path().join(processes);
        let output = root.display().to_string();
        let options = ["--op", &probe, "--processes", processes];
        let command = ["--", "sh", "-c", &script];
        let (status, _, stderr) =
            recorder::run(&[&["record", "-o", &output], &options[..], &command].concat());
        assert!(status.success(), "{stderr}");
        assert_eq!(
            stderr.contains("--processes above 2"),
            !causes.is_empty(),
            "{stderr}"
        );
        let recording = Recording::open(&root);
        assert_eq!(
            recording.checked("op").finished,
            finished as i64,
            "{stderr}"
        );
        assert_eq!(recording.gap_causes(), causes, "{stderr}");
    }
}

/// A frequent and a rare operation, of which nearly all events are lost: each interval of each of them
/// adds up, and all durations are in the histograms.
#[test]
fn where_nearly_all_events_are_lost_the_counts_of_each_operation_add_up() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("load.c");
    let ops =
        ["op", "rare"].map(|name| format!("{name}=uprobe:{}:{name}", place.program.display()));
    let flags = ["--ring-bytes", "4096", "--op", &ops[0], "--op", &ops[1]];
    let recorder = Recorder::start(&place.root(), &flags);
    // Nothing is drained meanwhile.
    recorder.signal(libc::SIGSTOP);
    let rate = (10_000 + host::seed() % 10_000).to_string();
    let counts = targets::run(&place.program, &[&rate, "1000", "1000", "2", "0"]).counts();
    recorder.signal(libc::SIGCONT);
    recorder.stop().check();
    let recording = Recording::open(&place.root());
    let (op, rare) = (recording.checked("op"), recording.checked("rare"));
    let expected = (counts.finished, counts.all["rare"]);
    assert_eq!((op.finished, rare.finished), expected, "{op:?} {rare:?}");
    assert!(op.lost > op.finished * 9 / 10, "{op:?}");
    for totals in [op, rare] {
        assert_eq!(totals.lost, totals.lost_ring_full, "{totals:?}");
    }
}

#[test]
fn a_millisecond_of_the_targets_clock_is_a_millisecond_in_the_recording() {
    if !host::allows_bpf() {
        return;
    }
    let program = targets::build("ops.c", &[]);
    for (source, kind) in [("ops.c", "uprobe"), ("ops_marker.c", "marker")] {
        let program = if source == "ops.c" {
            program.clone()
        } else {
            targets::build(source, &[])
        };
        let (_, recording, _directory) = record(&program, kind, &["spin", "400", "1000000"]);
        recording.checked("op");
        let mut durations: Vec<i64> = recording
            .of("op", "duration_ns")
            .into_iter()
            .flatten()
            .collect();
        durations.sort_unstable();
        // Of those that were not interrupted, which on a busy host may be less than half of them.
        let typical = durations[durations.len() / 10];
        assert!(
            (1_000_000..=1_020_000).contains(&typical),
            "{source}: {typical}"
        );
    }
}

#[test]
fn a_recording_that_stops_in_the_middle_abandons_and_loses_nothing() {
    if !host::allows_bpf() {
        return;
    }
    for (source, kind) in [
        ("ops.c", "uprobe"),
        ("plain.c", "uprobe"),
        ("ops_marker.c", "marker"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recording");
        let program = targets::own_copy(&targets::build(source, &[]), directory.path());
        let recorder = Recorder::start(&root, &["--op", &probe(kind, &program)]);
        let mut target = Endless::start(&program, &["calls", "2000000000000", "2", "0"]);
        std::thread::sleep(std::time::Duration::from_millis(1_300));
        let ended = recorder.stop().check();
        assert!(
            target.is_running(),
            "{source}: the target was to outlive the recording"
        );
        drop(target);
        let totals = Recording::open(&root).checked("op");
        assert!(totals.finished > 1_000, "{source}: {totals:?}");
        // Where the recorder waits for a CPU, two threads fill the ring within a part of a second.
        assert_eq!(
            (totals.abandoned, totals.lost - totals.lost_ring_full),
            (0, 0),
            "{source}: {totals:?} {}",
            ended.stderr
        );
        assert!((0..=2).contains(&totals.in_flight), "{source}: {totals:?}");
    }
}

#[test]
fn calls_left_without_a_return_do_not_keep_the_in_flight_map_full() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("leaks.cpp", &[]), directory.path());
    let probe = probe("uprobe", &program);
    let flags = ["--op", &probe, "--in-flight", "1000", counting::LARGE_RING];
    let recorder = Recorder::start(&root, &flags);
    let outcome = targets::run(&program, &["throws", "3000", "100000"]);
    recorder.stop().check();
    let (counts, totals) = (outcome.counts(), Recording::open(&root).checked("op"));
    assert_eq!(totals.begun, counts.begun, "{totals:?}");
    // A begin without room is lost, and counts as finished: if the call returns, its finish is
    // unmatched.
    assert_eq!(totals.lost, totals.lost_no_memory, "{totals:?}");
    assert_eq!(
        totals.recorded,
        counts.finished - totals.unmatched,
        "{totals:?}"
    );
    let lost_and_thrown = totals.lost - totals.unmatched;
    assert_eq!(
        totals.abandoned,
        counts.abandoned - lost_and_thrown,
        "{totals:?}"
    );
    assert!(
        lost_and_thrown > 0 && totals.abandoned >= 1_000,
        "the in-flight map was full: {totals:?}"
    );
    assert!(
        totals.recorded > counts.finished * 9 / 10,
        "good calls are followed again: {totals:?}"
    );
    assert_eq!(totals.in_flight, 0, "{totals:?}");
}
