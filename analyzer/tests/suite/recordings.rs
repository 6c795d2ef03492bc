//! Recordings in all states: running, crashed, damaged, of two recorders, of other versions. There
//! is a warning for rows that are missing.

use std::fs;
use std::path::Path;

use crate::program::{Place, analyzer, count, json, printed, refused, text};
use soakbox_schemas::recording::footer::{self, ColumnNote};
use soakbox_schemas::table;
use soakbox_schemas::tables::kind::{Count, Time, Word};
use soakbox_schemas::tables::{
    Annotation, AnnotationKind, DECLARATIONS, ORIGIN_COLUMNS, OperationMetrics, Table,
};
use soakbox_testing::{Recorder, Soak, annotation, concat};

#[test]
fn a_running_recording_answers_from_its_journals() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    recorder.seal_start();
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log[..60]));
    let journal = recorder.journal(Table::OPERATION_LOG, &rows.log[60..]);
    let metrics: Vec<OperationMetrics> = rows.metrics.concat();
    recorder.journal(
        Table::OPERATION_METRICS,
        &[OperationMetrics::batch(&metrics).unwrap()],
    );
    assert_eq!(count(place.text(), "operation_log"), 120 * 70);
    assert_eq!(
        count(
            place.text(),
            "operation_log WHERE recorder = '0a1b2c3d' AND host = 'soak-1'"
        ),
        120 * 70
    );
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["identity_ok"], true);
    assert_eq!(info["tables"]["operation_log"]["rows"], 120 * 70);
    assert_eq!(info["journals"], 2);

    // The last frame is being written: its rows are not there yet, and nothing is wrong.
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() - 5]).unwrap();
    assert_eq!(count(place.text(), "operation_log"), 119 * 70);
    let output = analyzer(&["info", place.text()]);
    assert_eq!(text(&output.stderr), "");

    // A bit flips in the middle: that frame is missing, and reported.
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&journal, &damaged).unwrap();
    assert_eq!(count(place.text(), "operation_log"), 119 * 70);
    let output = analyzer(&["info", place.text()]);
    assert!(
        text(&output.stderr).contains("damaged in 1 place"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_journal_next_to_its_sealed_segment_is_not_read_twice() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    recorder.journal(Table::OPERATION_LOG, &rows.log);
    recorder.seal_as(Table::OPERATION_LOG, &concat(&rows.log), 1);
    assert_eq!(count(place.text(), "operation_log"), 120 * 70);
}

#[test]
fn two_recorders_are_told_apart_and_added_up() {
    let place = Place::new();
    Soak::incomplete().seal(place.path());
    let rows = Soak {
        seconds: 10,
        ..Soak::default()
    }
    .rows();
    let mut other =
        Recorder::new(place.path()).with_uuid("ffffffff-0000-4000-8000-000000000002", "soak-2");
    other.seal(Table::OPERATION_LOG, &concat(&rows.log));
    let mut metrics = rows.metrics.concat();
    for row in metrics.iter_mut().filter(|row| row.interval == 5009) {
        row.begun += 2;
        row.in_flight = 2;
        row.oldest_in_flight_ns = Some(12_000_000_000);
    }
    other.seal(
        Table::OPERATION_METRICS,
        &OperationMetrics::batch(&metrics).unwrap(),
    );
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["hosts"], serde_json::json!(["soak-1", "soak-2"]));
    assert_eq!(info["identity_ok"], true, "{info}");
    assert_eq!(info["operations"][0]["in_flight"], 2);
    let oldest = &info["operations"][0]["oldest_in_flight_ns"];
    assert_eq!(oldest, 12_000_000_000_u64);
    let warnings = info["warnings"].as_array().unwrap().iter();
    let warnings: Vec<_> = warnings.filter_map(|warning| warning.as_str()).collect();
    let stuck = "2 in flight at the end, the oldest for 12.0 s";
    assert!(
        warnings.iter().any(|warning| warning.contains(stuck)),
        "{warnings:?}"
    );
    assert_eq!(info["operations"][0]["finished"], 110 * 20 + 10 * 20);
}

