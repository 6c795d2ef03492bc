//! Recorders that are killed while they delete old segments: at random moments, and at every single
//! step that touches a file. Each row is there or is counted as deleted, never both, never neither.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::crash::{
    STEPS, assert_clean, kill_after, matches, recovered, run_killed_at, was_killed,
};
use crate::segment_support::role::{Test, acknowledged, in_role, start};
use crate::segment_support::*;
use crate::{always, has_strace};
use soakbox_schemas::recording::{Contents, RETENTION_FILE};

const ROLE: &str = "record and delete";
const BRIEFLY: &str = "record and delete briefly";

pub(crate) const TESTS: &[Test] = &[
    (
        "deletion::kill_at_a_random_moment_leaves_each_row_there_or_counted",
        always,
        kill_at_a_random_moment_leaves_each_row_there_or_counted,
    ),
    (
        "deletion::kill_at_every_step_leaves_each_row_there_or_counted",
        has_strace,
        kill_at_every_step_leaves_each_row_there_or_counted,
    ),
    (
        "deletion::a_file_is_deleted_after_its_count_is_durable",
        has_strace,
        a_file_is_deleted_after_its_count_is_durable,
    ),
];

/// Rows of `operation_log` that are counted as deleted.
fn deleted(root: &Path) -> u64 {
    let deletions = Contents::list(root).unwrap().deletions.unwrap();
    let tables = deletions.by_table();
    tables.get("operation_log").map_or(0, |log| log.rows)
}

/// The sealed rows go on where the deleted ones end.
fn assert_counted(root: &Path, first: u64, context: &str) -> u64 {
    let found = counters(root);
    let begin = (first + deleted(root)) as i64;
    let expected: Vec<i64> = (begin..).take(found.len()).collect();
    assert_eq!(found, expected, "{context}: {begin}");
    begin as u64 + found.len() as u64
}

/// After a recovery no acknowledged row is missing; and another recorder deletes the rest.
fn assert_complete(root: &Path, first: u64, acknowledged: u64, context: &str) {
    recovered(root, context);
    let end = assert_counted(root, first, context);
    assert!(
        (acknowledged..=acknowledged + 50).contains(&end),
        "{context}: {end} after {acknowledged}"
    );
    assert_clean(root, context);
    let output = in_role(Command::new("env"), BRIEFLY, root, end)
        .output()
        .unwrap();
    assert!(output.status.success(), "{context}");
    assert_counted(root, first, context);
    let contents = Contents::list(root).unwrap();
    assert!(contents.deleting.is_empty(), "{context}: {contents:?}");
    assert!(!root.join("retention.new").exists(), "{context}");
}

fn kill_at_a_random_moment_leaves_each_row_there_or_counted() {
    let mut random = Random::drawn();
    let mut interrupted = 0;
    for round in 0..30 {
        let root = tempfile::tempdir().unwrap();
        let first = random.below(1_000_000);
        let wait = Duration::from_micros(random.below(120_000));
        let child = start(ROLE, root.path(), first);
        let acknowledged = kill_after(child, wait, first);
        let context = format!("round {round}, first {first}, wait {wait:?}");
        if !counters(root.path()).is_empty() {
            assert_counted(root.path(), first, &context);
        }
        let contents = Contents::list(root.path()).unwrap();
        interrupted += usize::from(!contents.deleting.is_empty());
        assert_complete(root.path(), first, acknowledged, &context);
        assert!(deleted(root.path()) > 0, "{context}");
    }
    eprintln!("{interrupted} kills left files that were counted as deleted");
}

fn kill_at_every_step_leaves_each_row_there_or_counted() {
    let (mut killed, mut interrupted) = (0, 0);
    for step in STEPS {
        for count in 1.. {
            let place = tempfile::tempdir().unwrap();
            let root = place.path().join("recording");
            let (status, output) = run_killed_at(step, count, BRIEFLY, &root, 7);
            let context = format!("{step} {count}");
            if root.join("journal").exists() {
                let contents = Contents::list(&root).unwrap();
                interrupted += usize::from(!contents.deleting.is_empty());
                assert_complete(&root, 7, acknowledged(&output, 7), &context);
            }
            if !was_killed(status) {
                assert!(status.success(), "{context}: {status}");
                break;
            }
            killed += 1;
        }
    }
    eprintln!("killed at each of {killed} steps, {interrupted} of them while deleting");
    assert!(killed > 100 && interrupted > 3, "{killed}, {interrupted}");
}

fn a_file_is_deleted_after_its_count_is_durable() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("recording");
    let log = place.path().join("strace.log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-s", "0", "-o"]).arg(&log);
    strace.args(["-e", &format!("trace=openat,{}", STEPS.join(","))]);
    let output = in_role(strace, BRIEFLY, &root, 0).output().unwrap();
    assert!(output.status.success());
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let removals = lines.iter().enumerate();
    let removals: Vec<usize> = removals
        .filter(|(_, line)| matches(line, "unlink(*.parquet\""))
        .map(|(at, _)| at)
        .collect();
    assert!(removals.len() > 2, "{log}");
    let last_before = |at: usize, pattern: &str| {
        let found = lines[..at].iter().rposition(|line| matches(line, pattern));
        found.unwrap_or_else(|| panic!("no {pattern} before line {at} of\n{log}"))
    };
    let root = root.display();
    for at in removals {
        let renamed = last_before(at, &format!("rename(*retention.new\"*{RETENTION_FILE}\""));
        let written = last_before(renamed, "fsync(*retention.new>");
        let durable = last_before(at, &format!("fsync(*{root}>"));
        assert!(
            written < renamed && renamed < durable,
            "line {at} of\n{log}"
        );
    }
}
