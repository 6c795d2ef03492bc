//! What is missing in a recording is no measurement: rows, counts, annotations and whole runs that
//! are not there become neither a pass nor a regression.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Place, analyzer, refused, text};
use serde_json::Value;
use soakbox_analyzer::figures::Reading;
use soakbox_analyzer::windows::{Cut, Run, WindowLength};
use soakbox_schemas::tables::{Annotation, AnnotationKind, OperationMetrics, Table};
use soakbox_testing::{Recorder, Soak, annotation, concat};

fn healthy(seed: u64) -> Soak {
    Soak {
        seconds: 60,
        seed,
        ..Soak::default()
    }
}

/// The files of a recording whose rows and counts are sealed every 15 seconds.
struct Files {
    log: Vec<PathBuf>,
    metrics: Vec<PathBuf>,
    annotations: PathBuf,
}

fn seal(root: &Path, seed: u64) -> Files {
    let rows = healthy(seed).rows();
    let uuid = format!("{seed:08x}-0000-4000-8000-000000000001");
    let mut recorder = Recorder::new(root).with_uuid(&uuid, "soak-1");
    let log = rows.log.chunks(15);
    let log = log.map(|rows| recorder.seal(Table::OPERATION_LOG, &concat(rows)));
    let log = log.collect();
    let metrics = rows.metrics.chunks(15).map(<[_]>::concat);
    let metrics: Vec<_> = metrics
        .map(|rows| OperationMetrics::batch(&rows).unwrap())
        .collect();
    let seal = |batch| recorder.seal(Table::OPERATION_METRICS, batch);
    let metrics = metrics.iter().map(seal).collect();
    let annotations = Annotation::batch(&rows.annotations).unwrap();
    Files {
        log,
        metrics,
        annotations: recorder.seal(Table::ANNOTATIONS, &annotations),
    }
}

fn truncate(file: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

fn delete(file: &Path) {
    fs::remove_file(file).unwrap();
}

/// The exit status, the answer and the messages of a comparison.
fn compare(base: &[&str], candidate: &[&str], more: &[&str]) -> (i32, Value, String) {
    let fixed = ["--format", "json", "--skip-damaged"];
    let sides = [&["compare"], base, &["--against"], candidate].concat();
    let output = analyzer(&[&sides, &fixed[..], more].concat());
    let message = text(&output.stderr);
    let status = output.status.code().unwrap();
    assert_ne!(status, 2, "{message}");
    (
        status,
        serde_json::from_slice(&output.stdout).unwrap(),
        message,
    )
}

fn effects<'a>(answer: &'a Value, metric: &str) -> impl Iterator<Item = &'a Value> {
    let effects = answer["effects"].as_array().unwrap().iter();
    effects.filter(move |effect| effect["metric"] == metric)
}

fn verdicts<'a>(answer: &'a Value, metric: &str) -> Vec<&'a str> {
    let words = effects(answer, metric).map(|effect| effect["verdict"].as_str().unwrap());
    words.collect()
}

