//! The processes that the tests start: this test binary itself, in a role. Its `main` plays the
//! role that the environment names, or runs the tests where it names none.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Trial};

use soakbox_recorder::clock::{Clock, SystemClock};
use soakbox_recorder::plan::{Keep, KeepTable, SegmentLimits};
use soakbox_recorder::segment::{RecorderDirectory, RecordingWriter, SegmentError, recover};
use soakbox_schemas::tables::Table;

use super::{operations, provenance, rows_of};

const ROLE: &str = "SOAKBOX_TEST_ROLE";
const ROOT: &str = "SOAKBOX_TEST_ROOT";
const FIRST: &str = "SOAKBOX_TEST_FIRST";

/// A test: its name, whether this host can run it, and its body.
pub(crate) type Test = (&'static str, fn() -> bool, fn());

/// The `main` of a test binary: plays a role, or runs `tests`. Those that this host cannot run are
/// reported as ignored.
pub(crate) fn main(tests: &[Test]) -> ExitCode {
    if let Ok(role) = std::env::var(ROLE) {
        play(&role);
        return ExitCode::SUCCESS;
    }
    let trials = tests.iter().map(|&(name, is_possible, body)| {
        let trial = Trial::test(name, move || {
            body();
            Ok(())
        });
        trial.with_ignored_flag(!is_possible())
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn play(role: &str) {
    let root = std::env::var(ROOT).unwrap();
    let root = Path::new(&root);
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    match role {
        "record" => record(root, first, u64::MAX, Keep::default()),
        "record briefly" => record(root, first, 6, Keep::default()),
        "record and delete" => record(root, first, u64::MAX, little()),
        "record and delete briefly" => record(root, first, 14, little()),
        "record durably" => record_durably(root, first),
        "record despite errors" => record_despite_errors(root, first),
        "recover" => {
            recover(root, &SystemClock).unwrap();
        }
        role => panic!("no role {role}"),
    }
}

/// Appends operations with counters from `first` on, and prints which of them survive a kill.
fn record(root: &Path, first: u64, batches: u64, keep: Keep) {
    let limits = SegmentLimits {
        max_bytes: 16_000,
        ..SegmentLimits::default()
    };
    let directory = RecorderDirectory::create(root, SystemClock.now().utc_ns).unwrap();
    let mut writer = RecordingWriter::keeping(directory, provenance(), limits, keep).unwrap();
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

/// Appends operations with counters from `first` on, one run after the other, and prints which of them
/// survive a power cut.
fn record_durably(root: &Path, mut first: u64) {
    const BATCHES: u64 = 40;
    let limits = SegmentLimits {
        max_bytes: 16_000,
        ..SegmentLimits::default()
    };
    loop {
        let directory = RecorderDirectory::create(root, SystemClock.now().utc_ns).unwrap();
        let mut writer = RecordingWriter::new(directory, provenance(), limits).unwrap();
        for batch in 0..BATCHES {
            let now = SystemClock.now();
            let rows = operations(first..first + 50, now);
            first += 50;
            writer.append(Table::OPERATION_LOG, &rows, now).unwrap();
            let health = rows_of(Table::RECORDER_HEALTH, batch..batch + 1, now);
            writer.append(Table::RECORDER_HEALTH, &health, now).unwrap();
            if batch % 3 == 0 {
                writer.flush().unwrap();
                print_durable(first);
            }
            writer.tick(now).unwrap();
        }
        writer.finish().unwrap();
        print_durable(first);
    }
}

fn print_durable(end: u64) {
    let mut stdout = std::io::stdout().lock();
    let line = format!("\ndurable {end}\n");
    stdout.write_all(line.as_bytes()).unwrap();
    stdout.flush().unwrap();
}

/// Few files of two tables: each of them is larger than what is kept.
fn little() -> Keep {
    let table = |bytes| KeepTable {
        for_ns: None,
        bytes: Some(bytes),
    };
    Keep {
        tables: [
            (Table::OPERATION_LOG, table(20_000)),
            (Table::RECORDER_HEALTH, table(1)),
        ]
        .into(),
        ..Keep::default()
    }
}

/// Goes on after each error, as a recorder does, and prints which appends succeeded.
fn record_despite_errors(root: &Path, first: u64) {
    let limits = SegmentLimits {
        max_bytes: 10_000,
        ..SegmentLimits::default()
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
    command.arg(std::env::current_exe().unwrap());
    as_role(command, role, root, first)
}

/// The same, where `command` is this binary itself.
pub(crate) fn as_role(mut command: Command, role: &str, root: &Path, first: u64) -> Command {
    command
        .env(ROLE, role)
        .env(ROOT, root)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Starts this binary in `role`, by `env`, which changes nothing.
pub(crate) fn start(role: &str, root: &Path, first: u64) -> Child {
    in_role(Command::new("env"), role, root, first)
        .spawn()
        .unwrap()
}

/// The highest counter that the process printed as appended, or `first`.
pub(crate) fn acknowledged(output: &str, first: u64) -> u64 {
    let lines = output.lines();
    let mut ends = lines.filter_map(|line| line.strip_prefix("appended ")?.parse().ok());
    ends.next_back().unwrap_or(first)
}
