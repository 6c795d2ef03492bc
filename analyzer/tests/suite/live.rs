//! A recording that is still running can be queried, and the answer is at most two seconds old. The
//! test uses the real recorder on a real process.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::host::{Own, workspace_program};
use crate::program::{analyzer, text};

/// The promised age of an answer, and how long answers are checked: longer, so that a recorder that
/// flushes more rarely is noticed.
const MAX_AGE: Duration = Duration::from_secs(2);
const CHECKED_FOR: Duration = Duration::from_secs(8);
/// The fewest answers that are checked, on a slow machine too.
const ANSWERS: usize = 10;

fn ask(recording: &Path, query: &str) -> Option<i64> {
    // Before the first file there is no recording yet, and that is an error.
    let output = analyzer(&["sql", recording.to_str().unwrap(), query, "--format", "csv"]);
    text(&output.stdout).lines().nth(1)?.parse().ok()
}

#[test]
fn a_running_recording_is_at_most_two_seconds_old() {
    let (Some(recorder), Some(workload)) = (
        workspace_program("soakbox-recorder", &["check"]),
        workspace_program("soakbox-workload", &["--help"]),
    ) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("recording");
    let program = directory.path().join("workload");
    std::fs::copy(workload, &program).unwrap();
    let probe = format!("rule_refresh=marker:{}:rule_refresh", program.display());
    let _recorder = Own::start(
        Command::new(recorder)
            .args(["record", "--op", &probe, "-o"])
            .arg(&recording),
    );
    let _workload = Own::start(Command::new(&program).args(["--seconds", "600"]));
    let query = "SELECT CAST(max(finished_at) AS BIGINT) FROM operation_log";
    let deadline = Instant::now() + Duration::from_secs(30);
    while ask(&recording, query).is_none() {
        assert!(Instant::now() < deadline, "no row in 30 s");
        std::thread::sleep(Duration::from_millis(100));
    }
    // The workload finishes 50 operations a second, so that its newest row is never
    // old.
    let (start, mut answers) = (Instant::now(), Vec::new());
    while start.elapsed() < CHECKED_FOR || answers.len() < ANSWERS {
        let asked = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let latest = ask(&recording, query).expect("rows that were there are still there");
        let age_ms = asked.as_millis() as i64 - latest / 1_000_000;
        assert!(
            age_ms <= MAX_AGE.as_millis() as i64,
            "the answer after {:?} is {age_ms} ms old, those before it {answers:?}",
            start.elapsed()
        );
        answers.push(age_ms);
        std::thread::sleep(Duration::from_millis(150));
    }
}
