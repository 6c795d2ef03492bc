//! The functions and views of `sql`, compared with an exact computation over the rows.

use std::collections::BTreeMap;

use crate::program::{Place, json as answer, printed, refused};
use serde_json::{Value, json};
use soakbox_testing::{Load, START_NS, Soak};

fn rows(root: &str, query: &str) -> Vec<Value> {
    let rows = answer(&["sql", root, query, "--format", "json"]);
    rows.as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

/// Nearest rank, exactly, in integers.
fn exact(sorted: &[i64], thousandths: usize) -> i64 {
    let rank = (thousandths * sorted.len()).div_ceil(1000).max(1);
    sorted[rank - 1]
}

#[track_caller]
fn assert_close(found: &Value, exact: i64) {
    let error = (number(found) - exact as f64).abs();
    assert!(
        error <= exact.unsigned_abs() as f64 / 128.0,
        "{found} for {exact}"
    );
}

/// Durations by operation and second, sorted.
fn durations(root: &str) -> BTreeMap<(String, i64), Vec<i64>> {
    let log = "SELECT operation, CAST(finished_at AS BIGINT) AS at, duration_ns FROM operation_log";
    let mut groups: BTreeMap<(String, i64), Vec<i64>> = BTreeMap::new();
    for row in rows(root, log) {
        let second = (row["at"].as_i64().unwrap() - START_NS) / 1_000_000_000;
        let key = (row["operation"].as_str().unwrap().to_owned(), second);
        groups
            .entry(key)
            .or_default()
            .push(row["duration_ns"].as_i64().unwrap());
    }
    groups
        .values_mut()
        .for_each(|values| values.sort_unstable());
    groups
}

#[test]
fn quantiles_of_sketches_are_those_of_the_rows() {
    let place = Place::new();
    Load {
        seconds: 60,
        operations: 3,
        per_second: 40.0,
        sigma: 2.0,
        ..Load::default()
    }
    .seal(place.path());
    let groups = durations(place.text());
    let by_second = "SELECT operation, date_bin('1 second', finished_at) AS second, \
                     sketch(duration_ns) AS durations, sketch(duration_ns, 3) AS weighted, \
                     quantile(duration_ns, 0.9) AS p90 \
                     FROM operation_log GROUP BY operation, second";
    let each = format!(
        "SELECT operation, CAST(since_start(second) AS BIGINT) AS at, p90, \
         sketch_quantile(durations, 0.9) AS one, sketch_quantiles(weighted, 0.9, 1) AS several, \
         sketch_count(durations) AS n, sketch_count(weighted) AS n3 FROM ({by_second}) AS s"
    );
    let found = rows(place.text(), &each);
    assert_eq!(found.len(), groups.len());
    for row in found {
        let key = (
            row["operation"].as_str().unwrap().to_owned(),
            row["at"].as_i64().unwrap(),
        );
        let values = &groups[&key];
        assert_close(&row["p90"], exact(values, 900));
        assert_eq!(row["one"], row["p90"]);
        assert_eq!(row["n"], values.len());
        assert_eq!(row["n3"], 3 * values.len());
        // The same values three times each: the rank is that of the three-fold list.
        let threefold: Vec<i64> = values.iter().flat_map(|value| [*value; 3]).collect();
        assert_close(&row["several"][0], exact(&threefold, 900));
        assert_eq!(
            row["several"][1],
            *values.last().unwrap(),
            "the last rank is exact"
        );
    }
    // Those of the seconds together are those of all rows.
    let whole = format!(
        "SELECT operation, quantile(durations, 0.99) AS p99, merge(durations) = all_rows AS same, \
         quantiles(durations, 0, 1) AS ends \
         FROM ({by_second}) AS s \
         JOIN (SELECT operation AS name, sketch(duration_ns) AS all_rows FROM operation_log \
               GROUP BY operation) AS whole ON operation = name \
         GROUP BY operation, all_rows"
    );
    let found = rows(place.text(), &whole);
    assert_eq!(found.len(), 3);
    for row in found {
        let of_operation = groups
            .iter()
            .filter(|((name, _), _)| row["operation"] == name.as_str());
        let mut values: Vec<i64> = of_operation
            .flat_map(|(_, values)| values.clone())
            .collect();
        values.sort_unstable();
        assert_close(&row["p99"], exact(&values, 990));
        assert_eq!(row["same"], true);
        assert_eq!(row["ends"], json!([values.first(), values.last()]));
    }
}

#[test]
fn units_and_times_are_exact() {
    let place = Place::new();
    Soak {
        seconds: 3,
        begin: 7,
        ..Soak::default()
    }
    .seal(place.path());
    let query = "SELECT operation, CAST(begun_at(finished_at, duration_ns) AS BIGINT) AS begun, \
                 CAST(finished_at AS BIGINT) AS finished, duration_ns, ms(duration_ns) AS ms, \
                 seconds(duration_ns) AS s, ms(quantiles(duration_ns, 0, 1) OVER ()) AS list, \
                 since_start(finished_at) AS at, since_start(finished_at, recorder) AS in_run, \
                 interval_ns(recorder) AS length, duration_ns > ns('1ms') AS is_long \
                 FROM operation_log";
    let found = rows(place.text(), query);
    assert_eq!(found.len(), 3 * 70);
    for row in &found {
        let (finished, ns) = (
            row["finished"].as_i64().unwrap(),
            row["duration_ns"].as_i64().unwrap(),
        );
        assert_eq!(row["begun"], finished - ns);
        assert_eq!(number(&row["ms"]), ns as f64 / 1e6);
        assert_eq!(number(&row["s"]), ns as f64 / 1e9);
        assert_eq!(
            number(&row["at"]),
            (finished - START_NS - 7_000_000_000) as f64 / 1e9
        );
        assert_eq!(row["at"], row["in_run"]);
        assert_eq!(row["length"], 1_000_000_000);
        assert_eq!(row["is_long"], ns > 1_000_000);
    }
    let all = found.iter().map(|row| number(&row["ms"]));
    let ends = [
        all.clone().fold(f64::MAX, f64::min),
        all.fold(0.0, f64::max),
    ];
    assert_eq!(found[0]["list"], json!(ends));
}

#[test]
fn what_a_function_cannot_do_is_refused_in_one_sentence() {
    let place = Place::new();
    Soak {
        seconds: 1,
        ..Soak::default()
    }
    .seal(place.path());
    for (expression, reason) in [
        (
            "quantile(DISTINCT duration_ns, 0.5)",
            "quantile: DISTINCT is not supported",
        ),
        (
            "sketch(DISTINCT duration_ns)",
            "sketch: DISTINCT is not supported",
        ),
        (
            "quantile(duration_ns, 1.5)",
            "quantile: p must be a constant from 0 to 1",
        ),
        ("quantile(duration_ns, NULL)", "quantile: p must be a"),
        (
            "quantiles(duration_ns, 0.5, pid)",
            "quantiles: p must be a constant from 0 to 1",
        ),
        (
            "quantile(duration_ns)",
            "quantile: it is called as quantile(column, p)",
        ),
        (
            "quantile(success, 0.5)",
            "quantile: the column must have an integer type, not Boolean",
        ),
        (
            "weighted_quantile(duration_ns, 0.5, 0.5)",
            "the weight must have an integer type",
        ),
        (
            "weighted_quantile(duration_ns, -sample_weight, 0.5)",
            "a weight is negative (-1)",
        ),
        (
            "merge(duration_ns)",
            "merge: the column must have sketches, not Int64",
        ),
        (
            "sketch(sketch_of)",
            "sketch: the column has sketches already",
        ),
        (
            "merge(X'0102')",
            "merge: a value is no sketch (a histogram that is cut off)",
        ),
        ("merge(X'')", "merge: a value is no sketch"),
        (
            "max(sketch_quantile(X'02', 0.5))",
            "sketch_quantile: a value is no sketch (a histogram of another version)",
        ),
        (
            "max(sketch_quantile(sketch_of, 2))",
            "sketch_quantile: p must be from 0 to 1, not 2",
        ),
        (
            "max(sketch_count(pid))",
            "sketch_count: it is called as sketch_count(sketch), not with (Int64)",
        ),
        ("max(ns('5'))", "ns: '5' is no duration"),
        (
            "max(since_start(pid))",
            "since_start: it is called as since_start(time [, recorder])",
        ),
    ] {
        let query = format!(
            "SELECT operation, {expression} FROM \
             (SELECT *, sketch(duration_ns) OVER () AS sketch_of FROM operation_log) AS log GROUP BY operation"
        );
        // Nothing but the header of the columns may have been written before a value is refused.
        let message = refused(&["sql", place.text(), &query, "--format", "json"]);
        assert!(message.contains(reason), "{expression}: {message}");
    }
    let nothing = "SELECT merge(NULL) AS a, quantile(NULL, 0.5) AS b, sketch(pid) AS c, \
                   weighted_quantile(pid, 0, 0.5) AS d, weighted_quantile(pid, NULL, 0.5) AS e, \
                   quantile(duration_ns, 0.5) FILTER (WHERE false) AS f FROM operation_log WHERE pid < 0";
    let found = rows(place.text(), nothing);
    assert_eq!(
        found,
        [json!({"a": null, "b": null, "c": null, "d": null, "e": null, "f": null})]
    );
}

/// A column of histograms of a table that only its files declare is a column of sketches.
#[test]
fn histograms_in_a_file_are_sketches() {
    use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray, TimestampNanosecondArray};
    use soakbox_schemas::tables::Table;
    use soakbox_schemas::tables::histogram::SparseHistogram;
    use std::sync::Arc;
    let place = Place::new();
    let soak = Soak {
        seconds: 2,
        ..Soak::default()
    };
    let recorder = soak.seal(place.path());
    let of = |values: &[i64]| {
        let mut bytes = Vec::new();
        SparseHistogram::of(values.iter().copied()).encode(&mut bytes);
        bytes
    };
    // The last one has no values, as an interval in which nothing finished.
    let histograms = [of(&[1_000, 2_000]), of(&[3_000; 100]), of(&[])];
    let histograms: BinaryArray = histograms.iter().map(Some).collect();
    let times = [0, 1, 60].map(|second| START_NS + second * 1_000_000_000);
    let times = TimestampNanosecondArray::from(times.to_vec()).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 3] = [
        ("at", Arc::new(times)),
        ("operation", Arc::new(StringArray::from(vec!["refresh"; 3]))),
        ("duration_histogram", Arc::new(histograms)),
    ];
    let table = Table::from_name("operation_histograms").unwrap();
    recorder.seal_as(table, &RecordBatch::try_from_iter(columns).unwrap(), 1);
    let found = rows(
        place.text(),
        "SELECT date_bin('1 minute', at) AS minute, quantiles(duration_histogram, 0, 0.01, 0.5) AS q, \
         sketch_count(merge(duration_histogram)) AS n \
         FROM operation_histograms GROUP BY minute ORDER BY minute",
    );
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["n"], 102);
    assert_eq!(found[0]["q"][0], 1_000);
    assert_close(&found[0]["q"][1], 2_000);
    assert_close(&found[0]["q"][2], 3_000);
    assert_eq!(
        (&found[1]["q"], &found[1]["n"]),
        (&Value::Null, &Value::Null)
    );
    let each = "SELECT sketch_count(duration_histogram) AS n, sketch_quantile(duration_histogram, 1) AS most \
                FROM operation_histograms ORDER BY at";
    let each = rows(place.text(), each);
    assert_eq!(each[0], json!({"n": 2, "most": 2_000}));
    assert_eq!(each[2], json!({"n": 0, "most": null}));
}

