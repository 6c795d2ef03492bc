//! Filters and sampling leave out rows and nothing else: every finished operation is counted by what
//! became of it, and is in the kernel's histogram. The counts are compared with the target's own.

use soakbox_schemas::tables::histogram::representative;

use crate::support::counting::{probe, record_with_rule};
use crate::support::place::Place;
use crate::support::recorder::Recorder;
use crate::support::recording::{Recording, Totals};
use crate::support::{host, targets};

const SUCCESS: &str = ",success=ret:i32>=0";

/// Farther from its mean than six standard deviations and 12 is no sum of `number` draws with this
/// probability, also where it is small: by Bernstein's inequality once in millions of tests.
fn farthest(number: i64, probability: f64) -> f64 {
    12.0 + 6.0 * (number as f64 * probability * (1.0 - probability)).sqrt()
}

fn assert_sampled(chosen: i64, number: i64, one_in: i64) {
    let probability = 1.0 / one_in as f64;
    let difference = chosen as f64 - number as f64 * probability;
    let most = farthest(number, probability);
    assert!(difference.abs() <= most, "{chosen} of {number}, 1/{one_in}");
}

#[test]
fn only_failures_have_rows_and_all_operations_are_counted() {
    if !host::allows_bpf() {
        return;
    }
    let number = (4_000 + host::seed() % 9_000).to_string();
    for (source, kind, success, arguments) in [
        ("ops.c", "uprobe", SUCCESS, ["mix", &number, "3", "5", "7"]),
        (
            "ops_marker.c",
            "marker",
            "",
            ["mix", &number, "2", "70", "3"],
        ),
    ] {
        let program = targets::build(source, &[]);
        let rule = format!("{success},only=failures");
        let (counts, recording, _directory) = record_with_rule(&program, kind, &rule, &arguments);
        let totals = recording.checked("op");
        assert_eq!(totals.finished, counts.finished, "{totals:?}");
        // Those that were nested too deep have no outcome.
        let known = counts.finished - totals.lost;
        assert_eq!(totals.recorded, totals.failures, "{totals:?}");
        assert_eq!(totals.filtered, known - totals.failures, "{totals:?}");
        assert_eq!(totals.lost, totals.lost_too_deep);
        assert!(totals.failures > 0 && (totals.lost > 0 || totals.failures == counts.failures));
        let failed = usize::try_from(totals.failures).unwrap();
        assert_eq!(recording.successes(), (0, failed, 0));
    }
}

#[test]
fn only_operations_that_took_long_enough_have_rows() {
    if !host::allows_bpf() {
        return;
    }
    const LEAST_NS: i64 = 1_000_000;
    let (short, long) = (3_000 + host::seed() % 3_000, 50 + host::seed() % 50);
    let place = Place::new();
    let (root, op) = (place.root(), place.probe());
    let recorder = Recorder::start(&root, &["--op", &op, "--min-duration", "1ms"]);
    targets::run(&place.program, &["calls", &short.to_string(), "2", "7"]);
    targets::run(&place.program, &["spin", &long.to_string(), "2000000"]);
    recorder.stop().check();
    let recording = Recording::open(&root);
    let totals = recording.checked("op");
    assert_eq!(totals.finished, (short + long).cast_signed(), "{totals:?}");
    assert!(totals.recorded >= long.cast_signed(), "{totals:?}");
    assert_eq!((totals.lost, totals.sampled_out), (0, 0));
    let rows = recording.of("op", "duration_ns").into_iter().flatten();
    assert!(rows.min().unwrap() >= LEAST_NS);
    let weights = recording.of("op", "sample_weight");
    assert!(weights.iter().all(|&weight| weight == Some(1)));
    // The histogram has the others too, so that it knows how many they are, but for one bucket.
    let durations = recording.durations("op");
    let below = |ns: i64| {
        let buckets = durations.buckets().iter();
        let below = buckets.filter(|(key, _)| representative(*key) < ns);
        below.map(|(_, count)| count).sum::<u64>().cast_signed()
    };
    let filtered = below(LEAST_NS - LEAST_NS / 64)..=below(LEAST_NS + LEAST_NS / 64);
    assert!(
        filtered.contains(&totals.filtered),
        "{filtered:?} {totals:?}"
    );
}

#[test]
fn sampling_chooses_at_random_also_from_a_load_that_repeats() {
    if !host::allows_bpf() {
        return;
    }
    let number = (60_000 + host::seed() % 20_000).cast_signed();
    let program = targets::build("ops.c", &[]);
    // The values that the target returns repeat after 1,000 calls, its failures after 4.
    for one_in in [2, 4, 10, 1_000] {
        let rule = format!("{SUCCESS},sample=1/{one_in}");
        let arguments = ["calls", &number.to_string(), "1", "4"];
        let (_, recording, _directory) = record_with_rule(&program, "uprobe", &rule, &arguments);
        let totals = recording.checked("op");
        assert_eq!((totals.finished, totals.lost), (number, 0), "{totals:?}");
        assert_eq!(totals.recorded + totals.sampled_out, number);
        assert_sampled(totals.recorded, number, one_in);
        let weights = recording.of("op", "sample_weight");
        assert!(weights.iter().all(|&weight| weight == Some(one_in)));
        assert_eq!(totals.failures, (number + 3) / 4, "of all operations");
        let (_, failed, _) = recording.successes();
        assert_sampled(failed as i64, totals.failures, one_in);
        let values = recording.of("op", "return_value");
        for remainder in [0, one_in / 2, one_in - 1] {
            let has = |value: i64| value >= 0 && value % one_in == remainder;
            let all = (0..number).filter(|index| index % 4 != 0 && has(index % 1_000));
            let all = all.count() as i64;
            let chosen = values.iter().filter(|value| value.is_some_and(has));
            assert_sampled(chosen.count() as i64, all, one_in);
        }
    }
}

fn everything_at_once(kind: &str, source: &str, flags: &[&str], selection: &str) -> Totals {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build(source, flags), directory.path());
    let op = format!("{}{selection}", probe(kind, &program));
    let small = ["--ring-bytes", "4096", "--sample", "1/9"];
    let recorder = Recorder::start(&root, &[&["--op", &op], &small[..]].concat());
    let outcome = targets::run(&program, &["calls", "150000", "2", "2"]);
    recorder.stop().check();
    let totals = Recording::open(&root).checked("op");
    let counts = outcome.counts();
    assert_eq!(
        (totals.finished, totals.failures),
        (counts.finished, counts.failures),
        "{totals:?}"
    );
    totals
}

#[test]
fn the_counts_add_up_where_operations_are_filtered_sampled_and_lost_at_once() {
    if !host::allows_bpf() {
        return;
    }
    // The rule of an operation overrides the flag.
    let totals = everything_at_once("uprobe", "ops.c", &[], ",only=failures,sample=1/3");
    assert_eq!(totals.filtered, totals.finished - totals.failures);
    assert_sampled(totals.recorded + totals.lost, totals.failures, 3);
    assert!(totals.lost > 0 && totals.recorded > 0, "{totals:?}");
    let totals = everything_at_once("marker", "ops_marker.c", &["-O3"], "");
    assert_eq!(totals.filtered, 0);
    assert_sampled(totals.recorded + totals.lost, totals.finished, 9);
    let totals = everything_at_once("uprobe", "ops.c", &["-O0"], ",min=1day");
    assert_eq!(totals.filtered, totals.finished, "{totals:?}");
}
