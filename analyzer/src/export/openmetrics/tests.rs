//! Which times have samples, and how many there may be.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};

use super::*;

const SECOND: i64 = 1_000_000_000;
const MONTH: i64 = 30 * 86_400 * SECOND;

fn batch(columns: &[(&str, Vec<i64>)], texts: &[(&str, &str)]) -> RecordBatch {
    let rows = columns[0].1.len();
    let numbers = columns.iter().map(|(name, values)| {
        let values: ArrayRef = Arc::new(Int64Array::from(values.clone()));
        (*name, values)
    });
    let texts = texts.iter().map(|(name, text)| {
        let values: ArrayRef = Arc::new(StringArray::from(vec![*text; rows]));
        (*name, values)
    });
    let success: ArrayRef = Arc::new(BooleanArray::from(vec![false; rows]));
    let all = numbers.chain(texts).chain([("success", success)]);
    RecordBatch::try_from_iter(all).unwrap()
}

fn observe(metrics: &mut OpenMetrics, host: &str, spans: &[(i64, i64)]) {
    let (at, until) = spans.iter().copied().unzip();
    let spans = batch(&[("at_ns", at), ("until_ns", until)], &[("host", host)]);
    metrics.observed(&spans).unwrap();
}

/// Rows that failed and took 1 µs.
fn operations(metrics: &mut OpenMetrics, at: Vec<i64>) -> Result<()> {
    let ones = vec![1; at.len()];
    let columns = [
        ("duration_ns", vec![1_000; at.len()]),
        ("at_ns", at),
        ("cpu_ns", ones.clone()),
        ("bytes", ones.clone()),
        ("memory_bytes", ones.clone()),
        ("sample_weight", ones),
    ];
    metrics.operations(&batch(&columns, &[("host", "h"), ("operation", "a")]))
}

fn counts(metrics: &mut OpenMetrics, at: Vec<i64>) -> Result<()> {
    let ones = vec![1; at.len()];
    let columns = [
        ("at_ns", at),
        ("finished", ones.clone()),
        ("lost", ones.clone()),
        ("in_flight", ones),
    ];
    metrics.counts(&batch(&columns, &[("host", "h"), ("operation", "a")]))
}

/// The time in s and the value of each sample of a metric.
fn samples(metrics: OpenMetrics, metric: &str) -> Vec<(i64, i64)> {
    let mut text = Vec::new();
    let written = metrics.finish(|part| {
        text.append(part);
        Ok(())
    });
    written.unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix(metric));
    let samples = lines.filter_map(|line| {
        let (value, at) = line
            .strip_prefix('{')?
            .rsplit_once("} ")?
            .1
            .split_once(' ')?;
        let at = at.strip_suffix(".000")?;
        Some((at.parse().ok()?, value.parse().ok()?))
    });
    samples.collect()
}

#[test]
fn the_time_between_two_runs_has_no_samples_and_each_begins_with_what_there_was() {
    let every = SECOND.unsigned_abs();
    let mut metrics = OpenMetrics::new(every);
    let later = MONTH / SECOND;
    observe(
        &mut metrics,
        "h",
        &[
            (MONTH, MONTH + 2 * SECOND),
            (0, 3 * SECOND),
            // Another recorder, and another host.
            (SECOND, 4 * SECOND),
        ],
    );
    observe(&mut metrics, "other", &[(0, 2 * MONTH)]);
    let at = [0, 3 * SECOND, MONTH, MONTH + SECOND].map(|at| at + 5);
    operations(&mut metrics, at.to_vec()).unwrap();
    counts(&mut metrics, vec![0, SECOND]).unwrap();
    let failures = samples(metrics, "soakbox_operation_failures_total");
    assert_eq!(
        failures,
        [
            (0, 0),
            (1, 1),
            (2, 1),
            (3, 1),
            (4, 2),
            (later, 2),
            (later + 1, 3),
            (later + 2, 4),
        ]
    );
}

#[test]
fn rows_have_samples_also_where_nothing_is_known_to_be_observed() {
    let mut metrics = OpenMetrics::new(SECOND.unsigned_abs());
    operations(&mut metrics, vec![5 * SECOND, 9 * SECOND]).unwrap();
    let failures = samples(metrics, "soakbox_operation_failures_total");
    assert_eq!(failures, [(5, 0), (6, 1), (9, 1), (10, 2)]);
    let mut metrics = OpenMetrics::new(SECOND.unsigned_abs());
    observe(&mut metrics, "h", &[(0, 20 * SECOND)]);
    operations(&mut metrics, vec![5 * SECOND, 7 * SECOND]).unwrap();
    // A gauge has no value where there was no row.
    let memory = samples(metrics, "soakbox_process_memory_bytes");
    assert_eq!(memory, [(6, 1), (8, 1)]);
}

/// What is refused; "written" where nothing is.
fn refusal(rows: u64, counted: u64) -> String {
    let mut metrics = OpenMetrics::new(1_000_000);
    let at = |number: u64| (0..number).map(|at| at as i64 * 1_000_000).collect();
    observe(&mut metrics, "h", &[(0, MONTH)]);
    let added = operations(&mut metrics, at(rows)).and_then(|()| counts(&mut metrics, at(counted)));
    let all = added.and_then(|()| metrics.finish(|_| Err(Failure::new("all", "written"))));
    all.unwrap_err().to_string()
}

#[test]
fn a_metric_may_have_the_samples_of_the_limit() {
    // One is before the first interval.
    let most = MOST_POINTS - 1;
    assert!(refusal(most, most).contains("written"));
    let too_many = "more than 200,000 samples of a metric, with one every 1.00 ms";
    assert!(refusal(most + 1, 1).contains(too_many));
    assert!(refusal(1, most + 1).contains(too_many));
}
