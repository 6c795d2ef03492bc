//! `sql` on several recordings, and on a part of one: names, patterns, time, hosts, operations,
//! memory.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{Place, json, printed, refused, text};
use serde_json::json;
use soakbox_analyzer::coverage::KnownRuns;
use soakbox_analyzer::figures::Outline;
use soakbox_analyzer::sql::{Scope, Session, SessionRecording};
use soakbox_schemas::tables::Table;
use soakbox_testing::{Recorder, Soak, concat};

fn rows(arguments: &[&str], query: &str) -> serde_json::Value {
    json(&[&["sql"][..], arguments, &["-c", query, "--format", "json"]].concat())
}

#[test]
fn recordings_under_names_have_schemas_of_their_own() {
    let place = Place::new();
    let base = place.seal("base", 1, 1.0);
    let candidate = place.seal("candidate", 2, 2.0);
    let named = [format!("base={base}"), format!("candidate={candidate}")];
    let arguments = ["--as", &named[0], "--as", &named[1]];
    let query = "SELECT b.operation, CAST(c.p50 AS DOUBLE) / b.p50 AS factor FROM \
                 (SELECT operation, quantile(duration_ns, 0.5) AS p50 FROM base.operation_log GROUP BY operation) AS b \
                 JOIN (SELECT operation, quantile(duration_ns, 0.5) AS p50 FROM candidate.operation_log GROUP BY operation) AS c \
                 ON b.operation = c.operation ORDER BY b.operation";
    let found = rows(&arguments, query);
    assert_eq!(found.as_array().unwrap().len(), 2);
    for row in found.as_array().unwrap() {
        let factor = row["factor"].as_f64().unwrap();
        assert!((1.8..2.2).contains(&factor), "{row}");
    }
    // The views are those of their own recording.
    let view = "SELECT sum(operation_times * duration) AS n FROM";
    let sums = ["base", "candidate"].map(|name| {
        let found = rows(&arguments, &format!("{view} {name}.feature_metrics"));
        found[0]["n"].as_f64().unwrap()
    });
    assert!(sums[1] > 1.8 * sums[0], "{sums:?}");
    let tables = printed(&[&["sql"][..], &arguments, &["SHOW TABLES"]].concat());
    assert!(tables.contains("candidate"), "{tables}");
    let described = printed(&[&["sql"][..], &arguments, &["DESCRIBE base.operation_log"]].concat());
    assert!(
        described.contains("Time from begin to finish"),
        "{described}"
    );
    // Without a name there is no table, unless there is a recording without a name.
    let count = "SELECT count(*) AS n FROM operation_log";
    let line = refused(&[&["sql"][..], &arguments, &[count]].concat());
    assert!(line.contains("operation_log' not found"), "{line}");
    let both = rows(&[&[&*base][..], &arguments].concat(), count);
    assert_eq!(both, json!([{"n": 60 * 70}]));
}

#[test]
fn several_directories_and_patterns_are_one_recording() {
    let place = Place::new();
    let one = place.seal("run-1", 1, 1.0);
    let two = place.seal("run-2", 2, 1.0);
    place.seal("other", 3, 1.0);
    let count = "SELECT count(*) AS n, count(DISTINCT recorder) AS runs FROM operation_log";
    let expected = json!([{"n": 2 * 60 * 70, "runs": 2}]);
    let pattern = place.path().join("run-*");
    let pattern = pattern.to_str().unwrap();
    assert_eq!(rows(&[&one, &two], count), expected);
    assert_eq!(rows(&[pattern], count), expected);
    let named = format!("all={pattern}");
    let of_all = count
        .replace("operation_log", "all.operation_log")
        .replace("all.", "\"all\".");
    assert_eq!(rows(&["--as", &named], &of_all), expected);
    let printed = printed(&["sql", &one, &two, count, "--format", "csv"]);
    assert_eq!(printed, "n,runs\n8400,2\n");
    for again in [&one, pattern] {
        let line = refused(&["sql", &one, again, "-c", count]);
        assert!(line.contains("was read before"), "{line}");
        assert!(line.contains("hint: name each recording once"), "{line}");
    }
    // Two names are two recordings, and the only name need not be written.
    let (base, candidate) = (format!("base={one}"), format!("candidate={one}"));
    let both = "SELECT count(*) AS n FROM base.operation_log, \
                (SELECT count(*) FROM candidate.operation_log)";
    let expected = json!([{"n": 60 * 70}]);
    assert_eq!(rows(&["--as", &base, "--as", &candidate], both), expected);
    let only = "SELECT count(*) AS n FROM operation_log";
    assert_eq!(rows(&["--as", &base], only), expected);
    let none = place.path().join("no-*");
    let line = refused(&["sql", none.to_str().unwrap(), "-c", count]);
    assert!(line.contains("no directory fits this pattern"), "{line}");
}

