//! The figures of an operation in the order and words that people see, wherever they are shown.

use super::units::{bytes, count, duration, percent, rate};
use crate::summary::OperationSummary;

/// Stands for what could not be measured.
pub const MISSING: &str = "–";

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// As a number, to be compared.
    pub value: Option<f64>,
    /// As text, with its unit.
    pub text: String,
    /// It is a share of something, so that a difference is in percentage points.
    pub share: bool,
}

/// All figures of an operation; the same ones in the same order for every operation.
pub fn figures(operation: &OperationSummary) -> Vec<Figure> {
    let figure = |name, value: Option<f64>, show: &dyn Fn(f64) -> String| Figure {
        name,
        value,
        text: value.map_or_else(|| MISSING.to_owned(), show),
        share: false,
    };
    let integer = |value: Option<i64>| value.map(|value| value as f64);
    let number = |value: f64| count(value as u64);
    let time = |name, value: Option<i64>| figure(name, integer(value), &duration);
    let failures = match operation.failures.zip(operation.failure_rate) {
        None => MISSING.to_owned(),
        Some((0, _)) => "0".to_owned(),
        Some((failures, share)) => format!("{} ({})", count(failures), percent(share)),
    };
    vec![
        figure("count", Some(operation.count as f64), &number),
        figure("lost", operation.lost.map(|lost| lost as f64), &number),
        figure("rate", operation.rate_per_s, &rate),
        Figure {
            name: "failures",
            value: operation.failure_rate,
            text: failures,
            share: true,
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
        figure("memory", integer(operation.memory_bytes), &bytes),
        figure("bytes", integer(operation.bytes), &bytes),
    ]
}
