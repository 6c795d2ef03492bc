//! The built program on real recordings: what it prints, what it refuses, what it leaves alone.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use serde_json::Value;
use soakbox_schemas::recording::footer;
use soakbox_schemas::tables::{Annotation, AnnotationKind, OperationMetrics, Table};
use support::{Recorder, Soak, annotation, concat};

fn analyzer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command that succeeds prints.
fn printed(arguments: &[&str]) -> String {
    let output = analyzer(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that fails says: exit code 2, nothing on stdout, one line and perhaps a hint.
fn refused(arguments: &[&str]) -> String {
    let output = analyzer(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(text(&output.stdout), "");
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("warning: "))
        .collect();
    assert!(
        lines[0].starts_with("error: ") && lines.len() <= 2,
        "{said}"
    );
    assert!(
        lines.get(1).is_none_or(|line| line.starts_with("hint: ")),
        "{said}"
    );
    said
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(arguments)).unwrap()
}

fn count(root: &str, table: &str) -> u64 {
    let rows = json(&[
        "sql",
        root,
        &format!("SELECT count(*) AS n FROM {table}"),
        "--format",
        "json",
    ]);
    rows[0]["n"].as_u64().unwrap()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn text(&self) -> &str {
        self.path().to_str().unwrap()
    }

    /// The path is another one in each run.
    fn plain(&self, text: &str) -> String {
        text.replace(self.text(), "[DIR]")
    }
}

fn incomplete() -> Soak {
    Soak {
        lost: 3,
        gap_at: Some(40),
        ..Soak::default()
    }
}

#[test]
fn info_and_summary_say_what_is_there_and_what_is_missing() {
    let place = Place::new();
    incomplete().seal(place.path());
    for command in ["info", "summary"] {
        let table = place.plain(&printed(&[command, place.text()]));
        insta::assert_snapshot!(format!("{command}_table"), table);
        let output = analyzer(&[command, place.text(), "--format", "json"]);
        insta::assert_snapshot!(
            format!("{command}_json"),
            place.plain(&text(&output.stdout))
        );
        let said = text(&output.stderr);
        assert!(
            said.contains("warning: traffic_control: 15 of 5,515 finished operations"),
            "{said}"
        );
        assert!(
            said.contains("warning: nothing was observed once, for 10.0 s"),
            "{said}"
        );
    }
    // Where the answer is bare rows or a picture, stderr says what is missing.
    let picture = place.path().with_extension("svg").display().to_string();
    for arguments in [
        ["sql", place.text(), "SELECT 1", "--format", "csv"],
        [
            "chart",
            place.text(),
            "-o",
            &picture,
            "--operation=traffic_control",
        ],
    ] {
        let output = analyzer(&arguments);
        assert!(output.status.success());
        let said = text(&output.stderr);
        assert!(
            said.contains("warning: traffic_control: 15 of 5,515"),
            "{said}"
        );
        assert!(
            said.contains("warning: nothing was observed once"),
            "{said}"
        );
    }
}

#[test]
fn the_figures_are_those_of_the_rows() {
    let place = Place::new();
    let soak = Soak::default();
    soak.seal(place.path());
    let log = concat(&soak.rows().log);
    let durations = log.column_by_name("duration_ns").unwrap();
    let names = log.column_by_name("operation").unwrap();
    let names = arrow::compute::cast(names, &arrow::datatypes::DataType::Utf8).unwrap();
    let summary = json(&["summary", place.text(), "--format", "json"]);
    assert_eq!(summary["complete"], true);
    for operation in summary["operations"].as_array().unwrap() {
        let name = operation["operation"].as_str().unwrap();
        let mut exact: Vec<i64> = durations
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .zip(names.as_string::<i32>().iter())
            .filter_map(|(duration, found)| (found == Some(name)).then_some(*duration))
            .collect();
        exact.sort_unstable();
        assert_eq!(operation["count"], exact.len());
        assert_eq!(operation["max_ns"], exact[exact.len() - 1]);
        for (key, thousandths) in [
            ("p50_ns", 500),
            ("p90_ns", 900),
            ("p95_ns", 950),
            ("p99_ns", 990),
            ("p999_ns", 999),
        ] {
            let read = operation[key].as_i64().unwrap();
            let wanted = exact[(thousandths * exact.len()).div_ceil(1000) - 1];
            assert!(
                read.abs_diff(wanted) as f64 <= wanted as f64 / 128.0,
                "{name} {key}: {read} for {wanted}"
            );
        }
    }
    let refresh = &summary["operations"][0];
    assert_eq!(refresh["rate_per_s"], 20.0);
    assert!(
        refresh["failures"].is_null() && refresh["bytes"].is_null(),
        "missing is null, never 0"
    );
    assert_eq!(summary["operations"][1]["bytes"], 120 * 50 * 512);
}

#[test]
fn a_running_recording_answers_from_its_journals() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    recorder.seal(Table::OperationLog, &concat(&rows.log[..60]));
    let journal = recorder.journal(Table::OperationLog, &rows.log[60..]);
    let metrics: Vec<OperationMetrics> = rows.metrics.concat();
    recorder.journal(
        Table::OperationMetrics,
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

    // A bit flips in the middle: that frame is missing, and it is said.
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
fn a_journal_beside_its_sealed_segment_is_not_read_twice() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    recorder.journal(Table::OperationLog, &rows.log);
    recorder.seal_as(Table::OperationLog, &concat(&rows.log), 1);
    assert_eq!(count(place.text(), "operation_log"), 120 * 70);
}

#[test]
fn two_recorders_are_told_apart_and_added_up() {
    let place = Place::new();
    incomplete().seal(place.path());
    let rows = Soak {
        seconds: 10,
        ..Soak::default()
    }
    .rows();
    let mut other =
        Recorder::new(place.path()).with_uuid("ffffffff-0000-4000-8000-000000000002", "soak-2");
    other.seal(Table::OperationLog, &concat(&rows.log));
    let mut metrics = rows.metrics.concat();
    for row in metrics.iter_mut().filter(|row| row.interval == 5009) {
        row.begun += 2;
        row.in_flight = 2;
    }
    other.seal(
        Table::OperationMetrics,
        &OperationMetrics::batch(&metrics).unwrap(),
    );
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["hosts"], serde_json::json!(["soak-1", "soak-2"]));
    assert_eq!(info["identity_ok"], true, "{info}");
    assert_eq!(info["operations"][0]["in_flight"], 2);
    assert_eq!(info["operations"][0]["finished"], 110 * 20 + 10 * 20);
}

