//! The built program on recordings: its answers, its refusals, and that it changes nothing.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::program::{Place, analyzer, count, json, printed, refused, text};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use soakbox_schemas::tables::Table;
use soakbox_testing::{Recorder, Soak, concat};

#[test]
fn info_and_summary_show_the_content_and_what_is_missing() {
    let place = Place::new();
    Soak::incomplete().seal(place.path());
    for command in ["info", "summary"] {
        let table = place.plain(&printed(&[command, place.text()]));
        insta::assert_snapshot!(format!("{command}_table"), table);
        let output = analyzer(&[command, place.text(), "--format", "json"]);
        insta::assert_snapshot!(
            format!("{command}_json"),
            place.plain(&text(&output.stdout))
        );
        let message = text(&output.stderr);
        assert!(
            message.contains("warning: traffic_control: 15 of 5,515 finished operations"),
            "{message}"
        );
        assert!(
            message.contains("warning: observation was incomplete once, for 10.0 s"),
            "{message}"
        );
    }
    // Where the answer is only rows or a chart, the warnings are on stderr.
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
        let message = text(&output.stderr);
        assert!(
            message.contains("warning: traffic_control: 15 of 5,515"),
            "{message}"
        );
        assert!(
            message.contains("warning: observation was incomplete once"),
            "{message}"
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

/// The first segment ends before the queried time, according to its footer. Its data are destroyed,
/// so that a query that reads them fails.
#[test]
fn a_time_range_reads_only_the_files_that_hold_it() {
    let place = Place::new();
    let rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    let first = recorder.seal(Table::OPERATION_LOG, &concat(&rows.log[..60]));
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log[60..]));
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
        vec![],
        vec!["inof".into(), good.clone()],
        vec!["info".into()],
        vec!["info".into(), good.clone(), "more".into()],
        vec!["summary".into(), good.clone(), "--fromat=json".into()],
        vec!["summary".into(), good.clone(), "--seed=1".into()],
        vec!["summary".into(), good.clone(), "--format=xml".into()],
        vec![
            "sql".into(),
            good.clone(),
            "SELECT 1".into(),
            "--format".into(),
        ],
        vec!["chart".into()],
        vec!["--verbose".into()],
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
    let mut transcript = String::new();
    for case in &cases {
        let arguments: Vec<&str> = case.iter().map(String::as_str).collect();
        transcript.push_str(&format!(
            "$ {}\n{}\n",
            arguments.join(" "),
            refused(&arguments)
        ));
    }
    insta::assert_snapshot!("mistakes", place.plain(&transcript));
    assert!(!root.join("report.html").exists() && !root.join("chart.svg").exists());
    let left: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 4, "a partial file was left: {left:?}");
}

#[test]
fn help_and_version_are_answers_not_errors() {
    for (asked, answer) in [
        (&["--help"][..], "Usage: soakbox-analyzer"),
        (&["sql", "--help"], "quantile(column, p)"),
        (&["help"], "Commands:"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let output = analyzer(asked);
        assert!(output.status.success(), "{asked:?}");
        assert!(text(&output.stdout).contains(answer), "{asked:?}");
        assert_eq!(text(&output.stderr), "", "{asked:?}");
    }
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
