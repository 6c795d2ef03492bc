//! The queries that come with the program, on recordings whose content is known.

use crate::program::{Place, json as answer};
use serde_json::{Value, json};
use soakbox_testing::Soak;

fn rows(place: &Place, name: &str) -> Vec<Value> {
    let rows = answer(&["sql", place.text(), "--query", name, "--format", "json"]);
    rows.as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

/// Each answers with rows on a recording with losses and a gap, and without an error on one that has
/// only just begun.
#[test]
fn each_query_answers() {
    let place = Place::new();
    Soak::incomplete().seal(place.path());
    let begun = Place::new();
    Soak {
        seconds: 1,
        ..Soak::default()
    }
    .seal(begun.path());
    let list = answer(&["sql", "--queries", "--format", "json"]);
    let names = list.as_array().unwrap().iter();
    for name in names.map(|query| query["query"].as_str().unwrap()) {
        // Nothing else ran during the slowest operation of this recording.
        assert_eq!(
            rows(&place, name).is_empty(),
            name == "what-ran-meanwhile",
            "{name}"
        );
        rows(&begun, name);
    }
}

#[test]
fn durations_are_those_of_the_rows() {
    let place = Place::new();
    // Refreshes take ten times as long from the second minute on.
    Soak {
        slowdown: 10.0,
        ..Soak::default()
    }
    .seal(place.path());
    let minutes = rows(&place, "slowest-minutes");
    assert_eq!(minutes.len(), 4, "two operations in two minutes");
    assert_eq!(minutes[0]["minute"], "2026-11-24T08:01:00Z");
    assert_eq!(minutes[0]["operation"], "rule_refresh");
    assert_eq!(minutes[0]["count"], 60 * 20);
    let slowest = rows(&place, "slowest-operations");
    assert_eq!(slowest.len(), 10);
    assert_eq!(slowest[0]["duration_ns"], minutes[0]["max_ns"]);
    let by_minute = rows(&place, "percentiles-by-minute");
    assert_eq!(by_minute.len(), 4);
    let [first, second] = [0, 1].map(|index| number(&by_minute[index]["p50_ns"]));
    assert!((8.0..12.0).contains(&(second / first)), "{first} {second}");
    let operations = rows(&place, "operations");
    assert_eq!(operations[1]["count"], 120 * 50);
    assert!(number(&operations[1]["failures"]) > 0.0);
    let summary = answer(&["summary", place.text(), "--format", "json"]);
    for (row, figures) in operations
        .iter()
        .zip(summary["operations"].as_array().unwrap())
    {
        for key in ["count", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"] {
            assert_eq!(row[key], figures[key], "{key}");
        }
    }
}

#[test]
fn counts_losses_and_gaps_are_those_of_the_kernel() {
    let place = Place::new();
    Soak::incomplete().seal(place.path());
    let losses = rows(&place, "losses");
    assert_eq!(losses[0]["operation"], "traffic_control");
    assert_eq!(
        (
            &losses[0]["lost"],
            &losses[0]["lost_ring_full"],
            &losses[0]["finished"]
        ),
        (&json!(15), &json!(15), &json!(5_515))
    );
    let minutes = rows(&place, "losses-by-minute");
    assert_eq!(minutes.len(), 1, "the lost ones are in the first minute");
    assert_eq!(minutes[0]["lost"], 15);
    let gaps = rows(&place, "gaps");
    assert_eq!(gaps.len(), 1);
    assert_eq!(
        (&gaps[0]["cause"], &gaps[0]["length_s"]),
        (&json!("crash"), &json!(10.0))
    );
    assert_eq!(rows(&place, "annotations").len(), 4);
    let rates = rows(&place, "rate-by-minute");
    let total: f64 = rates.iter().map(|row| number(&row["finished"])).sum();
    assert_eq!(total, 110.0 * 70.0 + 15.0);
    let busiest = rows(&place, "busiest-seconds");
    assert_eq!(busiest[0]["finished"], 73);
    let failures = rows(&place, "failures-by-minute");
    let failed: f64 = failures.iter().map(|row| number(&row["failures"])).sum();
    let all = answer(&[
        "sql",
        place.text(),
        "SELECT sum(failures) AS n FROM operation_metrics",
        "--format",
        "json",
    ]);
    assert_eq!(failed, number(&all[0]["n"]));
    let health = rows(&place, "recorder-health");
    assert_eq!(health[0]["memory_bytes"], 12 << 20);
}

#[test]
fn memory_and_cpu_are_those_of_the_process() {
    let place = Place::new();
    Soak::default().seal(place.path());
    let memory = rows(&place, "memory-of-process");
    assert_eq!(memory.len(), 2, "one process in two minutes");
    assert_eq!(
        (
            &memory[0]["pid"],
            &memory[0]["min_bytes"],
            &memory[1]["max_bytes"]
        ),
        (
            &json!(4242),
            &json!(64 << 20),
            &json!((64 << 20) + 119 * 4096)
        )
    );
    for operation in rows(&place, "memory-by-operation") {
        assert_eq!(
            operation["total_bytes"], 0,
            "half of them grow, half of them shrink"
        );
        assert_eq!(operation["max_bytes"], 4096);
    }
    for operation in rows(&place, "cpu-by-operation") {
        let share = number(&operation["on_cpu_share"]);
        assert!((share - 0.6).abs() < 0.001, "{share}");
    }
}

/// The slowest refresh is followed by the control operations of its time, found by hand here.
#[test]
fn what_ran_meanwhile_is_what_overlaps() {
    let place = Place::new();
    Soak {
        seconds: 20,
        controls_per_second: 10_000,
        ..Soak::default()
    }
    .seal(place.path());
    let found = rows(&place, "what-ran-meanwhile");
    let log = answer(&[
        "sql",
        place.text(),
        "SELECT operation, CAST(finished_at AS BIGINT) AS finished, duration_ns FROM operation_log",
        "--format",
        "json",
    ]);
    let log = log.as_array().unwrap();
    let span = |row: &Value| {
        let finished = row["finished"].as_i64().unwrap();
        (finished - row["duration_ns"].as_i64().unwrap(), finished)
    };
    let slowest = log
        .iter()
        .max_by_key(|row| row["duration_ns"].as_i64().unwrap())
        .unwrap();
    let (begun, finished) = span(slowest);
    let mut together = std::collections::BTreeMap::new();
    for row in log.iter().filter(|row| *row != slowest) {
        let (from, to) = span(row);
        if to >= begun && from <= finished {
            let name = row["operation"].as_str().unwrap();
            let entry: &mut (i64, i64) = together.entry(name).or_default();
            entry.0 += 1;
            entry.1 += to.min(finished) - from.max(begun);
        }
    }
    assert!(together["traffic_control"].0 > 10);
    assert_eq!(found.len(), together.len());
    for row in &found {
        assert_eq!(row["slowest"], slowest["operation"]);
        let (count, ns) = together[row["operation"].as_str().unwrap()];
        assert_eq!(
            (&row["count"], &row["together_ns"]),
            (&json!(count), &json!(ns))
        );
    }
}

/// The memory at the begin is what the last operation saw that finished before, found by hand here.
#[test]
fn memory_at_the_slowest_is_that_of_the_moment() {
    let place = Place::new();
    Soak::default().seal(place.path());
    let found = rows(&place, "memory-at-slowest");
    let log = answer(&[
        "sql",
        place.text(),
        "SELECT CAST(finished_at AS BIGINT) AS finished, duration_ns, memory_bytes FROM operation_log",
        "--format",
        "json",
    ]);
    let mut log = log.as_array().unwrap().clone();
    let integer = |row: &Value, name: &str| row[name].as_i64().unwrap();
    log.sort_by_key(|row| (-integer(row, "duration_ns"), integer(row, "finished")));
    assert_eq!(found.len(), 10);
    for (row, slowest) in found.iter().zip(&log) {
        assert_eq!(row["duration_ns"], slowest["duration_ns"]);
        assert_eq!(row["memory_at_finish_bytes"], slowest["memory_bytes"]);
        let begun = integer(slowest, "finished") - integer(slowest, "duration_ns");
        let before = log.iter().filter(|row| integer(row, "finished") <= begun);
        let last = before.max_by_key(|row| integer(row, "finished"));
        let expected = last.map_or(Value::Null, |row| row["memory_bytes"].clone());
        assert_eq!(row["memory_at_begin_bytes"], expected);
    }
}