#[test]
fn counts_that_disagree_with_the_rows_are_found() {
    type Change = fn(&mut OperationMetrics);
    let changes: [Change; 3] = [
        |row| row.recorded += 1,
        |row| row.begun += 1,
        |row| {
            // In balance by itself; a row is missing.
            row.begun += 1;
            row.finished += 1;
            row.recorded += 1;
        },
    ];
    for change in changes {
        let place = Place::new();
        let rows = Soak::default().rows();
        let mut recorder = Recorder::new(place.path());
        recorder.seal(Table::OperationLog, &concat(&rows.log));
        let mut metrics = rows.metrics.concat();
        change(&mut metrics[7]);
        recorder.seal(
            Table::OperationMetrics,
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
    recorder.seal(Table::OperationLog, &concat(&rows.log[..119]));
    recorder.seal(
        Table::OperationMetrics,
        &OperationMetrics::batch(&rows.metrics.concat()).unwrap(),
    );
    let gap = [annotation(119, Some(130), AnnotationKind::Gap, "crash")];
    recorder.seal(Table::Annotations, &Annotation::batch(&gap).unwrap());
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
fn what_recovery_could_not_save_is_said() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let recorder = Recorder::new(place.path());
    let more = [(footer::DAMAGED_BYTES, "2048")];
    recorder.seal_with(Table::OperationLog, &concat(&rows.log), 1, &more);
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
    recorder.seal_with(Table::OperationLog, &concat(&rows.log), 1, &more);
    let said = refused(&["info", place.text()]);
    assert!(
        said.contains("has format 2; this version reads format 1"),
        "{said}"
    );
}

/// The recorder takes counters while the kernel adds: a count may come late, in a second row of its interval, and then
/// the newest level stands in an older interval's row.
#[test]
fn counts_that_come_late_add_up() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    recorder.seal(Table::OperationLog, &concat(&rows.log));
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
        Table::OperationMetrics,
        &OperationMetrics::batch(&metrics).unwrap(),
    );
    recorder.seal(
        Table::Annotations,
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
            support::write_parquet(path, &rows.log[0], Vec::new());
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
        let path = recorder.seal(Table::OperationLog, &concat(&rows.log));
        damage(&path);
        for command in ["info", "summary"] {
            let said = refused(&[command, place.text()]);
            assert!(
                said.contains(reason) && said.contains(".parquet: "),
                "{case}: {said}"
            );
            assert!(said.contains("--skip-damaged"), "{case}: {said}");
        }
        let output = analyzer(&["info", place.text(), "--skip-damaged"]);
        assert!(output.status.success());
        let said = text(&output.stderr);
        assert!(
            said.contains("warning: left out ") && said.contains(reason),
            "{case}: {said}"
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
    recorder.seal(Table::OperationLog, &log.project(&older).unwrap());
    recorder.seal(Table::OperationLog, &log);
    let query = "SELECT count(*) AS n, count(sample_weight) AS known FROM operation_log";
    let rows = json(&["sql", place.text(), query, "--format", "json"]);
    assert_eq!(rows, serde_json::json!([{"n": 16_800, "known": 8_400}]));
}

/// The first segment's footer says that it ends before the queried time; its data is destroyed, so that a query that
/// touched it would fail.
#[test]
fn a_time_range_reads_only_the_files_that_hold_it() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    let first = recorder.seal(Table::OperationLog, &concat(&rows.log[..60]));
    recorder.seal(Table::OperationLog, &concat(&rows.log[60..]));
    let mut bytes = fs::read(&first).unwrap();
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap());
    let data = bytes.len() - 8 - footer as usize;
    bytes[4..data].fill(0xff);
    fs::write(&first, bytes).unwrap();
    let query = |condition: &str| {
        format!(
            "SELECT sum(duration_ns) IS NOT NULL AS ok, count(*) AS n FROM operation_log WHERE {condition}"
        )
    };
    let later = query("finished_at >= '2026-11-24T08:01:00Z'");
    let found = json(&["sql", place.text(), &later, "--format", "json"]);
    assert_eq!(found[0]["n"], 60 * 70);
    refused(&[
        "sql",
        place.text(),
        &query("finished_at >= '2026-11-24T08:00:59Z'"),
        "--format",
        "json",
    ]);
}

