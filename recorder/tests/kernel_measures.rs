//! CPU time and memory of operations, against the target's own clocks.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use support::host;
use support::recorder::Recorder;
use support::recording::Recording;
use support::targets::{self, Counts};

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

/// Within `tolerance` of each other, relative to `expected`, or both under `floor`.
fn assert_near(what: &str, found: i64, expected: i64, tolerance: f64, floor: i64) {
    let near = (found - expected).abs() as f64 <= expected.abs() as f64 * tolerance + floor as f64;
    eprintln!("{what}: recorded {found}, the target's own {expected}");
    assert!(
        near,
        "{what}: recorded {found}, the target's own {expected}"
    );
}

#[test]
fn on_cpu_time_of_spinning_system_calls_and_sleeping() {
    if !host::allows_bpf() {
        return;
    }
    const OPERATION_NS: i64 = 5_000_000;
    for (mode, number) in [("spin", 1_000i64), ("syscall", 1_000), ("sleep", 200)] {
        let directory = tempfile::tempdir().unwrap();
        let each = directory.path().join("each").display().to_string();
        let (counts, recording, _directory) = record(
            "cpu.c",
            &[mode, &number.to_string(), &OPERATION_NS.to_string(), &each],
        );
        recording.checked("op");
        assert_eq!(counts.finished, number);
        assert_near(
            mode,
            sum(&recording, "cpu_ns"),
            counts.all["cpu_ns"],
            0.1,
            number * 30_000,
        );
        // Ticks are unbiased in sums only; 1,000 operations of 5 ms see about 1,250 of them.
        let floor = number * OPERATION_NS / 50;
        let tolerance = 0.1;
        let user = format!("{mode} user");
        assert_near(
            &user,
            sum(&recording, "cpu_user_ns"),
            counts.all["user_ns"],
            tolerance,
            floor,
        );
        let system = format!("{mode} system");
        assert_near(
            &system,
            sum(&recording, "cpu_system_ns"),
            counts.all["system_ns"],
            tolerance,
            floor,
        );
        if mode == "sleep" {
            let worst = recording
                .of("op", "cpu_ns")
                .into_iter()
                .flatten()
                .max()
                .unwrap();
            assert!(worst < OPERATION_NS, "sleeping is not on-CPU time: {worst}");
            let shortest = recording
                .of("op", "duration_ns")
                .into_iter()
                .flatten()
                .min()
                .unwrap();
            assert!(shortest >= OPERATION_NS, "{shortest}");
        } else {
            // Per operation too; what the probes and a preemption between two clock readings add is not the operation's.
            let own = std::fs::read_to_string(&each).unwrap();
            let recorded = recording.of("op", "cpu_ns");
            let near = own.lines().zip(recorded).filter(|(own, recorded)| {
                let own: i64 = own.parse().unwrap();
                (recorded.unwrap() - own).abs() <= own / 10 + 30_000
            });
            let near = near.count() as i64;
            assert!(
                near * 100 >= number * 98,
                "{mode}: only {near} of {number} within 10%"
            );
        }
    }
}

#[test]
fn an_operation_that_touches_64_mib_shows_them() {
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
        assert_near("touched", delta, TOUCHED, 0.05, 0);
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