/// It is no less complete for it, and a deadlock must be seen all the same.
#[test]
fn an_operation_that_may_never_finish_is_shown_in_every_form() {
    let place = Place::new();
    let mut rows = Soak::default().rows();
    let last = rows.metrics.last_mut().unwrap();
    last[0].begun += 1;
    last[0].in_flight = 1;
    last[0].oldest_in_flight_ns = Some(90_000_000_000);
    let mut recorder = Recorder::new(place.path());
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log));
    let metrics = OperationMetrics::batch(&rows.metrics.concat()).unwrap();
    recorder.seal(Table::OPERATION_METRICS, &metrics);
    let annotations = Annotation::batch(&rows.annotations).unwrap();
    recorder.seal(Table::ANNOTATIONS, &annotations);
    let stuck = "rule_refresh: 1 in flight at the end, the oldest for 90.0 s";
    let shown = printed(&["summary", place.text()]);
    assert!(
        shown.contains(stuck) && !shown.contains("INCOMPLETE"),
        "{shown}"
    );
    for format in ["html", "markdown"] {
        let report = printed(&["report", place.text(), "-o", "-", "--format", format]);
        let report = report.replace("\\_", "_");
        assert!(report.contains(stuck), "{format}: {report}");
    }
}

#[test]
fn counts_that_disagree_with_the_rows_are_found() {
    type Change = fn(&mut OperationMetrics);
    let changes: [Change; 3] = [
        |row| row.recorded += 1,
        |row| row.begun += 1,
        |row| {
            // The counts agree with one another, but a row is missing.
            row.begun += 1;
            row.finished += 1;
            row.recorded += 1;
        },
    ];
    for change in changes {
        let place = Place::new();
        let rows = Soak::default().rows();
        let mut recorder = Recorder::new(place.path());
        recorder.seal(Table::OPERATION_LOG, &concat(&rows.log));
        let mut metrics = rows.metrics.concat();
        change(&mut metrics[7]);
        recorder.seal(
            Table::OPERATION_METRICS,
            &OperationMetrics::batch(&metrics).unwrap(),
        );
        let info = json(&["info", place.text(), "--format", "json"]);
        assert_eq!(info["identity_ok"], false);
        let wrong: Vec<bool> = info["operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|operation| operation["identity_ok"] == false)
            .collect();
        assert_eq!(wrong, [false, true]);
        assert!(printed(&["info", place.text()]).contains("  NO"));
    }
}

#[test]
fn what_a_crash_cut_off_is_a_gap_and_no_disagreement() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    // The rows of the last second were not flushed, its counters were; recovery wrote the gap.
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log[..119]));
    recorder.seal(
        Table::OPERATION_METRICS,
        &OperationMetrics::batch(&rows.metrics.concat()).unwrap(),
    );
    let gap = [annotation(119, Some(130), AnnotationKind::Gap, "crash")];
    recorder.seal(Table::ANNOTATIONS, &Annotation::batch(&gap).unwrap());
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["identity_ok"], true);
    assert_eq!(
        info["gaps"],
        serde_json::json!([{
            "from": "2026-11-24T08:01:59Z", "to": "2026-11-24T08:02:10Z", "cause": "crash"
        }])
    );
}

#[test]
fn rows_that_recovery_could_not_save_are_reported() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    recorder.seal_start();
    let more = [(footer::DAMAGED_BYTES, "2048")];
    recorder.seal_with(Table::OPERATION_LOG, &concat(&rows.log), 1, &more);
    let summary = json(&["summary", place.text(), "--format", "json"]);
    assert_eq!(summary["complete"], false);
    let warning = summary["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("2.00 KiB in the journals of 1 segment"),
        "{warning}"
    );
}

#[test]
fn a_file_of_a_newer_format_is_refused_by_its_number() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let recorder = Recorder::new(place.path());
    // The later of two equal keys counts, as in a map.
    let more = [(footer::FORMAT, "2")];
    recorder.seal_with(Table::OPERATION_LOG, &concat(&rows.log), 1, &more);
    let message = refused(&["info", place.text()]);
    assert!(
        message.contains("has format 2; the newest that this version reads is 1"),
        "{message}"
    );
    assert!(
        message.contains("hint: a newer soakbox-analyzer reads it"),
        "{message}"
    );
}

/// The recorder reads counters while the kernel adds to them. A count may come late, in a second
/// row of its interval. The newest in-flight sample is then in the row of an older interval.
#[test]
fn counts_that_come_late_add_up() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log));
    let mut metrics = rows.metrics.concat();
    let last = metrics.len() - 1;
    let before = last - 2;
    metrics[before].finished -= 1;
    metrics[before].recorded -= 1;
    metrics[before].in_flight = 1;
    metrics[last].in_flight = 1;
    let late = OperationMetrics {
        begun: 0,
        finished: 1,
        recorded: 1,
        in_flight: 0,
        ..metrics[before].clone()
    };
    // Finished was counted in one row, recorded in the next.
    metrics[9].recorded -= 1;
    let split = OperationMetrics {
        begun: 0,
        finished: 0,
        recorded: 1,
        ..metrics[9].clone()
    };
    metrics.extend([split, late]);
    recorder.seal(
        Table::OPERATION_METRICS,
        &OperationMetrics::batch(&metrics).unwrap(),
    );
    recorder.seal(
        Table::ANNOTATIONS,
        &Annotation::batch(&rows.annotations).unwrap(),
    );
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["identity_ok"], true, "{info}");
    assert_eq!(info["operations"][1]["in_flight"], 0);
    assert_eq!(info["operations"][1]["begun"], 120 * 50);
}