#[test]
fn queries_print_tables_json_and_csv() {
    let place = Place::new();
    Soak::default().seal(place.path());
    let query = "SELECT operation, count(*) AS n, quantile(duration_ns, 0.99) AS p99, quantiles(duration_ns, 0.5, 1) AS both, \
                 min(finished_at) AS first, max(return_value) AS nothing FROM operation_log GROUP BY operation ORDER BY operation";
    for format in ["table", "json", "csv"] {
        let output = printed(&["sql", place.text(), query, "--format", format]);
        insta::assert_snapshot!(format!("sql_{format}"), output);
    }
    let none = [
        "sql",
        place.text(),
        "SELECT pid FROM operation_log WHERE pid < 0",
    ];
    assert_eq!(printed(&none), "pid\n---\n");
    assert_eq!(
        json(&[&none[..], &["--format", "json"]].concat()),
        serde_json::json!([])
    );
    let words = printed(&[
        "sql",
        place.text(),
        "SELECT duration, cpu_usage, memory_usage, operation_times FROM feature_metrics",
    ]);
    assert_eq!(words.lines().count(), 4);
    assert!(printed(&["sql", place.text(), "SHOW TABLES"]).contains("access_log"));
}

#[test]
fn a_recording_cannot_be_changed_and_nothing_else_be_read() {
    let place = Place::new();
    Soak {
        seconds: 5,
        ..Soak::default()
    }
    .seal(place.path());
    let stolen = place.path().join("stolen.csv");
    let passwords = "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'".to_owned();
    let queries = [
        "INSERT INTO annotations SELECT * FROM annotations".to_owned(),
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "DROP TABLE operation_log".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        format!("COPY operation_log TO '{}'", stolen.display()),
        passwords,
        "SELECT * FROM '/etc/passwd'".to_owned(),
        "SELECT 1; DROP TABLE operation_log".to_owned(),
    ];
    for query in &queries {
        refused(&["sql", place.text(), query]);
    }
    assert!(!stolen.exists());
    assert_eq!(count(place.text(), "operation_log"), 5 * 70);
}

