//! Every system call on a recording's files fails in turn, in a recording, a recovery and a replay:
//! with an error, with an error although it was carried out, with half of its bytes moved; and from
//! some call on all of them. A preloaded library (`preload.c`) fails them below the program, so that
//! nothing in the program knows of it. What was sealed before never changes, what is refused is
//! reported, and a recovery afterwards finds all the rest.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::crash::{assert_clean, recovered};
use crate::has_gcc;
use crate::segment_support::preload::Fault;
use crate::segment_support::role::{Test, as_role};
use crate::segment_support::*;
use soakbox_recorder::clock::{Clock, SystemClock};
use soakbox_recorder::plan::SegmentLimits;
use soakbox_schemas::recording::Contents;
use soakbox_schemas::tables::Table;

pub(crate) const TESTS: &[Test] = &[
    (
        "faults::each_call_of_a_recording_that_fails_costs_at_most_its_own_append",
        has_gcc,
        || each_call_fails(&RECORDING),
    ),
    (
        "faults::each_call_of_a_recovery_that_fails_leaves_the_rest_to_the_next_one",
        has_gcc,
        || each_call_fails(&RECOVERY),
    ),
    (
        "faults::each_call_of_a_replay_that_fails_ends_it_with_a_reason_or_costs_nothing",
        has_gcc,
        || each_call_fails(&REPLAY),
    ),
];

/// EIO, ENOSPC, EIO after the call was carried out, and half of the bytes.
const FAULTS: [&str; 4] = ["5", "28", "late 5", "short"];
/// How many calls are drawn from which on all fail, for each of the faults.
const FROM_ON: u64 = 12;
/// A program that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(60);
/// Seconds of the replay, and the rows of `operation_log` in them.
const REPLAYED: (&str, usize) = ("2", 2_100);
/// Rows of the crashed recording.
const CRASHED: u64 = 3_000;

/// A program whose calls fail.
struct Scenario {
    /// Makes the recording that is there before.
    prepare: fn(&Path),
    program: fn(&Path) -> Command,
    /// Compares the recording, after a recovery without faults, with what the program printed.
    check: fn(&Path, &Ran, &str),
}

const RECORDING: Scenario = Scenario {
    prepare: record_earlier,
    program: |root| {
        let program = Command::new(std::env::current_exe().unwrap());
        as_role(program, "record despite errors", root, 0)
    },
    check: |root, ran, context| {
        assert!(ran.status.success(), "{context}: {ran:?}");
        let appended = ran.out.lines().filter_map(|line| {
            let end: i64 = line.strip_prefix("appended ")?.parse().unwrap();
            Some(end - 50..end)
        });
        let expected: Vec<i64> = appended
            .flatten()
            .chain(EARLIER.map(|at| at as i64))
            .collect();
        assert_eq!(counters(root), expected, "{context}: {ran:?}");
        let complaints = ran
            .out
            .lines()
            .filter(|line| line.starts_with("complained"));
        for line in complaints {
            assert!(line.contains("cannot "), "{context}: {line}");
        }
    },
};

const RECOVERY: Scenario = Scenario {
    prepare: |root| {
        record_earlier(root);
        crash(root);
    },
    program: |root| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
        program.arg("recover").arg(root).args(["--format", "json"]);
        program
    },
    check: |root, ran, context| {
        assert_ended(ran, context);
        let expected: Vec<i64> = (0..CRASHED).chain(EARLIER).map(|at| at as i64).collect();
        assert_eq!(counters(root), expected, "{context}: {ran:?}");
        assert_eq!(gaps(root).len(), 1, "{context}");
    },
};

const REPLAY: Scenario = Scenario {
    prepare: record_earlier,
    program: |root| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
        program.args(["replay", "--synthetic", "1", "--seconds", REPLAYED.0, "-o"]);
        program.arg(root);
        program
    },
    check: |root, ran, context| {
        assert_ended(ran, context);
        let earlier = EARLIER.count();
        let rows = counters(root).len() - earlier;
        let (all, gaps) = (rows == REPLAYED.1, gaps(root).len());
        if ran.status.success() {
            assert!(
                all && gaps == 0,
                "{context}: {rows} rows, {gaps} gaps: {ran:?}"
            );
        }
        // Where rows are missing, the recording has a gap, and its end is reported.
        assert!(
            all || gaps == 1 || rows == 0,
            "{context}: {rows} rows: {ran:?}"
        );
    },
};

/// Counters of the recording that was sealed before.
const EARLIER: std::ops::Range<u64> = 1_000_000..1_000_200;

fn record_earlier(root: &Path) {
    let mut writer = writer(root, &SystemClock, SegmentLimits::default());
    let now = SystemClock.now();
    let rows = operations(EARLIER, now);
    writer.append(Table::OPERATION_LOG, &rows, now).unwrap();
    writer.finish().unwrap();
}

