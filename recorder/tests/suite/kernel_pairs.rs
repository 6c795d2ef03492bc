//! Each finish is paired with its own begin: every row is compared with the log that the operation
//! itself wrote.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::host;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::targets;

const FUNCTION: &str = "uprobe";
const MARKER: &str = "marker";

/// The most by which a row's and a target's reading of one clock may differ, because the kernel
/// reads it without its lock.
const CLOCK_NS: i64 = 1_000;
/// The most by which UTC may differ: it is derived from the boot clock by pairs of readings between
/// which the machine may do other things.
const UTC_NS: i64 = 1_000_000;

/// One line of the log that an operation wrote; `pairs.cpp` defines when each time is read.
#[derive(Debug)]
struct Own {
    value: i64,
    parent: i64,
    thread: i64,
    before: i64,
    begun: i64,
    ended: i64,
    after: i64,
    utc_ended: i64,
    utc_after: i64,
}

fn read(log: &Path) -> Vec<Own> {
    let line = |line: &str| {
        let words: Vec<i64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let [
            value,
            parent,
            thread,
            before,
            begun,
            ended,
            after,
            utc_ended,
            utc_after,
        ] = words[..]
        else {
            panic!("{line}")
        };
        Own {
            value,
            parent,
            thread,
            before,
            begun,
            ended,
            after,
            utc_ended,
            utc_after,
        }
    };
    std::fs::read_to_string(log)
        .unwrap()
        .lines()
        .map(line)
        .collect()
}

#[derive(Clone, Copy, Debug)]
struct Row {
    pid: i64,
    tid: i64,
    operation_type: i64,
    duration_ns: i64,
    finished_at: i64,
}

/// Rows by their value; each value must be there once.
fn rows(recording: &Recording) -> BTreeMap<i64, Row> {
    let column = |name: &str| {
        let values = recording.integers("operation_log", name);
        values
            .into_iter()
            .map(|value| value.expect("not null"))
            .collect::<Vec<_>>()
    };
    let values = column("return_value");
    let (pids, tids) = (column("pid"), column("tid"));
    let (types, durations) = (column("operation_type"), column("duration_ns"));
    let finished = recording.times("operation_log", "finished_at");
    let row = |at: usize| Row {
        pid: pids[at],
        tid: tids[at],
        operation_type: types[at],
        duration_ns: durations[at],
        finished_at: finished[at],
    };
    let rows: BTreeMap<i64, Row> = (0..values.len()).map(|at| (values[at], row(at))).collect();
    assert_eq!(rows.len(), values.len(), "a value is there twice");
    rows
}

/// Runs a mode of `pairs.cpp` and compares each row with the log of its operation.
fn paired(kind: &str, flags: &[&str], mode: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let (root, log) = (
        directory.path().join("recording"),
        directory.path().join("log"),
    );
    let program = targets::own_copy(&targets::build("pairs.cpp", flags), directory.path());
    let probe = format!("op={kind}:{}:op,type=2", program.display());
    let target = targets::start_waiting(&program, &[&[log.to_str().unwrap()], mode].concat());
    let pid = i64::from(target.pid());
    let recorder = Recorder::start(&root, &["--op", &probe]);
    let outcome = target.go();
    recorder.stop().check();
    assert!(outcome.status.success(), "{outcome:?}");

    let recording = Recording::open(&root);
    let (counts, totals) = (outcome.counts(), recording.checked("op"));
    let case = format!("{kind} {flags:?} {mode:?}");
    assert_eq!(
        (totals.begun, totals.finished, totals.abandoned, totals.lost),
        (counts.begun, counts.finished, counts.abandoned, 0),
        "{case}"
    );
    let (own, rows) = (read(&log), rows(&recording));
    let values: Vec<i64> = own.iter().map(|own| own.value).collect();
    assert!(
        rows.keys().eq(&values),
        "{case}: rows of other operations than those that finished"
    );
    for own in &own {
        let row = rows[&own.value];
        let (shortest, longest) = (own.ended - own.begun, own.after - own.before);
        assert!(
            (shortest - CLOCK_NS..=longest + CLOCK_NS).contains(&row.duration_ns),
            "{case}: not its own begin: {shortest}..={longest} ns by its own clock, {row:?} {own:?}"
        );
        assert!(
            (own.utc_ended - UTC_NS..=own.utc_after + UTC_NS).contains(&row.finished_at),
            "{case}: {row:?} {own:?}"
        );
        assert_eq!(
            (row.pid, row.tid, row.operation_type),
            (pid, own.thread, 2),
            "{case}: {own:?}"
        );
        // The operation around it may have been abandoned.
        if let Some(outer) = rows.get(&own.parent) {
            assert!(
                outer.finished_at - outer.duration_ns < row.finished_at - row.duration_ns
                    && row.finished_at < outer.finished_at,
                "{case}: {row:?} does not lie in {outer:?}"
            );
        }
    }
}