#[test]
fn mistakes_get_one_clear_line() {
    let place = Place::new();
    let root = place.path();
    Soak {
        seconds: 5,
        ..Soak::default()
    }
    .seal(&root.join("good"));
    fs::create_dir(root.join("other")).unwrap();
    fs::create_dir_all(root.join("empty/operation_log")).unwrap();
    fs::write(root.join("file"), b"x").unwrap();
    let at = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let good = at("good");
    let cases: Vec<Vec<String>> = vec![
        vec!["info".into(), at("missing")],
        vec!["info".into(), at("file")],
        vec!["info".into(), at("other")],
        vec!["summary".into(), at("empty")],
        vec!["sql".into(), good.clone(), String::new()],
        vec!["sql".into(), good.clone(), "SELEC 1".into()],
        vec![
            "sql".into(),
            good.clone(),
            "SELECT duraton_ns FROM operation_log".into(),
        ],
        vec![
            "sql".into(),
            good.clone(),
            "SELECT * FROM operations".into(),
        ],
        vec![
            "sql".into(),
            good.clone(),
            "SELECT quantile(duration_ns, 2) FROM operation_log".into(),
        ],
        vec![
            "sql".into(),
            good.clone(),
            "SELECT quantile(success, 0.5) FROM operation_log".into(),
        ],
        vec!["sql".into(), good.clone(), "SELECT 1 / 0".into()],
        vec![
            "sql".into(),
            good.clone(),
            "DROP TABLE operation_log".into(),
        ],
        vec![
            "chart".into(),
            good.clone(),
            "-o".into(),
            at("missing/chart.svg"),
        ],
        vec!["chart".into(), good.clone(), "-o".into(), at("other")],
        vec![
            "chart".into(),
            good.clone(),
            "-o".into(),
            at("chart.svg"),
            "--operation".into(),
            "no".into(),
        ],
        vec![
            "report".into(),
            good,
            "--against".into(),
            at("missing"),
            "-o".into(),
            at("report.html"),
        ],
    ];
    let mut said = String::new();
    for case in &cases {
        let arguments: Vec<&str> = case.iter().map(String::as_str).collect();
        said.push_str(&format!(
            "$ {}\n{}\n",
            arguments.join(" "),
            refused(&arguments)
        ));
    }
    insta::assert_snapshot!("mistakes", place.plain(&said));
    assert!(!root.join("report.html").exists() && !root.join("chart.svg").exists());
    let left: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 4, "a partial file was left: {left:?}");
}

#[test]
fn a_failed_run_leaves_an_earlier_file_alone() {
    let place = Place::new();
    let file = place.path().join("report.html");
    fs::write(&file, "earlier").unwrap();
    refused(&["report", "/nonexistent", "-o", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "earlier");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    Soak::default().seal(place.path());
    for format in ["table", "json", "csv"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
            .args([
                "sql",
                place.text(),
                "SELECT * FROM operation_log",
                "--format",
                format,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut [0; 10]).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(0), String::new()),
            "{format}"
        );
    }
}

#[test]
fn output_for_a_pipe_has_no_colours() {
    let place = Place::new();
    Soak::default().seal(place.path());
    for command in ["info", "summary"] {
        assert!(!printed(&[command, place.text()]).contains('\u{1b}'));
    }
}
