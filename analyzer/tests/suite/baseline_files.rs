//! Files of baselines that are damaged, impossible or hostile, and files in their place.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_testing::{Soak, write_parquet};

use crate::program::{Place, analyzer, printed, refused, text};

/// One row of a baseline: its numbers by name, and the durations.
#[derive(Clone)]
struct Row {
    numbers: HashMap<&'static str, i64>,
    operation: &'static str,
    durations: Vec<u8>,
}

const NUMBERS: [&str; 13] = [
    "run",
    "window",
    "count",
    "lost",
    "duration_ns",
    "with_outcome",
    "failures",
    "with_cpu",
    "cpu_ns",
    "with_memory",
    "memory_bytes",
    "with_bytes",
    "bytes",
];

/// A window of ten operations.
fn row(window: i64) -> Row {
    let mut durations = Vec::new();
    SparseHistogram::of((0..10).map(|n| 1_000 + n)).encode(&mut durations);
    let mut numbers: HashMap<&str, i64> = NUMBERS.map(|name| (name, 0)).into();
    numbers.extend([("window", window), ("count", 10), ("duration_ns", 10_045)]);
    Row {
        numbers,
        operation: "get",
        durations,
    }
}

impl Row {
    fn with(mut self, name: &'static str, value: i64) -> Self {
        self.numbers.insert(name, value);
        self
    }
}

/// Writes a baseline of one run with these operations and rows.
fn write(path: &Path, operations: &Value, rows: &[Row]) {
    let mut fields = vec![Field::new("operation", DataType::Utf8, false)];
    let names = rows.iter().map(|row| row.operation);
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(names))];
    for name in NUMBERS {
        fields.push(Field::new(name, DataType::Int64, false));
        let numbers = rows.iter().map(|row| row.numbers[name]);
        columns.push(Arc::new(Int64Array::from_iter_values(numbers)));
    }
    fields.push(Field::new("durations", DataType::Binary, false));
    let durations = rows.iter().map(|row| &row.durations);
    columns.push(Arc::new(BinaryArray::from_iter_values(durations)));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let run = json!([{
        "name": "r", "recording": "r", "recorder": "0a", "from": "2026-11-24T08:00:00Z",
        "to": "2026-11-24T08:01:00Z", "host": "h", "kernel": "k", "recorder_version": "1",
        "config_digest": "", "targets": [], "cpu_method": null, "memory_method": null,
        "warnings": [], "operations": operations
    }]);
    let pairs = [
        ("soakbox.baseline", "1".to_owned()),
        ("soakbox.baseline_runs", run.to_string()),
    ];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value));
    write_parquet(path, &batch, pairs.into());
}

fn sixty() -> Value {
    json!({"get": {"window_ns": 1_000_000_000, "windows": 60}})
}

#[test]
fn windows_that_cannot_be_are_refused() {
    let place = Place::new();
    let path = place.path().join("x.baseline");
    let file = path.to_str().unwrap();
    let good = || -> Vec<Row> { (0..60).map(row).collect() };
    write(&path, &sixty(), &good());
    printed(&["baseline", "show", file]);
    type Harm = fn(Row) -> Row;
    let harms: [Harm; 9] = [
        |row| row.with("failures", 1),
        |row| row.with("with_outcome", 11),
        |row| row.with("with_cpu", 11),
        |row| row.with("count", 9),
        |row| row.with("count", i64::MAX),
        |row| row.with("lost", i64::MAX),
        |row| row.with("lost", -1),
        |row| Row {
            durations: Vec::new(),
            ..row
        },
        |row| row.with("window", 60),
    ];
    for (case, harm) in harms.into_iter().enumerate() {
        let mut rows = good();
        let place = 7 * case;
        rows[place] = harm(rows[place].clone());
        write(&path, &sixty(), &rows);
        for command in [
            &["baseline", "show", file][..],
            &["baseline", "list", file],
            &["compare", file, "--against", file],
            &["changes", file],
        ] {
            let reason = refused(command);
            assert!(
                reason.contains("corrupt baseline: a window; hint: "),
                "{case}: {reason}"
            );
        }
    }
    // The same window twice, next to each other and not.
    for at in [0, 30, 60] {
        let mut rows = good();
        rows.insert(at, row(30));
        write(&path, &sixty(), &rows);
        assert!(refused(&["baseline", "show", file]).contains("corrupt baseline: a window"));
    }
}

#[test]
fn large_counts_add_up_without_an_end() {
    let place = Place::new();
    let path = place.path().join("x.baseline");
    let file = path.to_str().unwrap();
    let most = 1i64 << 48;
    let rows = (0..60).map(|window| {
        row(window)
            .with("lost", most)
            .with("cpu_ns", i64::MAX)
            .with("with_cpu", 10)
    });
    write(&path, &sixty(), &rows.collect::<Vec<_>>());
    for command in [
        &["baseline", "show", file][..],
        &["baseline", "list", file],
        &["compare", file, "--against", file],
        &["changes", file],
        &["soak", file],
    ] {
        let status = analyzer(command).status.code();
        assert!(
            [Some(0), Some(3)].contains(&status),
            "{command:?}: {status:?}"
        );
    }
}

