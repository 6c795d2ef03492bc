//! The CPU time of a Go operation is its own, or null: goroutines share threads, and the runtime
//! switches between them without the kernel.

use std::fs;

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets;

/// Usual limit of the difference between the CPU times that the kernel side and the function measure:
/// probes, the calls that measure, and parts of context switches, ns. An interrupt takes longer.
const USUAL_DIFFERENCE_NS: i64 = 200_000;

/// A finished operation.
#[derive(Debug)]
struct Row {
    duration_ns: i64,
    cpu_ns: Option<i64>,
    /// CPU time of the thread, as the function measured it.
    returned_ns: i64,
}

/// Runs `function` of the program on goroutines, `function` being recorded with `rule`.
fn rows(function: &str, rule: &str, flags: &[&str], arguments: [&str; 2]) -> Vec<Row> {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let built = targets::build_go("goroutines", flags, None);
    let program = targets::own_copy(&built, directory.path());
    fs::remove_file(built).unwrap();
    let probe = format!("op=go:{}:main.{function}{rule}", program.display());
    let recorder = Recorder::start(&root, &["--op", &probe]);
    let [goroutines, calls] = arguments;
    let outcome = targets::run(&program, &[function, goroutines, calls]);
    recorder.stop().check();
    let recording = Recording::open(&root);
    let totals = recording.checked("op");
    assert_eq!(totals.finished, outcome.counts().finished, "{totals:?}");
    assert_eq!(totals.lost, 0);
    let column = |name| recording.of("op", name);
    let durations = column("duration_ns").into_iter();
    let times = column("cpu_ns").into_iter();
    let returned = column("return_value").into_iter();
    let rows = durations.zip(times).zip(returned);
    rows.map(|((duration_ns, cpu_ns), returned_ns)| Row {
        duration_ns: duration_ns.unwrap(),
        cpu_ns,
        returned_ns: returned_ns.unwrap(),
    })
    .collect()
}

const RULE: &str = ",cpu=goroutine";

/// Nearly all rows with a CPU time have the one that the function measured; returns their share.
fn share_of_exact(rows: &[Row]) -> f64 {
    let known = rows.iter().filter_map(|row| Some((row, row.cpu_ns?)));
    let (mut number, mut close) = (0, 0);
    for (row, cpu_ns) in known {
        assert!((1..=row.duration_ns).contains(&cpu_ns), "{row:?}");
        number += 1;
        close += usize::from((cpu_ns - row.returned_ns).abs() <= USUAL_DIFFERENCE_NS);
    }
    assert!(close * 100 >= number * 95, "{close} of {number}");
    number as f64 / rows.len() as f64
}

#[test]
fn an_operation_without_a_switch_has_its_own_cpu_time() {
    if !host::allows_bpf() {
        return;
    }
    for flags in [
        &[][..],
        &["-buildmode=pie", "-ldflags=-linkmode=external -s -w"],
    ] {
        let share = share_of_exact(&rows("burns", RULE, flags, ["6", "200"]));
        assert!(share > 0.5, "{flags:?}: {share}");
    }
    let rows = rows("sleeps", RULE, &[], ["3", "200"]);
    let share = share_of_exact(&rows);
    assert!(share > 0.1, "{share}");
    let waited = rows.iter().filter(|row| row.cpu_ns < Some(row.duration_ns));
    assert!(waited.count() > 0);
}

#[test]
fn an_operation_that_other_goroutines_run_in_has_no_cpu_time() {
    if !host::allows_bpf() {
        return;
    }
    let yields = rows("yields", RULE, &[], ["40", "50"]);
    assert!(yields.iter().all(|row| row.cpu_ns.is_none()));
    // The other goroutine burns about two milliseconds. It may do so on another thread.
    let asks = rows("asks", RULE, &[], ["10", "10"]);
    let own = |row: &&Row| row.cpu_ns.is_none_or(|cpu_ns| cpu_ns < 1_000_000);
    assert_eq!(asks.iter().filter(own).count(), asks.len());
    let unknown = asks.iter().filter(|row| row.cpu_ns.is_none());
    assert!(unknown.count() > asks.len() / 2);
}

#[test]
fn without_the_rule_it_has_no_cpu_time() {
    if !host::allows_bpf() {
        return;
    }
    let burns = rows("burns", "", &[], ["4", "50"]);
    assert!(burns.iter().all(|row| row.cpu_ns.is_none()));
}