#[test]
fn damaged_and_foreign_files_are_named_and_the_rest_stays_readable() {
    type Damage = (&'static str, &'static str, fn(&Path));
    let make: [Damage; 4] = [
        ("corrupt Parquet file", "truncated", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("corrupt Parquet file", "empty", |path| {
            fs::write(path, b"").unwrap()
        }),
        ("foreign Parquet file", "no footer of ours", |path| {
            let rows = Soak {
                seconds: 1,
                ..Soak::default()
            }
            .rows();
            soakbox_testing::write_parquet(path, &rows.log[0], Vec::new());
        }),
        ("foreign Parquet file", "another name", |path| {
            fs::rename(path, path.with_file_name("results.parquet")).unwrap();
        }),
    ];
    for (reason, case, damage) in make {
        let place = Place::new();
        let mut recorder = Soak::default().seal(place.path());
        let rows = Soak {
            seconds: 5,
            ..Soak::default()
        }
        .rows();
        let path = recorder.seal(Table::OPERATION_LOG, &concat(&rows.log));
        damage(&path);
        for command in ["info", "summary"] {
            let message = refused(&[command, place.text()]);
            assert!(
                message.contains(reason) && message.contains(".parquet: "),
                "{case}: {message}"
            );
            assert!(message.contains("--skip-damaged"), "{case}: {message}");
        }
        let output = analyzer(&["info", place.text(), "--skip-damaged"]);
        assert!(output.status.success());
        let message = text(&output.stderr);
        assert!(
            message.contains("warning: left out ") && message.contains(reason),
            "{case}: {message}"
        );
        assert!(
            text(&output.stdout).contains("8,400"),
            "{case}: the rest is not read"
        );
    }
}

#[test]
fn a_file_without_newer_columns_reads_with_nulls() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let log = concat(&rows.log);
    let schema = log.schema();
    let older: Vec<usize> = (0..schema.fields().len() - 2).collect();
    let mut recorder = Recorder::new(place.path());
    recorder.seal(Table::OPERATION_LOG, &log.project(&older).unwrap());
    recorder.seal(Table::OPERATION_LOG, &log);
    let query = "SELECT count(*) AS n, count(sample_weight) AS known FROM operation_log";
    let rows = json(&["sql", place.text(), query, "--format", "json"]);
    assert_eq!(rows, serde_json::json!([{"n": 16_800, "known": 8_400}]));
}

/// The warnings about a recording with these columns of `operation_log` in its last file, and all in
/// the others.
fn column_warnings(keep: impl Fn(&str) -> bool) -> Vec<String> {
    let place = Place::new();
    let mut recorder = Soak::default().seal(place.path());
    let log = concat(&Soak::default().rows().log);
    let schema = log.schema();
    let kept = schema.fields().iter().enumerate();
    let kept = kept.filter(|(_, field)| keep(field.name()));
    let kept: Vec<usize> = kept.map(|(place, _)| place).collect();
    recorder.seal(Table::OPERATION_LOG, &log.project(&kept).unwrap());
    let output = analyzer(&["sql", place.text(), "SELECT 1"]);
    assert!(output.status.success());
    let warnings = text(&output.stderr);
    let warnings = warnings.lines().filter(|line| line.contains("column"));
    warnings.map(str::to_owned).collect()
}

#[test]
fn a_column_is_missed_only_where_the_version_of_its_file_has_it() {
    assert_eq!(column_warnings(|_| true), [""; 0]);
    // Nobody could write it yet.
    assert_eq!(column_warnings(|name| name != "goroutine"), [""; 0]);
    let holes = |name: &str| !["bytes", "cpu_ns"].contains(&name);
    assert_eq!(
        column_warnings(holes),
        [
            "warning: operation_log: columns that files of their version have are missing, and null \
             there: bytes (in 1 of 3 files), cpu_ns (in 1 of 3 files)"
        ]
    );
    assert_eq!(
        column_warnings(|name| holes(name) && name != "goroutine").len(),
        1
    );
}

