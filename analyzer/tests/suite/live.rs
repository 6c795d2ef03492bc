//! A recording that is still running can be queried, and the answer is at most two seconds old. The
//! test uses the real recorder on a real process.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::host::{Own, workspace_program};
use crate::program::{analyzer, text};

/// The promised age of an answer, and how long answers are checked: longer, so that a recorder that
/// flushes more rarely is noticed.
const MAX_AGE: Duration = Duration::from_secs(2);
const CHECKED_FOR: Duration = Duration::from_secs(8);
/// The fewest answers that are checked, on a slow machine too.
const ANSWERS: usize = 10;

/// How often the machine is asked whether it stands still.
const BETWEEN_BEATS: Duration = Duration::from_millis(100);

/// How long the machine stood still at most, ms: a thread that did what a recorder does, sleep and put a few
/// bytes on the disk, came so much later than it wanted. Rows are older by this time.
#[derive(Default)]
struct Standstill {
    most_ms: AtomicU64,
    is_over: AtomicBool,
}

impl Standstill {
    fn watch(&self, directory: &Path) {
        let mut file = File::create(directory.join("beats")).unwrap();
        while !self.is_over.load(Ordering::Relaxed) {
            let start = Instant::now();
            std::thread::sleep(BETWEEN_BEATS);
            file.write_all(b"beat").unwrap();
            file.sync_data().unwrap();
            let late = start.elapsed().saturating_sub(BETWEEN_BEATS);
            self.most_ms
                .fetch_max(late.as_millis() as u64, Ordering::Relaxed);
        }
    }
}

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
    let standstill = Standstill::default();
    let answers = std::thread::scope(|scope| {
        scope.spawn(|| standstill.watch(directory.path()));
        let answers = answers(&recording, query);
        standstill.is_over.store(true, Ordering::Relaxed);
        answers
    });
    let still_ms = standstill.most_ms.into_inner();
    let is_young = |age_ms: &Option<i64>| {
        age_ms.is_some_and(|age_ms| age_ms <= MAX_AGE.as_millis() as i64 + still_ms as i64)
    };
    assert!(
        answers.iter().all(is_young),
        "ages in ms, none where there was no row: {answers:?}; the machine stood still for {still_ms} ms"
    );
}

/// The ages of the answers, ms. The workload finishes 50 operations a second, so that its newest row is never
/// old.
fn answers(recording: &Path, query: &str) -> Vec<Option<i64>> {
    let (start, mut answers) = (Instant::now(), Vec::new());
    while start.elapsed() < CHECKED_FOR || answers.len() < ANSWERS {
        let asked = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let latest = ask(recording, query);
        let age_ms = |latest| asked.unwrap_or_default().as_millis() as i64 - latest / 1_000_000;
        answers.push(latest.map(age_ms));
        std::thread::sleep(Duration::from_millis(150));
    }
    answers
}