/// Rates are by the time that was observed, and counts are the kernel's.
#[test]
fn the_mesh_metrics_are_right_with_losses_and_a_gap() {
    let place = Place::new();
    Soak::incomplete().seal(place.path());
    let found = rows(
        place.text(),
        "SELECT *, CAST(since_start(at) AS BIGINT) AS second FROM mesh_metrics ORDER BY at, operation",
    );
    assert_eq!(found.len(), 2 * 110, "none in the gap of ten seconds");
    let groups = durations(place.text());
    for row in &found {
        let second = row["second"].as_i64().unwrap();
        let operation = row["operation"].as_str().unwrap();
        let values = &groups[&(operation.to_owned(), second)];
        let lost = if operation == "traffic_control" && (20..25).contains(&second) {
            3
        } else {
            0
        };
        assert_eq!(row["lost"], lost);
        assert_eq!(row["finished"], values.len() + lost);
        assert_eq!(row["observed_s"], 1.0);
        assert_eq!(number(&row["rate_per_s"]), (values.len() + lost) as f64);
        assert_eq!(row["max_ns"], *values.last().unwrap());
        assert_close(&row["p50_ns"], exact(values, 500));
        assert_close(&row["p90_ns"], exact(values, 900));
        assert_close(&row["p99_ns"], exact(values, 990));
        let sum: i64 = values.iter().sum();
        let mean = sum as f64 / (values.len() + lost) as f64;
        assert!((number(&row["mean_ns"]) / mean - 1.0).abs() < 1e-9);
        // Of the operations with a row.
        match operation {
            "traffic_control" => assert_eq!(row["bytes_per_s"], 512.0 * 50.0),
            _ => assert!(row["bytes_per_s"].is_null()),
        }
        assert!(
            (number(&row["cpu_ns"]) / (0.6 * sum as f64 / values.len() as f64) - 1.0).abs() < 1e-3
        );
        assert!((number(&row["cpu_share"]) / (0.6 * sum as f64 / 1e9) - 1.0).abs() < 1e-3);
        assert_eq!(row["memory_bytes"], (64 << 20) + second * 4096);
    }
    let features = rows(
        place.text(),
        "SELECT * FROM feature_metrics ORDER BY operation",
    );
    for (row, lost) in features.iter().zip([0, 15]) {
        let of_operation = found
            .iter()
            .filter(|second| second["operation"] == row["operation"]);
        let finished: f64 = of_operation.map(|second| number(&second["finished"])).sum();
        assert_eq!(number(&row["operation_times"]), finished);
        assert_eq!(
            finished,
            if lost > 0 {
                110.0 * 50.0 + 15.0
            } else {
                110.0 * 20.0
            }
        );
    }
    // The same time as that of `summary`.
    let runs = rows(place.text(), "SELECT * FROM runs");
    let summary = answer(&["summary", place.text(), "--format", "json"]);
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["observed_s"], summary["observed_s"]);
    assert_eq!(
        (&runs[0]["gap_s"], &runs[0]["is_stopped"]),
        (&json!(10.0), &json!(true))
    );
    let spans = rows(
        place.text(),
        "SELECT since_start(at) AS a, since_start(until) AS b FROM observed_spans ORDER BY at",
    );
    assert_eq!(
        spans,
        [json!({"a": 0.0, "b": 40.0}), json!({"a": 50.0, "b": 120.0})]
    );
    let rates = answer(&[
        "sql",
        place.text(),
        "--query",
        "rate-by-minute",
        "--format",
        "json",
    ]);
    let rates = rates.as_array().unwrap();
    assert_eq!(rates.len(), 4);
    assert_eq!(
        (&rates[0]["observed_s"], &rates[0]["finished_per_s"]),
        (&json!(50.0), &json!(20.0))
    );
}