#[test]
fn a_recording_of_an_older_version_has_no_goroutines() {
    let place = Place::new();
    let log = concat(&Soak::default().rows().log);
    let older: Vec<usize> = (0..log.schema().index_of("goroutine").unwrap()).collect();
    let older = log.project(&older).unwrap();
    Recorder::new(place.path()).seal(Table::OPERATION_LOG, &older);
    let query = "SELECT count(*) AS n, count(goroutine) AS known FROM operation_log";
    let rows = json(&["sql", place.text(), query, "--format", "json"]);
    assert_eq!(rows, serde_json::json!([{"n": 8_400, "known": 0}]));
}

table! {
    /// One row per process and interval: its page faults.
    "page_faults";
    #[derive(Clone, Debug, Default)]
    pub struct PageFaults, PageFaultsBuilder {
        /// Start of the interval.
        pub at_ns as at: Time, "ns", "recorder: clock";
        /// Name of the process.
        pub process: Word, "", "/proc";
        /// Faults that needed the disk.
        pub major: Count, "faults", "/proc";
    }
}

#[test]
fn a_table_that_only_its_files_declare_can_be_queried() {
    let place = Place::new();
    let mut recorder = Soak::default().seal(place.path());
    let table = PageFaults::DECLARATION.table;
    assert!(!table.is_declared(), "the analyzer was compiled without it");
    let rows = |majors: std::ops::Range<u64>| {
        let rows = majors.map(|major| PageFaults {
            at_ns: soakbox_testing::START_NS + major as i64,
            process: format!("process {}", major % 2),
            major,
        });
        PageFaults::batch(&rows.collect::<Vec<_>>()).unwrap()
    };
    recorder.seal(table, &rows(0..10));
    recorder.journal(table, &[rows(10..15)]);
    let query = "SELECT recorder, process, sum(major) AS major, max(CAST(at AS BIGINT)) - min(CAST(at AS BIGINT)) AS ns \
                 FROM page_faults GROUP BY recorder, process ORDER BY process";
    let answer = json(&["sql", place.text(), query, "--format", "json"]);
    let expected = serde_json::json!([
        {"recorder": "0a1b2c3d", "process": "process 0", "major": 56, "ns": 14},
        {"recorder": "0a1b2c3d", "process": "process 1", "major": 49, "ns": 12},
    ]);
    assert_eq!(answer, expected);
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["tables"]["page_faults"]["rows"], 15);
    assert_eq!(info["tables"]["page_faults"]["files"], 2);
}

#[test]
fn describe_tells_type_unit_and_meaning_of_every_column() {
    let place = Place::new();
    let recorder = Soak::default().seal(place.path());
    let describe = |table: &str| {
        let query = format!("DESCRIBE {table}");
        json(&["sql", place.text(), &query, "--format", "json"])
    };
    for declaration in DECLARATIONS {
        let rows = describe(declaration.table.name());
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), declaration.columns.len() + ORIGIN_COLUMNS.len());
        for (row, column) in rows.iter().zip(declaration.columns) {
            assert_eq!(row["column_name"], column.name);
            assert_eq!(row["description"], column.description());
            assert_eq!(row["source"], column.source);
            let unit = row["unit"].as_str().unwrap_or_default();
            assert_eq!(unit, column.unit);
        }
        let origin = rows.iter().skip(declaration.columns.len());
        for (row, name) in origin.zip(ORIGIN_COLUMNS) {
            assert_eq!(row["column_name"], name);
            assert!(row["description"].as_str().is_some());
        }
    }
    // In any spelling, and also for a view.
    assert_eq!(
        describe("Operation_Log;"),
        describe("\"operation_log\" -- all")
    );
    assert_eq!(describe("access_log").as_array().unwrap().len(), 5);
    // A table that only its files declare has the notes of its files.
    let rows = PageFaults::batch(&[PageFaults::default()]).unwrap();
    let notes = ColumnNote::of(PageFaults::DECLARATION);
    let notes = serde_json::to_string(&notes).unwrap();
    let table = PageFaults::DECLARATION.table;
    recorder.seal_with(table, &rows, 9, &[(footer::COLUMNS, &notes)]);
    let described = describe("page_faults");
    assert_eq!(described[2]["column_name"], "major");
    assert_eq!(described[2]["unit"], "faults");
    assert_eq!(described[2]["description"], "Faults that needed the disk.");
}