#[test]
fn a_scope_is_part_of_every_table() {
    let place = Place::new();
    let soak = Soak {
        gap_at: Some(40),
        ..Soak::default()
    };
    let root = place.seal_soak("recording", &soak);
    let minute = [
        "--from",
        "2026-11-24T08:01:00Z",
        "--to",
        "2026-11-24 08:01:30",
    ];
    let scope = [&[&*root][..], &minute].concat();
    let count = |arguments: &[&str], table: &str| {
        let found = rows(arguments, &format!("SELECT count(*) AS n FROM {table}"));
        found[0]["n"].as_u64().unwrap()
    };
    assert_eq!(count(&scope, "operation_log"), 30 * 70);
    assert_eq!(count(&scope, "operation_metrics"), 30 * 2);
    assert_eq!(count(&scope, "access_log"), 30 * 70, "views too");
    let one = [&scope[..], &["--operation", "rule_refresh"]].concat();
    assert_eq!(count(&one, "operation_log"), 30 * 20);
    assert_eq!(count(&one, "operation_metrics"), 30);
    assert_eq!(
        count(&one, "annotations"),
        1,
        "the note at the first minute"
    );
    // A gap that reaches into the range is part of it.
    let gap = [
        &*root,
        "--from",
        "2026-11-24T08:00:45Z",
        "--to",
        "2026-11-24T08:00:46Z",
    ];
    let found = rows(&gap, "SELECT kind FROM annotations");
    assert_eq!(found, json!([{"kind": "gap"}]));
    let host = rows(&[&root], "SELECT DISTINCT host FROM operation_log");
    let host = host[0]["host"].as_str().unwrap();
    assert_eq!(count(&[&*root, "--host", host], "operation_log"), 110 * 70);
    for (arguments, reason) in [
        (["--operation", "no"], "no recording has such an operation"),
        (["--host", "no"], "no recording is of such a host"),
        (["--from", "yesterday"], "is no time"),
        (["--from", "2030"], "is a year: write 2030-01-01"),
        (["--memory", "12"], "is no size"),
        (["--memory", "1KiB"], "is no size"),
        (["--as", "a"], "is not NAME=DIR"),
        (["--as", "A=x"], "lower-case letters"),
        (["--as", "recording=x"], "is taken"),
    ] {
        let line = refused(&[&["sql", &root][..], &arguments, &["SELECT 1"]].concat());
        assert!(line.contains(reason), "{line}");
    }
    let reserved = refused(&["sql", &root, "SELECT interval FROM operation_metrics"]);
    assert!(
        reserved.contains("hint: write the column as \"interval\""),
        "{reserved}"
    );
    let backwards = [
        "sql",
        &root,
        "--from",
        "2026-11-25",
        "--to",
        "2026-11-24",
        "SELECT 1",
    ];
    assert!(refused(&backwards).contains("is not after --from"));
}