/// A gap inside of an interval, and gaps that overlap, leave the rest of the time.
#[test]
fn an_interval_that_was_observed_in_part_has_the_rate_of_that_part() {
    use soakbox_schemas::tables::{Annotation, AnnotationKind, Table};
    let place = Place::new();
    let soak = Soak {
        seconds: 10,
        ..Soak::default()
    };
    let mut recorder = soak.seal(place.path());
    let gap = |from_ms: i64, to_ms: Option<i64>| Annotation {
        at_ns: START_NS + from_ms * 1_000_000,
        until_ns: to_ms.map(|to| START_NS + to * 1_000_000),
        kind: AnnotationKind::Gap,
        text: "file overwritten".to_owned(),
    };
    let gaps = [
        gap(2_250, Some(2_500)),
        gap(2_300, Some(2_400)),
        gap(2_400, Some(2_750)),
        gap(5_000, Some(6_000)),
        gap(9_500, None),
    ];
    recorder.seal(Table::ANNOTATIONS, &Annotation::batch(&gaps).unwrap());
    let found = rows(
        place.text(),
        "SELECT finished, observed_s, rate_per_s FROM mesh_metrics \
         WHERE operation = 'rule_refresh' ORDER BY at",
    );
    let observed: Vec<f64> = found.iter().map(|row| number(&row["observed_s"])).collect();
    assert_eq!(observed, [1.0, 1.0, 0.5, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.5]);
    assert_eq!(found[2]["rate_per_s"], 40.0);
    assert_eq!(found[5]["rate_per_s"], Value::Null);
    let runs = rows(place.text(), "SELECT gap_s, observed_s FROM runs");
    assert_eq!(runs, [json!({"gap_s": 2.0, "observed_s": 8.0})]);
    let summary = answer(&["summary", place.text(), "--format", "json"]);
    assert_eq!(summary["observed_s"], 8.0);
}

