//! Recorders and recoveries that are killed: at random moments, and at every single step that
//! touches a file. The killed process is this test binary itself, started in a role.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use crate::segment_support::role::{Test, acknowledged, in_role, start};
use crate::segment_support::*;
use crate::{always, has_strace, in_endurance};
use soakbox_recorder::clock::SystemClock;
use soakbox_recorder::segment::{RecoveryReport, recover};
use soakbox_schemas::recording::{Contents, JOURNAL_DIRECTORY};

/// The system calls at which processes are killed: all that change a file or a directory, or take
/// the lock.
pub(crate) const STEPS: [&str; 12] = [
    "mkdir",
    "pwrite64",
    "fsync",
    "fdatasync",
    "flock",
    "ftruncate",
    "rename",
    "renameat2",
    "link",
    "unlink",
    "unlinkat",
    "rmdir",
];

pub(crate) const TESTS: &[Test] = &[
    (
        "crash::kill_at_a_random_moment_loses_no_acknowledged_row",
        always,
        kill_at_a_random_moment_loses_no_acknowledged_row,
    ),
    (
        "crash::a_thousand_kills_at_random_moments_lose_no_acknowledged_row",
        in_endurance,
        || kill_at_random_moments(1_000),
    ),
    (
        "crash::kill_at_every_step_of_a_recording_loses_no_acknowledged_row",
        has_strace,
        kill_at_every_step_of_a_recording_loses_no_acknowledged_row,
    ),
    (
        "crash::kill_at_every_step_of_a_recovery_does_not_change_its_result",
        has_strace,
        kill_at_every_step_of_a_recovery_does_not_change_its_result,
    ),
    (
        "crash::a_live_recorder_is_left_alone_until_it_is_dead",
        always,
        a_live_recorder_is_left_alone_until_it_is_dead,
    ),
    (
        "crash::the_steps_of_a_seal_are_in_the_order_that_survives_a_power_cut",
        has_strace,
        the_steps_of_a_seal_are_in_the_order_that_survives_a_power_cut,
    ),
];

/// Runs `role` under strace, which kills it at its `count`-th `step`.
pub(crate) fn run_killed_at(
    step: &str,
    count: usize,
    role: &str,
    root: &Path,
    first: u64,
) -> (ExitStatus, String) {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    strace.args(["-e", &format!("trace={step}")]);
    let kill = format!("inject={step}:signal=SIGKILL:when={count}");
    strace.args(["-e", &kill]);
    let output = in_role(strace, role, root, first).output().unwrap();
    (
        output.status,
        String::from_utf8_lossy(&output.stdout).into(),
    )
}

pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9) || status.code() == Some(137)
}

/// The counters are consecutive from `first` on, and reach at least `acknowledged`.
fn assert_whole(root: &Path, first: u64, acknowledged: u64, context: &str) {
    let found = counters(root);
    let expected: Vec<i64> = (first as i64..).take(found.len()).collect();
    assert_eq!(found, expected, "{context}: not contiguous");
    let end = first + found.len() as u64;
    assert!(end >= acknowledged, "{context}: {end} of {acknowledged}");
    // One batch may be written and not yet acknowledged.
    assert!(
        end <= acknowledged + 50,
        "{context}: {end} after {acknowledged}"
    );
}

pub(crate) fn assert_clean(root: &Path, context: &str) {
    let contents = Contents::list(root).unwrap();
    assert!(contents.journals.is_empty(), "{context}");
    assert!(contents.superseded.is_empty(), "{context}");
    assert!(contents.foreign.is_empty(), "{context}");
    // A recorder that could not start removes the directory.
    let left = std::fs::read_dir(root.join(JOURNAL_DIRECTORY));
    let left = left.into_iter().flatten();
    let left: Vec<_> = left.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new(), "{context}");
}

pub(crate) fn recovered(root: &Path, context: &str) -> RecoveryReport {
    recover(root, &SystemClock).unwrap_or_else(|error| panic!("{context}: {error}"))
}

/// Lets `child` run for `wait` after its first acknowledgement, kills it, and returns the last
/// acknowledged counter.
pub(crate) fn kill_after(mut child: Child, wait: Duration, first: u64) -> u64 {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = lines.find(|line| line.as_ref().unwrap().starts_with("appended "));
    let mut text = seen.unwrap().unwrap();
    std::thread::sleep(wait);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines.map_while(Result::ok) {
        text.push('\n');
        text.push_str(&line);
    }
    // Lines are whole: each was one write to the pipe.
    acknowledged(&text, first)
}

fn kill_at_a_random_moment_loses_no_acknowledged_row() {
    kill_at_random_moments(30);
}

fn kill_at_random_moments(rounds: u64) {
    let mut random = Random::drawn();
    for round in 0..rounds {
        let root = tempfile::tempdir().unwrap();
        let first = random.below(1_000_000);
        let wait = Duration::from_micros(random.below(60_000));
        let child = start("record", root.path(), first);
        let acknowledged = kill_after(child, wait, first);
        let sealed_before = counters(root.path());
        // In every other round, a few recoveries are killed, too.
        for _ in 0..(round % 2) * 3 {
            let mut recovery = start("recover", root.path(), 0);
            std::thread::sleep(Duration::from_micros(random.below(12_000)));
            recovery.kill().unwrap();
            recovery.wait().unwrap();
        }
        let context = format!("round {round}, first {first}, wait {wait:?}");
        recovered(root.path(), &context);
        assert_whole(root.path(), first, acknowledged, &context);
        assert_clean(root.path(), &context);
        let sealed = counters(root.path());
        assert_eq!(sealed[..sealed_before.len()], sealed_before, "{context}");
        assert_eq!(gaps(root.path()).len(), 1, "{context}");
        let again = recovered(root.path(), &context);
        assert_eq!((again.rows_saved, again.segments, again.gaps), (0, 0, 0));
    }
}