/// Functions and markers, each in both ways of pairing: by the thread's stack, and by a key.
fn paired_by_stack_and_by_key(mode: &[&str]) {
    paired(FUNCTION, &[], mode);
    paired(FUNCTION, &["-DFIBERS"], mode);
    paired(MARKER, &["-DMARKERS"], mode);
    paired(MARKER, &["-DMARKERS", "-DTOKENS"], mode);
}

/// The way in which an abandoned begin of `pairs.cpp` is recognised, in the words of `check`.
fn abandonment(flags: &[&str]) -> String {
    let program = targets::build("pairs.cpp", flags);
    let probe = format!("op=uprobe:{}:op", program.display());
    let answer = recorder::json(&["check", "--op", &probe]);
    answer["probes"][0]["abandonment"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn each_level_of_a_recursion_has_its_own_duration() {
    if !host::allows_bpf() {
        return;
    }
    let depth = (3 + host::seed() % 20).to_string();
    let mode = ["recurse", "60", &depth];
    paired_by_stack_and_by_key(&mode);
    paired(FUNCTION, &["-O0"], &mode);
}

#[test]
fn each_row_has_the_thread_the_value_and_the_time_of_its_operation() {
    if !host::allows_bpf() {
        return;
    }
    let calls = (2_000 + host::seed() % 1_000).to_string();
    paired_by_stack_and_by_key(&["threads", &calls, "4"]);
}

#[test]
fn after_operations_left_by_an_exception_or_longjmp_each_finish_still_has_its_own_begin() {
    if !host::allows_bpf() {
        return;
    }
    // The two builds are paired in different ways, or this would test only one of them.
    assert!(abandonment(&["-DFIBERS"]).starts_with("an equal stack pointer"));
    assert!(!abandonment(&[]).starts_with("an equal stack pointer"));
    let depth = (4 + host::seed() % 12).to_string();
    for how in ["throws", "jumps"] {
        let mode = [how, "200", &depth];
        paired(FUNCTION, &[], &mode);
        paired(FUNCTION, &["-O0"], &mode);
        paired(FUNCTION, &["-DFIBERS"], &mode);
        paired(MARKER, &["-DMARKERS", "-DTOKENS"], &mode);
    }
}

#[test]
fn each_finish_has_its_own_begin_on_fibers_that_switch_inside_operations() {
    if !host::allows_bpf() {
        return;
    }
    paired(FUNCTION, &["-DFIBERS"], &["fibers", "400"]);
    paired(FUNCTION, &["-DFIBERS", "-O0"], &["fibers", "400"]);
}

#[test]
fn operations_with_tokens_that_cross_have_their_own_begins() {
    if !host::allows_bpf() {
        return;
    }
    let pairs = (500 + host::seed() % 500).to_string();
    paired(MARKER, &["-DMARKERS", "-DTOKENS"], &["crossed", &pairs]);
}
