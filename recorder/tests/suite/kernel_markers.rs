//! Every operation that a marker announces is recorded exactly once, from C and from Rust, and the
//! callers of the markers come to no harm: the counts are compared with the target's own counter.

use crate::support::counting::{assert_counts, probe, record, record_with_rule};
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::{host, targets};

#[test]
fn a_marker_is_recorded_exactly_once_through_threads_recursion_and_forks() {
    if !host::allows_bpf() {
        return;
    }
    let number = 80_000 + host::seed() % 40_000;
    let program = targets::build("ops_marker.c", &[]);
    let (counts, recording, _directory) = record(
        &program,
        "marker",
        &["mix", &number.to_string(), "4", "5", "7"],
    );
    let totals = recording.checked("op");
    assert_eq!(totals.lost, 0);
    assert_counts(&counts, &totals, &recording);
}

#[test]
fn a_rule_takes_precedence_over_the_success_of_a_marker() {
    if !host::allows_bpf() {
        return;
    }
    let number = 1_000 + (host::seed() % 1_000) as i64;
    let program = targets::build("ops_marker.c", &[]);
    // As modes.h defines it: every seventh call fails.
    let values = (0..number).map(|index| {
        if index % 7 == 0 {
            -1 - index % 100
        } else {
            index % 1000
        }
    });
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    // The marker's own success is "not negative".
    type Rule = fn(i64) -> bool;
    type Read = fn(i64) -> i64;
    let cases: [(&str, Read, Rule); 3] = [
        ("", |value| value, |value| value >= 0),
        (",success=ret:i32<0", |value| value, |value| value < 0),
        (
            ",success=ret:u8!=7",
            |value| i64::from(value as u8),
            |value| value as u8 != 7,
        ),
    ];
    for (rule, read, succeeds) in cases {
        let arguments = ["calls", &number.to_string(), "1", "7"];
        let (counts, recording, _directory) =
            record_with_rule(&program, "marker", rule, &arguments);
        let totals = recording.checked("op");
        assert_eq!((counts.finished, totals.lost), (number, 0));
        let failures = values.iter().filter(|&&value| !succeeds(value)).count();
        assert!(failures > 0, "{rule}");
        assert_eq!(totals.failures, failures as i64, "{rule}");
        let expected = (values.len() - failures, failures, 0);
        assert_eq!(recording.successes(), expected, "{rule}");
        let of = recording.of("op", "return_value");
        let mut found: Vec<i64> = of.into_iter().flatten().collect();
        found.sort_unstable();
        let mut expected: Vec<i64> = values.iter().map(|&value| read(value)).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{rule}");
    }
}

#[test]
fn rust_markers_are_recorded_exactly_once_also_where_a_panic_drops_their_guards() {
    if !host::allows_bpf() {
        return;
    }
    let rounds = 1_000 + host::seed() % 500;
    for flags in [&[][..], &["-C", "opt-level=0"]] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recording");
        let program = targets::own_copy(&targets::build("markers.rs", flags), directory.path());
        let arguments = ["mix", &rounds.to_string(), "3"];
        let alone = targets::run(&program, &arguments);
        let recorder = Recorder::start(&root, &["--op", &probe("marker", &program)]);
        let outcome = targets::run(&program, &arguments);
        recorder.stop().check();
        assert_eq!(outcome.status.code(), Some(7), "{outcome:?}");
        assert_eq!(outcome, alone);
        let (counts, recording) = (outcome.counts(), Recording::open(&root));
        let totals = recording.checked("op");
        assert_eq!(counts.finished, 3 * 5 * rounds as i64);
        assert_eq!(totals.lost, 0, "{totals:?}");
        assert_counts(&counts, &totals, &recording);
        // Each thread finishes one operation with the value 1, and two (one with a token) with the
        // value 2.
        let values = recording.of("op", "return_value");
        let ones = values.iter().filter(|&&value| value == Some(1)).count();
        let twos = values.iter().filter(|&&value| value == Some(2)).count();
        assert_eq!((ones, twos), (3, 6));
    }
}

#[test]
fn the_locals_of_a_caller_survive_the_probes_of_a_marker() {
    if !host::allows_bpf() {
        return;
    }
    let program = targets::build("ops_marker.c", &["-O3"]);
    let (counts, recording, _directory) = record(&program, "marker", &["locals", "100000"]);
    assert_eq!(recording.checked("op").finished, counts.finished);
    assert_eq!(counts.all["locals_ok"], counts.begun, "{counts:?}");
}

#[test]
fn a_token_pairs_across_threads() {
    if !host::allows_bpf() {
        return;
    }
    let program = targets::build("ops_marker.c", &[]);
    for mode in [&["tokens", "20000", "64"][..], &["nested", "5000"]] {
        let (counts, recording, _directory) = record(&program, "marker", mode);
        let totals = recording.checked("op");
        assert_eq!(totals.lost, 0, "{mode:?}");
        assert_counts(&counts, &totals, &recording);
    }
}

#[test]
fn a_full_in_flight_map_loses_begins_and_goes_on() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("ops_marker.c", &[]), directory.path());
    let probe = probe("marker", &program);
    let recorder = Recorder::start(&root, &["--op", &probe, "--in-flight", "8"]);
    let outcome = targets::run(&program, &["tokens", "20000", "64"]);
    recorder.stop().check();
    let (counts, totals) = (outcome.counts(), Recording::open(&root).checked("op"));
    assert_eq!(totals.begun, counts.begun, "{totals:?}");
    assert_eq!(totals.finished, counts.finished, "{totals:?}");
    assert!(totals.lost > 0 && totals.recorded > 1_000, "{totals:?}");
    assert_eq!(totals.lost, totals.lost_no_memory, "{totals:?}");
    assert_eq!(
        totals.unmatched, totals.lost,
        "the finish of each lost begin is unmatched: {totals:?}"
    );
    assert_eq!(totals.in_flight, 0, "no entry leaks: {totals:?}");
}

#[test]
fn a_thread_is_still_followed_after_markers_left_without_a_finish() {
    if !host::allows_bpf() {
        return;
    }
    let program = targets::build("leaks.cpp", &[]);
    let (counts, recording, _directory) = record(&program, "marker", &["markers", "5000", "10"]);
    let totals = recording.checked("op");
    assert_eq!(
        (totals.begun, totals.finished),
        (counts.begun, counts.finished),
        "{totals:?}"
    );
    assert_eq!(
        (totals.lost, totals.abandoned),
        (0, counts.abandoned),
        "{totals:?}"
    );
}