fn kill_at_every_step_of_a_recording_loses_no_acknowledged_row() {
    let killed: usize = STEPS.into_iter().map(kill_a_recording_at_each).sum();
    eprintln!("killed at each of {killed} steps");
    assert!(killed > 50, "the kills were not aimed: {killed}");
}

/// Kills a recording at each `step` in turn; returns how often it takes `step`.
fn kill_a_recording_at_each(step: &str) -> usize {
    for count in 1.. {
        let root = tempfile::tempdir().unwrap();
        let (status, output) = run_killed_at(step, count, "record briefly", root.path(), 7);
        let context = format!("{step} {count}");
        if root.path().join(JOURNAL_DIRECTORY).exists() {
            recovered(root.path(), &context);
            assert_whole(root.path(), 7, acknowledged(&output, 7), &context);
            assert_clean(root.path(), &context);
        }
        let gaps = gaps(root.path()).len();
        if !was_killed(status) {
            assert!(status.success(), "{context}: {status}");
            assert!(output.contains("finished"));
            assert_eq!(gaps, 0, "{context}");
            return count - 1;
        }
        let rows = counters(root.path()).len();
        assert!(gaps <= 1, "{context}: {gaps} gaps");
        // Where rows are missing, the recording has a gap.
        assert!(gaps == 1 || rows == 0 || rows == 300, "{context}: {rows}");
    }
    unreachable!()
}

fn kill_at_every_step_of_a_recovery_does_not_change_its_result() {
    let killed: usize = STEPS.into_iter().map(kill_a_recovery_at_each).sum();
    eprintln!("killed at each of {killed} steps");
    assert!(killed > 20, "the kills were not aimed: {killed}");
}

/// Kills a recovery at each `step` in turn; returns how often it takes `step`.
fn kill_a_recovery_at_each(step: &str) -> usize {
    for count in 1.. {
        let root = tempfile::tempdir().unwrap();
        let child = start("record", root.path(), 7);
        let acknowledged = kill_after(child, Duration::from_millis(3), 7);
        let (status, _) = run_killed_at(step, count, "recover", root.path(), 0);
        let context = format!("{step} {count}");
        // Another recovery is killed at one of the remaining steps.
        run_killed_at("fsync", count % 5 + 1, "recover", root.path(), 0);
        recovered(root.path(), &context);
        assert_whole(root.path(), 7, acknowledged, &context);
        assert_clean(root.path(), &context);
        assert_eq!(gaps(root.path()).len(), 1, "{context}");
        if !was_killed(status) {
            assert!(status.success(), "{context}: {status}");
            return count - 1;
        }
    }
    unreachable!()
}

fn a_live_recorder_is_left_alone_until_it_is_dead() {
    let root = tempfile::tempdir().unwrap();
    let mut child = start("record", root.path(), 0);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .find(|line| line.as_ref().unwrap().starts_with("appended "))
        .unwrap()
        .unwrap();
    // It goes on writing to the pipe, which must be read.
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).count());
    for _ in 0..5 {
        let report = recovered(root.path(), "live");
        assert_eq!(report.live.len(), 1);
        assert_eq!((report.rows_saved, report.gaps), (0, 0));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    let report = recovered(root.path(), "dead");
    assert!(report.live.is_empty());
    assert_eq!(report.gaps, 1);
    assert_clean(root.path(), "dead");
}

fn the_steps_of_a_seal_are_in_the_order_that_survives_a_power_cut() {
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("strace.log");
    let recording = root.path().join("recording");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-s", "0", "-o"]).arg(&log);
    strace.args([
        "-e",
        &format!("trace=openat,open,creat,write,{}", STEPS.join(",")),
    ]);
    let output = in_role(strace, "record briefly", &recording, 0)
        .output()
        .unwrap();
    assert!(output.status.success());
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let contents = Contents::list(&recording).unwrap();
    assert!(contents.segments.len() > 2);
    for segment in &contents.segments {
        let uuid = &footer_of(&segment.path)["soakbox.recorder_uuid"];
        let journal = recording.join(format!(
            "journal/{uuid}/{}-{:06}",
            segment.table.name(),
            segment.name.sequence
        ));
        let journal = journal.display();
        let directory = segment.path.parent().unwrap().display();
        let steps = [
            format!("pwrite64(*{journal}.journal>"),
            format!("fdatasync(*{journal}.journal>"),
            format!("write(*{journal}.sealing>"),
            format!("fsync(*{journal}.sealing>"),
            format!(
                "renameat2(*{journal}.sealing\"*{}\", RENAME_NOREPLACE",
                segment.path.display()
            ),
            format!("fsync(*{directory}>"),
            format!("unlink(*{journal}.journal\""),
            format!("fsync(*journal/{uuid}>"),
        ];
        let mut from = 0;
        for step in &steps {
            let found = lines[from..].iter().position(|line| matches(line, step));
            let found = found.unwrap_or_else(|| panic!("no {step} after line {from} of\n{log}"));
            from += found + 1;
        }
        // Nothing is written to the temporary file after its fsync, and the journal is not removed
        // before the rename.
        let at = |step: &String| lines.iter().rposition(|line| matches(line, step)).unwrap();
        assert!(at(&steps[2]) < at(&steps[3]) && at(&steps[4]) < at(&steps[6]));
    }
    let created = lines.iter().filter(|line| line.contains("O_CREAT"));
    for line in created {
        assert!(!line.contains(".parquet"), "{line}");
    }
}

/// Whether `line` contains the parts of `pattern` between its stars, in their order.
pub(crate) fn matches(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    pattern.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}
