//! CPU time and memory of operations, against the target's own clocks.

use std::sync::{Mutex, PoisonError};

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets::{self, Counts};

fn record(source: &str, arguments: &[&str]) -> (Counts, Recording, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build(source, &[]), directory.path());
    let probe = format!("op=uprobe:{}:op", program.display());
    let recorder = Recorder::start(&root, &["--op", &probe]);
    let outcome = targets::run(&program, arguments);
    recorder.stop().check();
    assert!(outcome.status.success(), "{outcome:?}");
    (outcome.counts(), Recording::open(&root), directory)
}

fn sum(recording: &Recording, column: &str) -> i64 {
    recording
        .of("op", column)
        .into_iter()
        .map(|value| value.expect(column))
        .sum()
}

/// Within a tenth of the target's own figure, or within `floor` of it where that is more.
fn is_near(found: i64, own: i64, floor: i64) -> bool {
    (found - own).abs() <= (own / 10).max(floor)
}

const OPERATION_NS: i64 = 5_000_000;
const OPERATIONS: i64 = 2_000;
/// The least difference that is always allowed: 2% of the duration of an operation. The target
/// reads its clock outside of the probes' traps, which its clock counts and the recording does not
/// (30 to 60 µs here).
const FLOOR_NS: i64 = OPERATION_NS / 50;

/// One test at a time: on two CPUs, two tests that spin leave no CPU for anything else.
static ALONE: Mutex<()> = Mutex::new(());

/// A hypervisor that takes the CPU away disturbs some recordings; a wrong measure, all of them.
const ROUNDS: usize = 3;

/// Records thousands of operations of one kind, and compares on-CPU time per operation, user and
/// system time in sums.
fn measures(mode: &str) {
    if !host::allows_bpf() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut far = Vec::new();
    for _ in 0..ROUNDS {
        far = measured(mode);
        // Some may be off: where a hypervisor takes the CPU away in the middle of an operation (or
        // while it goes to sleep, so that the kernel never switches to another thread), the
        // recording and the target's clock count different times.
        if far.len() as i64 * 50 <= OPERATIONS {
            return;
        }
    }
    panic!("{mode}: in each of {ROUNDS} rounds, in the last one: {far:?}");
}

/// The on-CPU times that are far from each other, the target's own and the recorded one. All sums
/// are near.
fn measured(mode: &str) -> Vec<(i64, i64)> {
    let directory = tempfile::tempdir().unwrap();
    let each = directory.path().join("each").display().to_string();
    let numbers = [OPERATIONS, OPERATION_NS].map(|number| number.to_string());
    let (counts, recording, _directory) = record("cpu.c", &[mode, &numbers[0], &numbers[1], &each]);
    recording.checked("op");
    assert_eq!(counts.finished, OPERATIONS);

    let own = std::fs::read_to_string(&each).unwrap();
    let own = own.lines().map(|line| line.parse::<i64>().unwrap());
    let recorded = recording.of("op", "cpu_ns");
    let recorded = recorded.into_iter().map(|value| value.expect("cpu_ns"));
    let mut far: Vec<(i64, i64)> = own.zip(recorded).collect();
    assert_eq!(far.len() as i64, OPERATIONS);
    far.retain(|&(own, recorded)| !is_near(recorded, own, FLOOR_NS));
    eprintln!("{mode}: {} of {OPERATIONS} are off", far.len());

    // Sums only. User and system time are counted in ticks: a thread that runs at a tick (each 1 to
    // 10 ms) is charged all of it. Over 10 s the sum is right to a few hundredths; for a kind of
    // time that is hardly used, a few ticks are many times its true value.
    for (column, own) in [
        ("cpu_ns", "cpu_ns"),
        ("cpu_user_ns", "user_ns"),
        ("cpu_system_ns", "system_ns"),
    ] {
        let (found, own) = (sum(&recording, column), counts.all[own]);
        eprintln!("{mode} {column}: recorded {found}, the target's own {own}");
        assert!(
            is_near(found, own, OPERATIONS * FLOOR_NS),
            "{mode} {column}: recorded {found}, the target's own {own}"
        );
    }
    let durations = recording.of("op", "duration_ns").into_iter().flatten();
    assert!(durations.min() >= Some(OPERATION_NS));
    far
}

#[test]
fn on_cpu_user_and_system_time_of_spinning() {
    measures("spin");
}

#[test]
fn on_cpu_user_and_system_time_of_system_calls() {
    measures("syscall");
}

#[test]
fn on_cpu_user_and_system_time_of_sleeping() {
    measures("sleep");
}

#[test]
fn an_operation_that_touches_64_mib_has_them_in_its_memory_delta() {
    if !host::allows_bpf() {
        return;
    }
    const TOUCHED: i64 = 64 << 20;
    let (_, recording, _directory) = record("memory.c", &["touch", "5", &TOUCHED.to_string()]);
    recording.checked("op");
    let deltas: Vec<i64> = recording
        .of("op", "memory_delta_bytes")
        .into_iter()
        .flatten()
        .collect();
    let (large, small): (Vec<i64>, Vec<i64>) =
        deltas.iter().partition(|&&delta| delta > TOUCHED / 2);
    assert_eq!(large.len(), 5, "{deltas:?}");
    for delta in large {
        assert!((delta - TOUCHED).abs() <= TOUCHED / 20, "{delta}");
    }
    assert!(small.iter().all(|delta| delta.abs() < 1 << 20), "{small:?}");
    let resident = recording
        .of("op", "memory_bytes")
        .into_iter()
        .flatten()
        .max()
        .unwrap();
    assert!(resident > TOUCHED && resident < 2 * TOUCHED, "{resident}");
}
