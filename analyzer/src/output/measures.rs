//! The measures of an operation: their names, order and text in everything that people read.

use crate::figures::OperationSummary;
use crate::units::{bytes, count, duration, percent, rate};

/// Shown in place of a missing value.
pub const MISSING: &str = "–";

/// The name of the number of rows, which is shown where it is not the count.
const ROWS: &str = "rows";

/// One measure of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its name, a column's heading.
    pub name: &'static str,
    /// The number from which differences are computed; `None` where it is missing.
    pub value: Option<f64>,
    /// The same as text, with its unit.
    pub text: String,
    /// Whether it is a share: its differences are in percentage points.
    pub is_share: bool,
}

/// All measures of an operation; every operation has the same ones in the same order.
pub fn measures(operation: &OperationSummary) -> Vec<Measure> {
    let measure = |name, value: Option<f64>, show: &dyn Fn(f64) -> String| Measure {
        name,
        value,
        text: value.map_or_else(|| MISSING.to_owned(), show),
        is_share: false,
    };
    let integer = |value: Option<i64>| value.map(|value| value as f64);
    let number = |value: f64| count(value as u64);
    let time = |name, value: Option<i64>| measure(name, integer(value), &duration);
    let failures = match operation.failures.zip(operation.failure_rate) {
        None => MISSING.to_owned(),
        Some((0, _)) => "0".to_owned(),
        Some((failures, share)) => format!("{} ({})", count(failures), percent(share)),
    };
    vec![
        measure("count", Some(operation.count as f64), &number),
        measure(ROWS, Some(operation.rows as f64), &number),
        measure("lost", operation.lost.map(|lost| lost as f64), &number),
        measure("rate", operation.rate_per_s, &rate),
        Measure {
            name: "failures",
            value: operation.failure_rate,
            text: failures,
            is_share: true,
        },
        time("p50", operation.p50_ns),
        time("p90", operation.p90_ns),
        time("p95", operation.p95_ns),
        time("p99", operation.p99_ns),
        time("p99.9", operation.p999_ns),
        time("max", operation.max_ns),
        time("CPU", operation.cpu_ns),
        time("user", operation.cpu_user_ns),
        time("system", operation.cpu_system_ns),
        measure("memory", integer(operation.memory_bytes), &bytes),
        measure("bytes", integer(operation.bytes), &bytes),
    ]
}

/// The places of the measures that a table of these operations shows: those that an operation has.
pub fn shown_measures(operations: &[OperationSummary], all: &[Vec<Measure>]) -> Vec<usize> {
    let lacks_rows = operations.iter().any(|one| one.rows != one.count);
    let first = all.first().map_or(&[][..], Vec::as_slice);
    let is_shown = |(place, measure): &(usize, &Measure)| match measure.name {
        ROWS => lacks_rows,
        _ => all.iter().any(|row| row[*place].text != MISSING),
    };
    let shown = first.iter().enumerate().filter(is_shown);
    shown.map(|(place, _)| place).collect()
}
