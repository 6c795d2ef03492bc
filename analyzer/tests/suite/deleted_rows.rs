//! Rows that retention deleted are reported as such: the recording is not read as complete from its
//! start, and counts of that time do not disagree with rows that are gone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{analyzer, json, refused, text};
use serde_json::Value;
use soakbox_analyzer::figures::{OperationTimeline, Reading, Timeline};
use soakbox_analyzer::sql::Session;
use soakbox_analyzer::windows::{Cut, Finished, Window, WindowLength};
use soakbox_schemas::recording::{Contents, Deleted, Deletions, RETENTION_FILE, SegmentFile};
use soakbox_schemas::tables::{Annotation, OperationMetrics, Table};
use soakbox_testing::{Recorder, Soak, concat};

/// A minute, sealed every 15 seconds.
fn recording(root: &Path) -> Vec<SegmentFile> {
    let soak = Soak {
        seconds: 60,
        ..Soak::default()
    };
    let rows = soak.rows().with_kernel_sums();
    let mut recorder = Recorder::new(root);
    for part in rows.log.chunks(15) {
        recorder.seal(Table::OPERATION_LOG, &concat(part));
    }
    for part in rows.metrics.chunks(15) {
        let batch = OperationMetrics::batch(&part.concat()).unwrap();
        recorder.seal(Table::OPERATION_METRICS, &batch);
    }
    let annotations = Annotation::batch(&rows.annotations).unwrap();
    recorder.seal(Table::ANNOTATIONS, &annotations);
    Contents::list(root).unwrap().segments
}

fn of(files: &[SegmentFile], table: Table) -> Vec<&SegmentFile> {
    files.iter().filter(|file| file.table == table).collect()
}

/// Counts segments as deleted, as a recorder does before it deletes them.
fn count(root: &Path, files: &[&SegmentFile]) -> Deletions {
    let mut deletions = Deletions::default();
    for file in files {
        let segment = soakbox_analyzer::recording::open(root, false).unwrap();
        let mut segments = segment.segments.iter();
        let segment = segments.find(|known| known.path == file.path).unwrap();
        let range = segment.range.unwrap();
        let deleted = Deleted {
            rows: segment.extent.unwrap().rows,
            files: 1,
            bytes: file.bytes,
            from_ns: range.first_ns,
            until_ns: range.last_ns,
        };
        deletions.add(&file.name.uuid8, file.table, deleted);
        let below = file.path.strip_prefix(root).unwrap();
        deletions
            .deleting
            .insert(below.to_str().unwrap().to_owned());
    }
    deletions
}

fn write(root: &Path, deletions: &Deletions) {
    fs::write(root.join(RETENTION_FILE), deletions.to_bytes().unwrap()).unwrap();
}

fn remove(files: &[&SegmentFile]) {
    for file in files {
        fs::remove_file(&file.path).unwrap();
    }
}

