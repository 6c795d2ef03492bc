//! Percentiles where rows were lost: those of all finished operations, by the kernel's histograms.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use serde_json::Value;
use soakbox_schemas::histogram::bucket;
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_schemas::tables::{Annotation, OperationMetrics, Table};
use soakbox_testing::{Recorder, Soak, concat};

use crate::program::{Place, analyzer, json, text};

/// The operation and the duration of each row.
fn durations(rows: &RecordBatch) -> Vec<(String, u64)> {
    let names = cast(rows.column_by_name("operation").unwrap(), &DataType::Utf8).unwrap();
    let values = rows.column_by_name("duration_ns").unwrap();
    let values = values.as_primitive::<Int64Type>().values().iter();
    let rows = names.as_string::<i32>().iter().zip(values);
    rows.map(|(name, ns)| (name.unwrap().to_owned(), ns.unsigned_abs()))
        .collect()
}

/// Seals a recording of which about one row in `keep` is left; returns all durations by operation, in
/// order, each with its second.
fn seal(
    root: &Path,
    keep: usize,
    has_histogram: impl Fn(usize) -> bool,
) -> BTreeMap<String, Vec<(u64, usize)>> {
    let soak = Soak {
        seconds: 40,
        ..Soak::default()
    };
    let mut all: BTreeMap<String, Vec<(u64, usize)>> = BTreeMap::new();
    let mut rows = soak.rows();
    for (second, (log, metrics)) in rows.log.iter_mut().zip(&mut rows.metrics).enumerate() {
        let of_second = durations(log);
        let is_kept = |index: usize, ns: u64| index.is_multiple_of(keep) && !ns.is_multiple_of(3);
        let kept: Vec<bool> = (0..)
            .zip(&of_second)
            .map(|(index, (_, ns))| is_kept(index, *ns))
            .collect();
        for row in metrics {
            let own = || of_second.iter().filter(|(name, _)| *name == row.operation);
            let left = of_second.iter().zip(&kept);
            let left = left.filter(|((name, _), kept)| *name == row.operation && **kept);
            row.recorded = left.count() as u64;
            row.lost_ring_full = row.finished - row.recorded;
            let buckets = own().map(|(_, ns)| (bucket(*ns), 1));
            let mut bytes = Vec::new();
            SparseHistogram::of_buckets(buckets).encode(&mut bytes);
            row.durations_ns = has_histogram(second).then_some(bytes);
            let durations = all.entry(row.operation.clone()).or_default();
            durations.extend(own().map(|(_, ns)| (*ns, second)));
        }
        *log = filter_record_batch(log, &BooleanArray::from(kept)).unwrap();
    }
    let mut recorder = Recorder::new(root);
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log));
    let metrics = OperationMetrics::batch(&rows.metrics.concat()).unwrap();
    recorder.seal(Table::OPERATION_METRICS, &metrics);
    let annotations = Annotation::batch(&rows.annotations).unwrap();
    recorder.seal(Table::ANNOTATIONS, &annotations);
    all.values_mut()
        .for_each(|durations| durations.sort_unstable());
    all
}

/// Asserts that keys of an answer are quantiles of these values, within 1/128.
fn assert_quantiles(answer: &Value, sorted: &[u64]) {
    for (key, level) in [
        ("p50_ns", 0.5),
        ("p90_ns", 0.9),
        ("p99_ns", 0.99),
        ("max_ns", 1.0),
    ] {
        let exact = sorted[(level * sorted.len() as f64).ceil() as usize - 1];
        let found = answer[key].as_u64().unwrap();
        assert!(
            found.abs_diff(exact) * 128 <= exact,
            "{key}: {found} and not {exact}"
        );
    }
}

fn summary(root: &str, format: &str) -> String {
    let output = analyzer(&["summary", root, "--format", format]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn operations(root: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&summary(root, "json")).unwrap();
    answer["operations"].as_array().unwrap().clone()
}

#[test]
fn percentiles_are_those_of_all_finished_operations() {
    let place = Place::new();
    let all = seal(place.path(), 10, |_| true);
    for operation in operations(place.text()) {
        let all = &all[operation["operation"].as_str().unwrap()];
        let sorted: Vec<u64> = all.iter().map(|(ns, _)| *ns).collect();
        assert_eq!(operation["durations_of"], "finished");
        for key in ["finished", "count"] {
            assert_eq!(operation[key], sorted.len(), "{key}");
        }
        let lost = operation["lost"].as_u64().unwrap();
        assert_eq!(operation["rows"], sorted.len() as u64 - lost);
        assert!(operation["lost"].as_u64().unwrap() > sorted.len() as u64 * 8 / 10);
        assert_quantiles(&operation, &sorted);
    }
    let shown = summary(place.text(), "table");
    let note = "durations of all finished operations, also of those without a row, within 1/128: \
                rule_refresh, traffic_control";
    assert!(shown.contains(note), "{shown}");
}

#[test]
fn metrics_of_an_interval_are_those_of_all_finished_operations() {
    let place = Place::new();
    let all = seal(place.path(), 10, |_| true);
    let query = "SELECT operation, p50_ns, p90_ns, p99_ns, max_ns, finished,
                   CAST(round(since_start(at)) AS BIGINT) AS second FROM mesh_metrics";
    let answer = json(&["sql", place.text(), query, "--format", "json"]);
    let answer = answer.as_array().unwrap();
    assert_eq!(answer.len(), 2 * 40);
    for interval in answer {
        let all = all[interval["operation"].as_str().unwrap()].iter();
        let second = interval["second"].as_u64().unwrap() as usize;
        let sorted: Vec<u64> = all
            .filter(|(_, own)| *own == second)
            .map(|(ns, _)| *ns)
            .collect();
        assert_eq!(interval["finished"], sorted.len());
        assert_quantiles(interval, &sorted);
    }
}

#[test]
fn without_all_histograms_or_without_a_loss_they_are_those_of_the_rows() {
    let place = Place::new();
    seal(place.path(), 10, |second| second != 7);
    for operation in operations(place.text()) {
        assert_eq!(operation["durations_of"], "rows");
    }
    assert!(!summary(place.text(), "table").contains("durations of all"));
    let place = Place::new();
    Soak::default().seal(place.path());
    for operation in operations(place.text()) {
        assert_eq!(operation["durations_of"], "rows");
    }
}
