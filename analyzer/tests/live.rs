//! A recording that is still being made can be asked, and the answer is at most two seconds old: the recorder's
//! program beside this one, on a real process.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod host;
mod program;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use program::{analyzer, text};

const ANALYZER: &str = env!("CARGO_BIN_EXE_soakbox-analyzer");

/// Ends a process that this test started, also when the test fails.
struct Own(Child);

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The promise, and for how long answers are held to it: longer, so that a recorder that flushes more rarely shows.
const OLDEST: Duration = Duration::from_secs(2);
const ASKED_FOR: Duration = Duration::from_secs(8);

/// A program of the workspace, where it has been built; `None`, loudly, where it has not or may not observe.
fn beside(name: &str, probe: &[&str]) -> Option<PathBuf> {
    let path = Path::new(ANALYZER).with_file_name(name);
    let works = Command::new(&path)
        .args(probe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if works.is_ok_and(|status| status.success()) {
        return Some(path);
    }
    let what = format!("{} {probe:?} (built, with BPF rights)", path.display());
    host::skip("SOAKBOX_REQUIRE_KERNEL", &what);
    None
}

fn ask(recording: &Path, query: &str) -> Option<i64> {
    // Before the first file there is no recording yet, and that is an error.
    let output = analyzer(&["sql", recording.to_str().unwrap(), query, "--format", "csv"]);
    text(&output.stdout).lines().nth(1)?.parse().ok()
}

#[test]
fn a_running_recording_is_at_most_two_seconds_old() {
    let (Some(recorder), Some(workload)) = (
        beside("soakbox-recorder", &["check"]),
        beside("soakbox-workload", &["--help"]),
    ) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("recording");
    let program = directory.path().join("workload");
    std::fs::copy(workload, &program).unwrap();
    let quiet = |command: &mut Command| {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Own(command.spawn().unwrap())
    };
    let probe = format!("rule_refresh=marker:{}:rule_refresh", program.display());
    let _recorder = quiet(
        Command::new(recorder)
            .args(["record", "--op", &probe, "-o"])
            .arg(&recording),
    );
    let _workload = quiet(Command::new(&program).args(["--seconds", "60"]));
    let query = "SELECT CAST(max(finished_at) AS BIGINT) FROM operation_log";
    let deadline = Instant::now() + Duration::from_secs(30);
    while ask(&recording, query).is_none() {
        assert!(Instant::now() < deadline, "no row in 30 s");
        std::thread::sleep(Duration::from_millis(100));
    }
    // The workload finishes 50 operations a second, so that an old newest row is a late one.
    let (start, mut answers) = (Instant::now(), Vec::new());
    while start.elapsed() < ASKED_FOR {
        let asked = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let latest = ask(&recording, query).expect("rows that were there are still there");
        let age_ms = asked.as_millis() as i64 - latest / 1_000_000;
        assert!(
            age_ms <= OLDEST.as_millis() as i64,
            "the answer after {:?} is {age_ms} ms old, those before it {answers:?}",
            start.elapsed()
        );
        answers.push(age_ms);
        std::thread::sleep(Duration::from_millis(150));
    }
    assert!(answers.len() >= 10, "only {} answers", answers.len());
}
