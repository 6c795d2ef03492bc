//! `export csv` and `export parquet`: what is imported again is what was exported, and a file that cannot
//! be written as asked is refused in one line.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use soakbox_schemas::tables::{OperationRow, OperationRowBuilder, Table};
use soakbox_testing::{HOSTILE_TEXTS, Recorder, Soak};

use crate::import_csv::{Noise, START};
use crate::program::{Place, analyzer, count, json, printed, refused, text};
use crate::seed::drawn;

const ALL: &str = "SELECT CAST(finished_at AS BIGINT) AS at, operation, duration_ns, memory_bytes, success, \
    bytes FROM operation_log ORDER BY at, operation, duration_ns";

/// Names that would do harm in a format if they were not escaped, and those that would on a terminal.
pub(crate) fn names() -> Vec<&'static str> {
    let others = [
        "plain",
        "a,b",
        "\"",
        "=1+1",
        "a b=\"c\"} 1\n# EOF",
        "\\",
        "Tag=x,1,2",
        "%2C",
        "{}",
    ];
    others.into_iter().chain(HOSTILE_TEXTS).collect()
}

/// Seals random rows, also some that overlap and some at the same time; gives them as SQL shows them.
pub(crate) fn seal_rows(place: &Place, noise: &mut Noise, rows: u64) -> Value {
    let names = names();
    let mut builder = OperationRowBuilder::with_operations(names.iter().copied());
    for row in 0..rows {
        let some = |noise: &mut Noise, value: u64| (noise.below(4) > 0).then_some(value);
        let digits = noise.below(12) as u32;
        let duration_ns = noise.below(10u64.pow(digits));
        let memory = noise.below(1 << 40);
        let bytes = noise.below(1 << 20);
        let at = START * 1_000_000_000 + row * 40_000_003 - noise.below(90_000_000);
        builder.append(&OperationRow {
            finished_at_ns: at as i64,
            interval: (at / 1_000_000_000) as i64,
            operation: noise.below(names.len() as u64) as u16,
            duration_ns,
            pid: some(noise, 4242).map(|pid| pid as i64),
            tid: some(noise, 4242 + row % 3).map(|tid| tid as i64),
            memory_bytes: some(noise, memory),
            success: some(noise, row).map(|row| row % 2 == 0),
            bytes: some(noise, bytes),
            sample_weight: 1,
            goroutine: some(noise, row % 7)
                .filter(|id| *id > 3)
                .map(|id| id as i64),
            ..OperationRow::default()
        });
    }
    let mut recorder = Recorder::new(place.path());
    recorder.seal_start();
    recorder.seal(Table::OPERATION_LOG, &builder.finish().unwrap());
    json(&["sql", place.text(), ALL, "--format", "json"])
}

#[test]
fn what_is_imported_again_is_what_was_exported() {
    let place = Place::new();
    let expected = seal_rows(&place, &mut Noise(drawn()), 3_000);
    assert_eq!(expected.as_array().unwrap().len(), 3_000);
    let out = Place::new();
    for format in ["csv", "parquet"] {
        let file = out.path().join(format);
        let (file, root) = (
            file.to_str().unwrap(),
            out.path().join(format!("{format}-run")),
        );
        let root = root.to_str().unwrap();
        assert_eq!(printed(&["export", format, place.text(), "-o", file]), "");
        printed(&[
            "import",
            format,
            file,
            "-o",
            root,
            "--duration",
            "duration_ns:ns",
            "--finished-at",
            "finished_at:rfc3339",
            "--operation",
            "operation",
            "--success",
            "success",
            "--memory",
            "memory_bytes",
            "--bytes",
            "bytes",
        ]);
        assert_eq!(
            json(&["sql", root, ALL, "--format", "json"]),
            expected,
            "{format}"
        );
        // The exported file itself is a table with all columns of the recording, and two more.
        if format == "parquet" {
            let query = "SELECT * FROM t ORDER BY finished_at, operation, duration_ns, tid, pid";
            let table = format!("t={file}");
            let of_file = json(&[
                "sql",
                place.text(),
                "--table",
                &table,
                query,
                "--format",
                "json",
            ]);
            let query = query.replace(" t ", " operation_log ");
            assert_eq!(
                of_file,
                json(&["sql", place.text(), &query, "--format", "json"])
            );
        }
        // The same rows are the same bytes.
        let before = fs::read(file).unwrap();
        let again = analyzer(&["export", format, place.text()]);
        assert!(again.status.success());
        assert_eq!(again.stdout, before, "{format}");
    }
}