#[test]
fn views_and_functions_are_described() {
    let place = Place::new();
    Soak {
        seconds: 1,
        ..Soak::default()
    }
    .seal(place.path());
    let shown = printed(&["sql", place.text(), "SHOW TABLES", "--format", "csv"]);
    let names = shown.lines().filter_map(|line| line.split(',').nth(2));
    let names: Vec<&str> = names
        .skip(1)
        .filter(|name| !name.contains("schema"))
        .collect();
    let of_recording = &names[..names.iter().position(|name| *name == "runs").unwrap()];
    assert!(of_recording.is_sorted(), "{shown}");
    assert!(!shown.contains("run_periods"), "a part of views is listed");
    for view in [
        "access_log",
        "feature_metrics",
        "mesh_metrics",
        "observed_spans",
        "runs",
    ] {
        assert!(shown.contains(view), "{view}");
        for column in rows(place.text(), &format!("DESCRIBE {view}")) {
            assert!(column["description"].as_str().is_some(), "{view}: {column}");
        }
    }
    let functions = rows(
        place.text(),
        "SELECT DISTINCT routine_name, syntax_example, description FROM information_schema.routines",
    );
    let ours = [
        "quantile",
        "quantiles",
        "weighted_quantile",
        "weighted_quantiles",
        "sketch",
        "merge",
        "sketch_quantile",
        "sketch_quantiles",
        "sketch_count",
        "seconds",
        "ms",
        "ns",
        "begun_at",
        "since_start",
        "interval_ns",
    ];
    let docs =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sql.md")).unwrap();
    for name in ours {
        let found = functions.iter().find(|row| row["routine_name"] == name);
        let found = found.unwrap_or_else(|| panic!("{name}"));
        let syntax = found["syntax_example"].as_str().unwrap();
        assert!(docs.contains(syntax), "docs/sql.md has {syntax}");
        assert!(
            found["description"].as_str().unwrap().ends_with('.'),
            "{found}"
        );
    }
}