/// A range of time does not cut the runs that it is in: their ends, gaps and rates stay the same.
#[test]
fn a_run_keeps_its_ends_in_a_range_of_time() {
    let place = Place::new();
    let soak = Soak {
        gap_at: Some(40),
        ..Soak::default()
    };
    let root = place.seal_soak("recording", &soak);
    let runs = "SELECT since_start(started_at) AS a, since_start(ended_at) AS b, is_stopped, gap_s, \
                observed_s FROM runs";
    let spans =
        "SELECT since_start(at) AS a, since_start(until) AS b FROM observed_spans ORDER BY at";
    let whole = rows(&[&root], runs);
    assert_eq!(
        whole,
        json!([{"a": 0.0, "b": 120.0, "is_stopped": true, "gap_s": 10.0, "observed_s": 110.0}])
    );
    let (early, late) = (json!({"a": 0.0, "b": 40.0}), json!({"a": 50.0, "b": 120.0}));
    for (from, to, expected) in [
        ("08:00:00", "08:00:01", json!([early])),
        ("08:00:30", "08:00:55", json!([early, late])),
        ("08:00:45", "08:00:46", json!([])),
        ("08:01:59", "08:02:30", json!([late])),
    ] {
        let [from, to] = [from, to].map(|time| format!("2026-11-24 {time}"));
        let scope = [&*root, "--from", &from, "--to", &to];
        assert_eq!(rows(&scope, runs), whole, "{from}");
        assert_eq!(rows(&scope, spans), expected, "{from}");
    }
    let after = [&*root, "--from", "2026-11-24 08:03:00"];
    assert_eq!(rows(&after, runs), json!([]));
    assert_eq!(rows(&after, spans), json!([]));
    // The last interval that a range has is not cut by the range.
    let rates = "SELECT DISTINCT observed_s FROM mesh_metrics";
    let cut = [&*root, "--to", "2026-11-24 08:00:20.5"];
    assert_eq!(rows(&cut, rates), json!([{"observed_s": 1.0}]));
}

/// The annotations are deleted once the recording is open, so that a second reading finds nothing.
#[test]
fn the_runs_of_an_open_recording_are_not_read_again() {
    let place = Place::new();
    let soak = Soak {
        gap_at: Some(40),
        ..Soak::default()
    };
    let root = place.seal_soak("recording", &soak);
    let Outline {
        recording, runs, ..
    } = Outline::open(Path::new(&root), false).unwrap();
    fs::remove_dir_all(recording.root.join("annotations")).unwrap();
    let gap = |runs: Option<KnownRuns>| {
        let only = SessionRecording {
            name: "recording",
            recording: &recording,
            runs,
        };
        let session = Session::of(vec![only], &Scope::default(), 1 << 30)?;
        session.texts("SELECT CAST(gap_s AS VARCHAR) FROM runs")
    };
    assert_eq!(gap(Some(runs)).unwrap(), ["10.0"]);
    assert!(gap(None).is_err(), "the annotations are still there");
}

/// The data of the first file are destroyed, so that a query that reads them fails. The warnings of
/// a reading compare all rows, which they report that they cannot.
#[test]
fn a_scope_reads_only_the_files_that_hold_it() {
    let place = Place::new();
    let soak_rows = Soak::default().rows();
    let mut recorder = Recorder::new(place.path());
    let first = recorder.seal(Table::OPERATION_LOG, &concat(&soak_rows.log[..60]));
    recorder.seal(Table::OPERATION_LOG, &concat(&soak_rows.log[60..]));
    let mut bytes = fs::read(&first).unwrap();
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap());
    let data = bytes.len() - 8 - footer as usize;
    bytes[4..data].fill(0xff);
    fs::write(&first, bytes).unwrap();
    let query = "SELECT sum(duration_ns) > 0 AS ok, count(*) AS n FROM operation_log";
    let later = [place.text(), "--from", "2026-11-24T08:01:00Z"];
    assert_eq!(rows(&later, query), json!([{"ok": true, "n": 60 * 70}]));
    refused(&["sql", place.text(), "--from", "2026-11-24T08:00:59Z", query]);
}

#[test]
fn a_sort_beyond_the_memory_spills_and_leaves_nothing() {
    let place = Place::new();
    let soak = Soak {
        seconds: 60,
        controls_per_second: 6_000,
        ..Soak::default()
    };
    let root = place.seal_soak("recording", &soak);
    let temporary = tempfile::tempdir().unwrap();
    let query = "EXPLAIN ANALYZE SELECT * FROM operation_log ORDER BY duration_ns, finished_at";
    let output = Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
        .args(["sql", &root, query, "--memory", "64MiB"])
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let plan = text(&output.stdout);
    let spilled = plan.split("spill_count=").skip(1);
    let spilled = spilled.filter(|count| !count.starts_with('0')).count();
    assert!(spilled > 0, "nothing was spilled: {plan}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}