#[test]
fn each_table_and_a_part_of_it_is_exported() {
    let place = Place::new();
    Soak::incomplete().seal(place.path());
    let out = Place::new();
    let file = out.path().join("rows.parquet");
    let file = file.to_str().unwrap();
    for table in [
        "operation_metrics",
        "recorder_health",
        "annotations",
        "access_log",
    ] {
        let output = analyzer(&[
            "export",
            "parquet",
            place.text(),
            "--table",
            table,
            "-o",
            file,
        ]);
        let message = text(&output.stderr);
        assert!(output.status.success(), "{message}");
        // Warnings as of all commands, once each.
        assert_eq!(
            message
                .matches("15 of 5,515 finished operations were lost")
                .count(),
            1
        );
        assert_eq!(
            message.matches("observation was incomplete once").count(),
            1
        );
        let query = "SELECT count(*) AS n FROM t";
        let named = format!("t={file}");
        let rows = json(&["sql", "--table", &named, query, "--format", "json"]);
        assert_eq!(
            rows[0]["n"].as_u64().unwrap(),
            count(place.text(), table),
            "{table}"
        );
    }
    let rows = |more: &[&str]| {
        let words = [&["export", "csv", place.text()][..], more].concat();
        printed(&words).lines().count() - 1
    };
    assert_eq!(
        rows(&[
            "--operation",
            "rule_refresh",
            "--from",
            "2026-11-24T08:00:10Z",
            "--to",
            "2026-11-24T08:00:20Z"
        ]),
        200
    );
    assert_eq!(rows(&["--from", "2026-11-25"]), 0);
    assert_eq!(rows(&[]), count(place.text(), "operation_log") as usize);
}

#[test]
fn what_cannot_be_exported_is_refused_and_leaves_the_earlier_file() {
    let place = Place::with_recording();
    let out = Place::new();
    let file = out.path().join("file");
    fs::write(&file, "earlier").unwrap();
    let file = file.to_str().unwrap();
    let root = place.text();
    let mut messages = String::new();
    for words in [
        &["csv", root, "-o", file, "--table", "no_such"][..],
        &["csv", root, "-o", file, "--table", "a; DROP"],
        &["parquet", "/no/such", "-o", file],
        &["parquet", root, "-o", file, "--operation", "none"],
        &["parquet", root, "-o", "/no/such/file"],
        &["hdr", root, "-o", file, "--every", "1us"],
        &["hdr", root, "-o", file, "--every", "0s"],
        &["openmetrics", root, "-o", file, "--every", "1"],
        &[
            "csv",
            root,
            "-o",
            file,
            "--from",
            "2026-11-25",
            "--to",
            "2026-11-24",
        ],
        &["perfetto", root, "-o", file, "--limit", "359"],
        &["perfetto", root, "-o", file, "--limit", "-1"],
        &["xml", root, "-o", file],
    ] {
        let message = refused(&[&["export"][..], words].concat());
        messages.push_str(&place.plain(&message));
        assert_eq!(fs::read_to_string(file).unwrap(), "earlier");
    }
    insta::assert_snapshot!("export_mistakes", out.plain(&messages));
    let left: Vec<_> = fs::read_dir(out.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    printed(&["export", "perfetto", root, "-o", file, "--limit", "360"]);
    // The time between two runs has no samples, and its length does not matter.
    let far = Soak {
        begin: 250_000,
        seed: 9,
        seconds: 60,
        ..Soak::default()
    };
    let two = Place::new();
    let first = two.seal("first", 1, 1.0);
    let second = two.seal_soak("second", &far);
    let every = |step| {
        [
            "export",
            "openmetrics",
            &first,
            &second,
            "--every",
            step,
            "-o",
            file,
        ]
    };
    printed(&every("1s"));
    let samples = fs::read_to_string(file).unwrap();
    assert!(samples.ends_with("# EOF\n"));
    let times: BTreeSet<&str> = samples
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.rsplit_once(' ')?.1))
        .collect();
    assert!(times.len() < 1_000, "{}", times.len());
    let message = refused(&every("1ms"));
    assert!(message.contains("more than 200,000 samples"), "{message}");
}

#[test]
fn help_of_each_format() {
    let formats = ["csv", "parquet", "perfetto", "openmetrics", "hdr"];
    let help: String = formats
        .iter()
        .map(|format| printed(&["export", format, "--help"]))
        .collect();
    insta::assert_snapshot!("export_help", help);
}