fn info(root: &Path) -> Value {
    let output = analyzer(&["info", root.to_str().unwrap(), "--format", "json"]);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn deleted_rows_are_reported_and_disagree_with_nothing() {
    let log = Table::OPERATION_LOG;
    let metrics = Table::OPERATION_METRICS;
    // The tables of which the first files are deleted, with how many.
    for parts in [
        &[(log, 1)][..],
        &[(log, 3)],
        &[(log, 2), (metrics, 1)],
        &[(log, 1), (metrics, 2)],
    ] {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let files = recording(root);
        assert_eq!(info(root)["identity_ok"], true);
        let gone: Vec<&SegmentFile> = parts
            .iter()
            .flat_map(|&(table, number)| of(&files, table).into_iter().take(number))
            .collect();
        let mut deletions = count(root, &gone);
        write(root, &deletions);
        let before = info(root);
        remove(&gone);
        let after = info(root);
        deletions.deleting.clear();
        write(root, &deletions);
        let whole = info(root);
        assert_eq!(
            before, after,
            "files that are named are not read: {parts:?}"
        );
        assert_eq!(after, whole, "{parts:?}");
        assert_eq!(whole["identity_ok"], true, "{parts:?}: {whole}");
        for (table, number) in parts {
            let deleted = &whole["deleted"][table.name()];
            assert_eq!(deleted["files"], *number, "{whole}");
            assert!(deleted["rows"].as_u64().unwrap() > 0 && deleted["from"].is_string());
        }
        let gaps = whole["gaps"].as_array().unwrap().iter();
        let causes: Vec<&str> = gaps.map(|gap| gap["cause"].as_str().unwrap()).collect();
        let expected = ["rows deleted by retention", "counts deleted by retention"];
        assert_eq!(causes, expected[..parts.len()], "{whole}");
        assert!(!whole["warnings"].as_array().unwrap().is_empty());
        let output = analyzer(&["info", root.to_str().unwrap()]);
        let shown = text(&output.stdout);
        assert!(shown.contains("deleted by retention"), "{shown}");
        // A row that is missing without a trace is still found.
        remove(&of(&files, log)[3..]);
        assert_eq!(info(root)["identity_ok"], false, "{parts:?}");
    }
}

#[test]
fn a_segment_that_is_deleted_while_it_is_read_is_a_clear_message() {
    let place = tempfile::tempdir().unwrap();
    let files = recording(place.path());
    let opened = soakbox_analyzer::recording::open(place.path(), false).unwrap();
    let session = Session::new(&opened).unwrap();
    remove(&of(&files, Table::OPERATION_LOG)[..1]);
    let mut segments = opened.segments(Table::OPERATION_LOG);
    let read = segments.find_map(|segment| segment.batches(&[], |_| Ok(())).err());
    let queried = session.collect("SELECT sum(duration_ns) FROM operation_log");
    for failure in [read, queried.err()] {
        let text = failure.unwrap().to_string();
        assert!(text.contains("deleted meanwhile"), "{text}");
    }
}

/// Time whose rows were deleted is a gap for questions to the rows. Figures have it from the counts.
#[test]
fn the_time_of_deleted_rows_is_a_gap_of_the_rows_only() {
    let place = tempfile::tempdir().unwrap();
    let files = recording(place.path());
    let root = place.path().to_str().unwrap();
    let query = "SELECT gap_s, observed_s FROM runs";
    let asked = || json(&["sql", root, query, "--format", "json"])[0].clone();
    let summary = || json(&["summary", root, "--format", "json"]);
    let windows = || {
        let reading = Reading::open(place.path(), false, Timeline::CUT).unwrap();
        Timeline::of(&reading, &[]).unwrap()
    };
    let (whole, all) = (summary(), windows());
    assert_eq!(asked()["gap_s"], 0.0);
    assert_eq!(asked()["observed_s"], whole["observed_s"]);
    let first = &of(&files, Table::OPERATION_LOG)[..2];
    write(place.path(), &count(place.path(), first));
    remove(first);
    assert!(asked()["gap_s"].as_f64().unwrap() > 25.0);
    let left = summary();
    assert_eq!(left["observed_s"], whole["observed_s"]);
    let operations = |answer: &Value| answer["operations"].as_array().unwrap().clone();
    for (left, whole) in operations(&left).iter().zip(operations(&whole)) {
        for key in ["count", "rate_per_s", "failures", "failure_rate", "cpu_ns"] {
            assert_eq!(left[key], whole[key], "{key}");
        }
        assert!(left["rows"].as_u64().unwrap() * 2 < whole["rows"].as_u64().unwrap() * 3);
        let p99 = |one: &Value| one["p99_ns"].as_f64().unwrap();
        assert!((p99(left) - p99(&whole)).abs() <= p99(&whole) / 64.0);
    }
    let left = windows();
    assert!(left.unobserved.is_empty());
    for (left, all) in left.operations.iter().zip(&all.operations) {
        assert!(left.windows[0].at_ns < left.range.first_ns + left.width_ns);
        let counts = |one: &OperationTimeline| -> u64 {
            let windows = one.windows.iter();
            windows.map(|window| window.count).sum()
        };
        assert_eq!(counts(left), counts(all), "{}", left.operation);
    }
}

/// A verdict has that time too: as fast, as often, as many failures as with the rows.
#[test]
fn a_verdict_knows_the_time_of_deleted_rows_from_the_counts() {
    let place = tempfile::tempdir().unwrap();
    let files = recording(place.path());
    let second = WindowLength::SECOND;
    let judged = || {
        let cut = Cut::not_shorter(second);
        let mut reading = Reading::open(place.path(), false, cut).unwrap();
        reading.runs.pop().unwrap()
    };
    let whole = judged();
    let first = &of(&files, Table::OPERATION_LOG)[..2];
    write(place.path(), &count(place.path(), first));
    remove(first);
    let left = judged();
    assert_eq!(left.identity.warnings, whole.identity.warnings);
    for (operation, whole) in &whole.operations {
        let left = &left.operations[operation];
        assert_eq!((left.length, whole.length), (second, second));
        assert_eq!(left.windows.len(), whole.windows.len());
        let missing = left.windows.iter().filter(|window| window.is_none());
        assert_eq!(missing.count(), 1, "{operation}: that in which rows begin");
        for (left, whole) in left.windows.iter().zip(&whole.windows) {
            let (Some(left), Some(whole)) = (left, whole) else {
                continue;
            };
            let figures = |window: &Window| {
                let Finished { timed, all } = window.of_finished();
                let rate = window.rate(1.0);
                (
                    timed,
                    all,
                    window.failures,
                    window.with_outcome,
                    window.cpu_ns,
                    rate,
                )
            };
            assert_eq!(figures(left), figures(whole), "{operation}");
            assert_eq!(
                left.histogram().buckets(),
                whole.histogram().buckets(),
                "{operation}"
            );
        }
    }
}

#[test]
fn rows_that_are_missing_without_a_trace_disagree() {
    let place = tempfile::tempdir().unwrap();
    let files = recording(place.path());
    remove(&of(&files, Table::OPERATION_LOG)[..1]);
    let info = info(place.path());
    assert_eq!(info["identity_ok"], false);
    assert_eq!(info.get("deleted"), None);
}

#[test]
fn a_trace_that_cannot_be_read_is_no_trace_of_nothing() {
    let place = tempfile::tempdir().unwrap();
    recording(place.path());
    let path: PathBuf = place.path().join(RETENTION_FILE);
    fs::write(&path, "{}").unwrap();
    let root = place.path().to_str().unwrap();
    let line = refused(&["info", root]);
    assert!(line.contains(RETENTION_FILE), "{line}");
    let output = analyzer(&["info", root, "--skip-damaged", "--format", "json"]);
    assert!(output.status.success());
    let info: Value = serde_json::from_slice(&output.stdout).unwrap();
    let warnings = info["warnings"].to_string();
    assert!(warnings.contains(RETENTION_FILE), "{warnings}");
}