/// Leaves two journals of one table and one of another, with a torn frame at the end.
fn crash(root: &Path) {
    let mut writer = writer(root, &SystemClock, SegmentLimits::default());
    let now = SystemClock.now();
    for first in (0..CRASHED).step_by(500) {
        let rows = operations(first..first + 500, now);
        writer.append(Table::OPERATION_LOG, &rows, now).unwrap();
    }
    let health = rows_of(Table::RECORDER_HEALTH, 0..3, now);
    writer.append(Table::RECORDER_HEALTH, &health, now).unwrap();
    writer.flush().unwrap();
    drop(writer);
    let journals = Contents::list(root).unwrap().journals;
    assert_eq!(journals.len(), 2);
    let path = &journals[0].path;
    let mut bytes = fs::read(path).unwrap();
    bytes.extend_from_slice(b"SBJ1 torn");
    fs::write(path, bytes).unwrap();
}

/// The program ended by itself, with the status of success or of a failure, and without a panic.
fn assert_ended(ran: &Ran, context: &str) {
    let code = ran.status.code();
    assert!(matches!(code, Some(0 | 2)), "{context}: {ran:?}");
    assert!(code == Some(0) || !ran.err.is_empty(), "{context}: {ran:?}");
}

fn each_call_fails(scenario: &Scenario) {
    let place = place();
    let template = place.path().join("template");
    (scenario.prepare)(&template);
    let all = fail(scenario, &template, "none", 1, 0);
    assert!(all > 30, "{all} calls are seen");
    let mut failed = 0;
    for fault in FAULTS {
        for from in 1.. {
            if fail(scenario, &template, fault, from, 1) == 0 {
                break;
            }
            failed += 1;
        }
    }
    let mut random = Random::drawn();
    for fault in FAULTS {
        for _ in 0..FROM_ON {
            let from = 1 + random.below(all as u64) as usize;
            failed += fail(scenario, &template, fault, from, usize::MAX >> 1);
        }
    }
    eprintln!("{failed} of some {all} calls each failed");
    assert!(failed > 2 * all, "{failed} of {all}");
}

/// Runs the program on a copy of `template`, lets calls fail, recovers and compares. Returns how many
/// failed.
fn fail(
    scenario: &Scenario,
    template: &Path,
    what: &'static str,
    from: usize,
    times: usize,
) -> usize {
    let place = place();
    let root = place.path().join("recording");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(template)
        .arg(&root)
        .status();
    assert!(copied.unwrap().success());
    let sealed = contents(&root);
    let log = place.path().join("log");
    let mut program = (scenario.program)(&root);
    Fault { what, from, times }.inject(&mut program, &root, &log);
    let ran = run(program, place.path());
    let failed = fs::read_to_string(&log).unwrap_or_default();
    let first = failed.lines().next().unwrap_or_default();
    let context = format!("{what}, {times} times from call {from} on: {first}");
    assert!(!ran.err.contains("panicked"), "{context}: {ran:?}");
    recovered(&root, &context);
    assert_clean(&root, &context);
    let after = contents(&root);
    for (path, bytes) in &sealed {
        assert!(
            after.get(path) == Some(bytes),
            "{context}: {}",
            path.display()
        );
    }
    (scenario.check)(&root, &ran, &context);
    if failed.is_empty() {
        assert!(ran.status.success(), "{context}: {ran:?}");
    }
    failed.lines().count()
}

/// A program that has ended.
#[derive(Debug)]
struct Ran {
    status: ExitStatus,
    out: String,
    err: String,
}

fn run(mut program: Command, place: &Path) -> Ran {
    let file = |name: &str| fs::File::create(place.join(name)).unwrap();
    let read = |name: &str| fs::read_to_string(place.join(name)).unwrap();
    program
        .stdin(Stdio::null())
        .stdout(file("out"))
        .stderr(file("err"));
    let mut child = program.spawn().unwrap();
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > LONGEST {
            child.kill().unwrap();
            panic!("{program:?} hangs: {}", read("err"));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    assert_eq!(status.signal(), None, "{program:?}: {}", read("err"));
    let (out, err) = (read("out"), read("err"));
    Ran { status, out, err }
}

/// The bytes of each sealed file.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let segments = Contents::list(root).unwrap().segments.into_iter();
    let read = segments.map(|file| (file.path.clone(), fs::read(&file.path).unwrap()));
    let of_root = |path: PathBuf| path.strip_prefix(root).unwrap().to_owned();
    read.map(|(path, bytes)| (of_root(path), bytes)).collect()
}

/// A directory in memory where there is one: what fails does not need a disk.
fn place() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).unwrap_or_else(|_| tempfile::tempdir().unwrap())
}
