//! `recorder_health` counts every event and every byte, however short the recording is.

use crate::support::recording::Recording;
use crate::support::{host, recorder, targets};

/// Records a command; the recording must be without loss.
fn recorded(arguments: &[&str]) -> (tempfile::TempDir, Recording) {
    recorded_with(&[], arguments)
}

/// The same with these options of `record`.
fn recorded_with(options: &[&str], arguments: &[&str]) -> (tempfile::TempDir, Recording) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let (output, probe, program) = (
        root.display().to_string(),
        format!("op=uprobe:{}:op", program.display()),
        program.display().to_string(),
    );
    let words = [&["record", "-o", &output, "--op", &probe][..], options];
    let words = [&words.concat()[..], &["--", &program], arguments].concat();
    let (status, _, stderr) = recorder::run(&words);
    assert!(status.success(), "{stderr}");
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("op").lost, 0, "{stderr}");
    (directory, recording)
}

fn received(recording: &Recording) -> Vec<i64> {
    let counts = recording.integers("recorder_health", "events_received");
    counts.into_iter().map(Option::unwrap).collect()
}

#[test]
fn the_shortest_recording_has_a_row_that_counts_every_event() {
    if !host::allows_bpf() {
        return;
    }
    let (_directory, recording) = recorded(&["calls", "500", "2", "0"]);
    let received = received(&recording);
    assert!(!received.is_empty());
    assert_eq!(received.iter().sum::<i64>(), 500, "{received:?}");
    assert_eq!(recording.rows("operation_log"), 500);
    let written = recording.integers("recorder_health", "written_bytes");
    assert!(written.iter().flatten().sum::<i64>() > 0, "{written:?}");
}

#[test]
fn the_rows_of_a_longer_recording_add_up_to_its_events() {
    if !host::allows_bpf() {
        return;
    }
    let (_directory, recording) = recorded(&["rate", "5000", "1000"]);
    let received = received(&recording);
    assert!(received.len() >= 3, "{received:?}");
    assert_eq!(received.iter().sum::<i64>(), 5000, "{received:?}");
    assert_eq!(recording.rows("operation_log"), 5000);
    let at = recording.times("recorder_health", "at");
    assert!(at.is_sorted_by(|earlier, later| earlier < later), "{at:?}");
}

#[test]
fn the_host_is_measured_in_each_interval() {
    if !host::allows_bpf() {
        return;
    }
    let started = std::time::Instant::now();
    let (_directory, recording) = recorded(&["rate", "3000", "1000"]);
    let lasted = started.elapsed();
    let sum = |column: &str| -> Option<i64> {
        let values = recording.integers("recorder_health", column);
        values.into_iter().sum::<Option<i64>>()
    };
    // The target alone needs CPU time, and no CPU runs more than all of the time.
    let busy_ns = sum("host_cpu_ns").unwrap();
    let cpus = std::thread::available_parallelism().unwrap().get() as i64;
    // The kernel counts in ticks.
    let longest_ns = (lasted.as_nanos() as i64 + 100_000_000) * cpus;
    assert!(
        (1..=longest_ns).contains(&busy_ns),
        "{busy_ns} of {longest_ns}"
    );
    assert!(sum("host_steal_ns").is_some());
    let available = recording.integers("recorder_health", "host_memory_available_bytes");
    assert!(
        available
            .iter()
            .all(|bytes| bytes.is_some_and(|bytes| bytes > 1 << 20))
    );
    // Where the kernel measures pressure, each row has it.
    let measures = std::path::Path::new("/proc/pressure/cpu").exists();
    assert_eq!(sum("host_cpu_pressure_ns").is_some(), measures);
}

#[test]
fn the_kernel_measures_the_programs_only_where_that_was_asked_for() {
    if !host::allows_bpf() {
        return;
    }
    let (_directory, recording) = recorded(&["calls", "2000", "1", "0"]);
    for column in ["bpf_runs", "bpf_run_ns"] {
        let values = recording.integers("recorder_health", column);
        assert!(values.iter().all(Option::is_none), "{column}: {values:?}");
    }
    for target in [["calls", "2000", "1", "0"], ["rate", "3000", "1000", ""]] {
        let target: Vec<&str> = target.into_iter().filter(|word| !word.is_empty()).collect();
        let (_directory, recording) = recorded_with(&["--bpf-statistics"], &target);
        let sum = |column: &str| -> i64 {
            let values = recording.integers("recorder_health", column);
            values.into_iter().map(Option::unwrap).sum()
        };
        let (runs, ns) = (sum("bpf_runs"), sum("bpf_run_ns"));
        // A begin and a finish of each, and those of switches.
        let finished = recording.checked("op").finished;
        assert!(runs >= 2 * finished, "{runs} runs of {finished} operations");
        // From 10 ns to 100 us each.
        assert!(
            (10 * runs..100_000 * runs).contains(&ns),
            "{runs} in {ns} ns"
        );
    }
}
