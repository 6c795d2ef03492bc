//! The queries that come with the program, on recordings whose content is known.

use crate::program::{Place, json as answer};
use serde_json::{Value, json};
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_schemas::tables::{Annotation, OperationMetrics, Table};
use soakbox_testing::{Recorder, Soak, concat};

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

/// The overhead of `rule_refresh` is known, and larger than its shortest durations; the other one is not.
#[test]
fn corrected_durations_are_those_without_the_overhead() {
    let place = Place::new();
    let mut all = Soak::default().rows().with_kernel_sums();
    const OVERHEAD_NS: u64 = 3_000_000;
    for row in all.metrics.iter_mut().flatten() {
        row.duration_overhead_ns = (row.operation == "rule_refresh").then_some(OVERHEAD_NS);
    }
    let mut recorder = Recorder::new(place.path());
    recorder.seal(Table::OPERATION_LOG, &concat(&all.log));
    let metrics = OperationMetrics::batch(&all.metrics.concat()).unwrap();
    recorder.seal(Table::OPERATION_METRICS, &metrics);
    let found = rows(&place, "corrected-durations");
    assert_eq!(found.len(), 2);
    let summary = answer(&["summary", place.text(), "--format", "json"]);
    for (row, figures) in found.iter().zip(summary["operations"].as_array().unwrap()) {
        assert_eq!(row["operation"], figures["operation"]);
        for level in ["p50_ns", "p90_ns", "p99_ns"] {
            // Each is within 1/128.
            let (reported, corrected) = (number(&row[level]), &row[format!("corrected_{level}")]);
            let off = reported / number(&figures[level]) - 1.0;
            assert!(off.abs() < 2.0 / 128.0, "{row} {figures}");
            match row["operation"].as_str().unwrap() {
                "rule_refresh" => {
                    let left = (reported - OVERHEAD_NS as f64).max(0.0);
                    assert_eq!(number(corrected), left, "{row}");
                }
                _ => assert!(row["overhead_ns"].is_null() && corrected.is_null(), "{row}"),
            }
        }
    }
    assert_eq!(found[0]["corrected_p50_ns"], 0, "{:?}", found[0]);
    assert!(number(&found[0]["corrected_p99_ns"]) > 0.0);
    // Of an operation that never finished nothing is known.
    let begun = Place::new();
    let mut bytes = Vec::new();
    SparseHistogram::default().encode(&mut bytes);
    let row = &mut all.metrics[0][0];
    (row.finished, row.durations_ns) = (0, Some(bytes));
    let mut recorder = Recorder::new(begun.path());
    let metrics = OperationMetrics::batch(&all.metrics[0][..1]).unwrap();
    recorder.seal(Table::OPERATION_METRICS, &metrics);
    let found = rows(&begun, "corrected-durations");
    let of_none = &found[0];
    assert_eq!(of_none["overhead_ns"], OVERHEAD_NS);
    assert!(
        of_none["p50_ns"].is_null() && of_none["corrected_p50_ns"].is_null(),
        "{of_none}"
    );
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

/// Intervals of a second that begin half a second before those of the clock, as real ones do: an
/// interval across the end of a minute, or of a range, must not be counted on one side and timed on
/// the other.
#[test]
fn rates_are_right_where_a_minute_or_a_range_cuts_an_interval() {
    const HALF_NS: i64 = 500_000_000;
    let place = Place::new();
    let mut found = Soak {
        seconds: 150,
        ..Soak::default()
    }
    .rows();
    for row in found.metrics.iter_mut().flatten() {
        row.at_ns -= HALF_NS;
    }
    for row in &mut found.annotations {
        row.at_ns -= HALF_NS;
    }
    let mut recorder = Recorder::new(place.path());
    recorder.seal(Table::OPERATION_LOG, &concat(&found.log));
    let metrics = OperationMetrics::batch(&found.metrics.concat()).unwrap();
    recorder.seal(Table::OPERATION_METRICS, &metrics);
    let annotations = Annotation::batch(&found.annotations).unwrap();
    recorder.seal(Table::ANNOTATIONS, &annotations);
    let minutes = rows(&place, "rate-by-minute");
    assert_eq!(minutes.len(), 2 * 4, "07:59 to 08:02");
    for minute in minutes {
        let rate = match minute["operation"].as_str().unwrap() {
            "rule_refresh" => 20.0,
            _ => 50.0,
        };
        assert_eq!(number(&minute["finished_per_s"]), rate, "{minute}");
    }
    let query = "SELECT operation, sum(finished) AS finished, sum(observed_s) AS observed,
                   max(rate_per_s) AS most FROM mesh_metrics GROUP BY operation ORDER BY operation";
    let range = [
        "--from",
        "2026-11-24T08:00:30Z",
        "--to",
        "2026-11-24T08:00:35Z",
    ];
    let found = answer(
        &[
            &["sql", place.text(), "-c", query, "--format", "json"][..],
            &range,
        ]
        .concat(),
    );
    assert_eq!(
        found,
        json!([
            {"operation": "rule_refresh", "finished": 100, "observed": 5.0, "most": 20.0},
            {"operation": "traffic_control", "finished": 250, "observed": 5.0, "most": 50.0},
        ])
    );
}
