//! The processes that the tests start: this test binary again, in a role of its own.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use soakbox_recorder::clock::{Clock, SystemClock};
use soakbox_recorder::segment::{
    Limits, RecorderDirectory, RecordingWriter, SegmentError, recover,
};
use soakbox_schemas::tables::Table;

use super::{operations, provenance, rows_of, writer};

const ROLE: &str = "SOAKBOX_TEST_ROLE";
const ROOT: &str = "SOAKBOX_TEST_ROOT";
const FIRST: &str = "SOAKBOX_TEST_FIRST";

/// What a process of ours is for; nothing in the tests' own process.
pub(crate) fn play() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let root = std::env::var(ROOT).unwrap();
    let root = Path::new(&root);
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    match role.as_str() {
        "record" => record(root, first, u64::MAX),
        "record briefly" => record(root, first, 6),
        "record despite errors" => record_despite_errors(root, first),
        "recover" => {
            recover(root, &SystemClock).unwrap();
        }
        role => panic!("no role {role}"),
    }
}

/// Appends operations with counters from `first` on, and says which of them are safe from a kill.
fn record(root: &Path, first: u64, batches: u64) {
    let limits = Limits {
        max_bytes: 16_000,
        ..Limits::default()
    };
    let mut writer = writer(root, &SystemClock, limits);
    for batch in 0..batches {
        let now = SystemClock.now();
        let end = first + (batch + 1) * 50;
        let rows = operations(end - 50..end, now);
        writer.append(Table::OPERATION_LOG, &rows, now).unwrap();
        acknowledge(end);
        let health = rows_of(Table::RECORDER_HEALTH, batch..batch + 1, now);
        writer.append(Table::RECORDER_HEALTH, &health, now).unwrap();
        if batch % 3 == 0 {
            writer.flush().unwrap();
        }
        writer.tick(now).unwrap();
    }
    writer.finish().unwrap();
    std::io::stdout().write_all(b"finished\n").unwrap();
}

/// Goes on after each error, as a recorder does, and says which appends succeeded.
fn record_despite_errors(root: &Path, first: u64) {
    let limits = Limits {
        max_bytes: 10_000,
        ..Limits::default()
    };
    let Ok(directory) = RecorderDirectory::create(root, SystemClock.now().utc_ns) else {
        return;
    };
    let mut writer = RecordingWriter::new(directory, provenance(), limits).unwrap();
    for batch in 0..8 {
        let now = SystemClock.now();
        let end = first + (batch + 1) * 50;
        let rows = operations(end - 50..end, now);
        match writer.append(Table::OPERATION_LOG, &rows, now) {
            Ok(()) => acknowledge(end),
            Err(error) => complain(&error),
        }
        for result in [writer.flush(), writer.tick(now)] {
            if let Err(error) = result {
                complain(&error);
            }
        }
    }
    if let Err(error) = writer.finish() {
        complain(&error);
    }
}

fn complain(error: &SegmentError) {
    let line = format!("\ncomplained {error}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

fn acknowledge(end: u64) {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(format!("\nappended {end}\n").as_bytes())
        .unwrap();
    stdout.flush().unwrap();
}

pub(crate) fn in_role(mut command: Command, role: &str, root: &Path, first: u64) -> Command {
    command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "in_a_role", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(ROOT, root)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// `env` runs it as it is.
pub(crate) fn start(role: &str, root: &Path, first: u64) -> Child {
    in_role(Command::new("env"), role, root, first)
        .spawn()
        .unwrap()
}

/// The highest counter that the process said was safe.
pub(crate) fn acknowledged(output: &str, first: u64) -> u64 {
    let lines = output.lines();
    let mut ends = lines.filter_map(|line| line.strip_prefix("appended ")?.parse().ok());
    ends.next_back().unwrap_or(first)
}