#[test]
fn a_footer_cannot_claim_memory() {
    let place = Place::new();
    let path = place.path().join("x.baseline");
    let file = path.to_str().unwrap();
    let many = |operations: usize, windows: usize| -> Value {
        let one = |n: usize| {
            (
                format!("op{n}"),
                json!({"window_ns": 1_000_000_000, "windows": windows}),
            )
        };
        let mut all: serde_json::Map<String, Value> = (0..operations).map(one).collect();
        all.insert("get".to_owned(), sixty()["get"].clone());
        Value::Object(all)
    };
    let rows: Vec<Row> = (0..60).map(row).collect();
    write(&path, &many(5_000, 4_096), &rows);
    let reason = refused(&["baseline", "list", file]);
    assert!(
        reason.contains("corrupt baseline: more windows than its rows can fill; hint: "),
        "{reason}"
    );
    // A run with long gaps has windows without rows.
    write(&path, &many(20, 4_096), &rows[..1]);
    printed(&["baseline", "list", file]);
    write(&path, &many(1, 4_097), &rows);
    assert!(refused(&["baseline", "list", file]).contains("the windows of its runs"));
}

fn recording(place: &Place, name: &str, seed: u64) -> String {
    let soak = Soak {
        seconds: 30,
        seed,
        ..Soak::default()
    };
    place.seal_soak(name, &soak)
}

#[test]
fn a_directory_hides_no_damaged_baseline() {
    let place = Place::new();
    let run = recording(&place, "runs/1", 1);
    let at = |name: &str| {
        place
            .path()
            .join("runs")
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    };
    let good = at("good.baseline");
    assert!(
        analyzer(&["baseline", "create", &run, "-o", &good])
            .status
            .success()
    );
    let bytes = fs::read(&good).unwrap();
    fs::write(at("cut.baseline"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(at("notes.txt"), "PAR, but no more").unwrap();
    fs::write(at("empty"), "").unwrap();
    let batch = Soak {
        seconds: 1,
        ..Soak::default()
    }
    .rows()
    .log[0]
        .clone();
    write_parquet(Path::new(&at("other.parquet")), &batch, Vec::new());
    let directory = place.path().join("runs");
    let directory = directory.to_str().unwrap();
    let output = analyzer(&["baseline", "list", directory]);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("good.baseline"));
    let message = text(&output.stderr);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 1, "{message}");
    assert!(
        lines[0].starts_with("warning: ")
            && lines[0].contains("cut.baseline: corrupt baseline: its footer")
    );
    // Where recordings are read from a directory, the baselines in it are not.
    let message = text(&analyzer(&["compare", directory, "--against", &run]).stderr);
    for name in ["good.baseline", "cut.baseline"] {
        assert!(
            message.contains(&format!("{name}: is not read: ")),
            "{message}"
        );
    }
    assert!(
        !message.contains("notes.txt") && !message.contains("other.parquet"),
        "{message}"
    );
}

#[test]
fn only_a_baseline_is_replaced_and_that_is_reported() {
    let place = Place::new();
    let (one, two) = (recording(&place, "1", 1), recording(&place, "2", 2));
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (good, notes) = (at("good.baseline"), at("notes.txt"));
    fs::write(&notes, "years of work").unwrap();
    let reason = refused(&["baseline", "create", &one, "-o", &notes]);
    assert!(
        reason.contains("would be overwritten, and is no baseline; hint: "),
        "{reason}"
    );
    assert_eq!(fs::read_to_string(&notes).unwrap(), "years of work");
    assert!(
        analyzer(&["baseline", "create", &one, &two, "-o", &good])
            .status
            .success()
    );
    let output = analyzer(&["baseline", "create", &one, "-o", &good]);
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("it replaces a baseline of 2 runs"));
    // Nothing is in the way of a new file, and an empty one is no loss.
    fs::write(at("empty"), "").unwrap();
    for path in [at("new"), at("empty")] {
        let output = analyzer(&["baseline", "create", &one, "-o", &path]);
        assert!(output.status.success() && !text(&output.stderr).contains("replaces"));
    }
}

#[test]
fn a_baseline_comes_through_a_pipe() {
    let place = Place::new();
    let (one, two) = (recording(&place, "1", 1), recording(&place, "2", 2));
    let written = analyzer(&["baseline", "create", &one, "-o", "-"]);
    assert!(written.status.success());
    for (bytes, expected) in [
        (&written.stdout[..], "metric"),
        (b"no baseline", "is no baseline"),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
            .args(["compare", "/dev/stdin", "--against", &two])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A reader that has seen enough closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        let output = child.wait_with_output().unwrap();
        let all = text(&output.stdout) + &text(&output.stderr);
        assert!(all.contains(expected), "{all}");
    }
}