/// A way to harm a recording: its name, and the seconds whose operations are lost and that are
/// missing.
type Harm = (&'static str, fn(&Files), usize, usize);

const HARMS: [Harm; 11] = [
    (
        "the last rows are damaged",
        |files| truncate(&files.log[3]),
        15,
        0,
    ),
    (
        "rows in the middle are damaged",
        |files| truncate(&files.log[1]),
        15,
        0,
    ),
    (
        "the first and the last rows are gone",
        |files| {
            delete(&files.log[0]);
            delete(&files.log[3]);
        },
        30,
        0,
    ),
    (
        "all rows are gone",
        |files| files.log.iter().for_each(|file| delete(file)),
        60,
        0,
    ),
    (
        "the last counts are damaged",
        |files| truncate(&files.metrics[3]),
        0,
        15,
    ),
    (
        "counts in the middle are gone",
        |files| delete(&files.metrics[2]),
        0,
        15,
    ),
    (
        "rows and counts are gone at the end",
        |files| {
            delete(&files.log[3]);
            delete(&files.metrics[3]);
        },
        0,
        15,
    ),
    (
        "all counts are damaged",
        |files| files.metrics.iter().for_each(|file| truncate(file)),
        0,
        60,
    ),
    (
        "all counts are gone",
        |files| files.metrics.iter().for_each(|file| delete(file)),
        0,
        60,
    ),
    (
        "all counts are gone and rows are damaged",
        |files| {
            files.metrics.iter().for_each(|file| delete(file));
            truncate(&files.log[2]);
        },
        0,
        60,
    ),
    (
        "the gaps are not known",
        |files| truncate(&files.annotations),
        0,
        58,
    ),
];

#[test]
fn rows_that_are_not_there_are_lost_and_without_counts_nothing_is_known() {
    for (case, harm, lost, missing) in HARMS {
        let place = Place::new();
        harm(&seal(place.path(), 2));
        let reading = read(place.path());
        let run = &reading.runs[0];
        for (operation, series) in &run.operations {
            let each = if operation == "rule_refresh" { 20 } else { 50 };
            let seconds = series.windows.len();
            assert_eq!(series.missing(), missing, "{case}: {operation}");
            let expected = [each * (seconds - missing - lost), each * lost];
            let found = [series.count(), series.sum(|window| window.lost)];
            assert_eq!(found.map(|n| n as usize), expected, "{case}: {operation}");
        }
        let warned = |text: &str| run.identity.warnings.iter().any(|one| one.contains(text));
        assert_eq!(
            warned("their operations are counted as lost: "),
            lost > 0,
            "{case}"
        );
        let mut known = reading.warnings.iter().map(ToString::to_string);
        let is_gap = known.any(|one| one.contains("files missing"));
        let is_told = warned("that time is left out: ") || is_gap;
        assert_eq!(is_told, missing > 0, "{case}");
    }
}

#[test]
fn what_is_not_there_is_neither_a_pass_nor_a_regression() {
    for (case, harm, lost, missing) in HARMS {
        let place = Place::new();
        let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        let (base, candidate) = (at("base"), at("candidate"));
        seal(Path::new(&base), 1);
        harm(&seal(Path::new(&candidate), 2));
        for (base, candidate) in [(&base, &candidate), (&candidate, &base)] {
            let tolerant = ["--threshold", "30%"];
            let (status, answer, message) = compare(&[base], &[candidate], &tolerant);
            assert!([0, 3].contains(&status), "{case}: {answer}");
            for metric in ["rate", "bytes_rate", "duration_p50", "duration_mean", "cpu"] {
                let found = verdicts(&answer, metric);
                assert!(!found.contains(&"regressed"), "{case}: {answer}");
                // The kernel counted the operations, and knows nothing else about them.
                let is_open = missing > 50 || lost > 0 && metric != "rate";
                for effect in effects(&answer, metric).filter(|_| is_open) {
                    // A median is known within bounds, wherever the lost operations were.
                    let bound = effect["loss"]["high"].as_f64().filter(|_| missing == 0);
                    let is_within = bound.is_some_and(|high| high < 0.3);
                    let may_pass = metric == "duration_p50" && is_within;
                    let expected = if may_pass { "pass" } else { "inconclusive" };
                    assert_eq!(effect["verdict"], expected, "{case}: {metric}: {answer}");
                }
                if metric == "rate" && !is_open {
                    assert_eq!(found, ["pass"; 2], "{case}: {answer}");
                }
            }
            let is_told =
                message.contains(" are missing, and ") || message.contains("files missing");
            assert!(is_told, "{case}: {message}");
        }
    }
}

fn runs(root: &Path) -> Vec<Run> {
    read(root).runs
}

fn read(root: &Path) -> Reading {
    Reading::open(root, true, Cut::not_shorter(WindowLength::SECOND)).unwrap()
}

#[test]
fn a_row_that_is_missing_or_too_many_concerns_its_operation_and_second_only() {
    type Change = fn(&mut OperationMetrics);
    let recorded: [(&str, Change); 2] = [
        ("lost", |row| {
            (row.recorded, row.finished) = (row.recorded + 3, row.finished + 3)
        }),
        ("doubtful", |row| {
            (row.recorded, row.finished) = (row.recorded - 1, row.finished - 1)
        }),
    ];
    for (case, change) in recorded {
        let place = tempfile::tempdir().unwrap();
        let rows = healthy(1).rows();
        let mut recorder = Recorder::new(place.path());
        recorder.seal(Table::OPERATION_LOG, &concat(&rows.log));
        let mut metrics = rows.metrics.concat();
        // Two operations for each second.
        let control = &mut metrics[61];
        assert_eq!(control.operation, "traffic_control");
        change(control);
        recorder.seal(
            Table::OPERATION_METRICS,
            &OperationMetrics::batch(&metrics).unwrap(),
        );
        recorder.seal(
            Table::ANNOTATIONS,
            &Annotation::batch(&rows.annotations).unwrap(),
        );
        let run = &runs(place.path())[0];
        let lost = |operation: &str| run.operations[operation].sum(|window| window.lost);
        assert_eq!(lost("rule_refresh"), 0);
        assert_eq!(run.operations["rule_refresh"].missing(), 0);
        let control = &run.operations["traffic_control"];
        let second = control.windows[30].as_ref().map(|window| window.lost);
        let (expected, warning) = match case {
            "lost" => (Some(3), "as lost: traffic_control 3"),
            _ => (None, "left out: traffic_control 1.00 s"),
        };
        assert_eq!(second, expected);
        assert_eq!(control.missing(), usize::from(expected.is_none()));
        assert_eq!(lost("traffic_control"), expected.unwrap_or(0));
        let last = run.identity.warnings.last().unwrap();
        assert!(last.ends_with(warning), "{last}");
    }
}

/// A run of which nothing but its annotations is there.
fn only_annotations(root: &Path, seed: u64) {
    let uuid = format!("{seed:08x}-0000-4000-8000-000000000002");
    let annotations = [
        annotation(500, None, AnnotationKind::RecordingStarted, "0.1.0"),
        annotation(560, None, AnnotationKind::RecordingStopped, "interrupted"),
    ];
    let annotations = Annotation::batch(&annotations).unwrap();
    let mut recorder = Recorder::new(root).with_uuid(&uuid, "soak-1");
    recorder.seal(Table::ANNOTATIONS, &annotations);
}

#[test]
fn a_run_without_rows_blocks_a_pass_and_is_named() {
    let place = Place::new();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    for seed in 1..9 {
        seal(Path::new(&at(&seed.to_string())), seed);
    }
    let side = |seeds: [u64; 4]| seeds.map(|seed| at(&seed.to_string()));
    let (base, candidate) = (side([1, 2, 3, 4]), side([5, 6, 7, 8]));
    let base: Vec<&str> = base.iter().map(String::as_str).collect();
    let candidate: Vec<&str> = candidate.iter().map(String::as_str).collect();
    let tolerant = ["--threshold", "20%", "--threshold", "failure_rate=5%"];
    assert_eq!(compare(&base, &candidate, &tolerant).0, 0);
    // Nothing but annotations, and nothing that can be read.
    let (gone, damaged) = (at("gone"), at("damaged"));
    only_annotations(Path::new(&gone), 20);
    let files = seal(Path::new(&damaged), 21);
    let all = files.log.iter().chain(&files.metrics);
    all.chain([&files.annotations])
        .for_each(|file| truncate(file));
    for (empty, places) in [(&*gone, &[0, 4][..]), (&*damaged, &[2])] {
        for place in places.iter().copied() {
            let mut with = candidate.clone();
            with.insert(place, empty);
            for (base, candidate) in [(&base, &with), (&with, &base)] {
                let (status, answer, message) = compare(base, candidate, &tolerant);
                assert_eq!((status, &answer["verdict"]), (3, &"inconclusive".into()));
                let unusable = &answer["effects"][0]["unusable"][0];
                assert_eq!(
                    (&unusable["name"], &unusable["run"]),
                    (&empty.into(), &place.into())
                );
                assert!(
                    message.contains("no operation was observed in this run"),
                    "{message}"
                );
            }
        }
        // It is not known whether it has the operations of the base.
        let (status, answer, _) = compare(&base, &[empty], &["--only-base", "regressed"]);
        assert_eq!(
            (status, &answer["one_sided"]),
            (3, &serde_json::json!([])),
            "{answer}"
        );
        let file = at("good.baseline");
        let reason = refused(&[
            "baseline",
            "create",
            base[0],
            empty,
            "--skip-damaged",
            "-o",
            &file,
        ]);
        assert!(
            reason.contains(": nothing was observed in this run; hint: "),
            "{reason}"
        );
    }
}
