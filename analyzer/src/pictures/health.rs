//! The recorder's measurements of itself and of its host, from queries on its tables.

use std::collections::BTreeMap;

use soakbox_cli::Result;

use super::observed::ObservedWindows;
use super::queried::Queried;
use super::shown::span;
use crate::chart::{Health, HealthMeasure, Span, Track, Unit};
use crate::figures::{Reading, Timeline};
use crate::sql::{Session, queries};
use crate::windows::{Cut, WindowLength};

/// How a number of a window becomes a value.
#[derive(Clone, Copy)]
enum Value {
    /// As it is.
    AsItIs,
    /// Per second observed.
    PerSecond,
    /// Nanoseconds per nanosecond observed.
    PerNanosecond,
}

/// A measurement: its name and axis, its unit, and its tracks by the columns of the query.
type Measure = (
    &'static str,
    &'static str,
    Unit,
    Value,
    &'static [(&'static str, usize)],
);

/// In the order of the columns of `queries::health`, after the time.
const MEASURES: [Measure; 13] = [
    (
        "CPU time of the recorder",
        "CPU time per second",
        Unit::Cpus,
        Value::PerNanosecond,
        &[("user", 1), ("system", 2)],
    ),
    (
        "memory of the recorder",
        "resident, largest",
        Unit::Bytes,
        Value::AsItIs,
        &[("memory", 3)],
    ),
    (
        "ring buffer",
        "unread, most at once",
        Unit::Bytes,
        Value::AsItIs,
        &[("unread", 4)],
    ),
    (
        "queue to the writer",
        "batches, most at once",
        Unit::Count,
        Value::AsItIs,
        &[("batches", 5)],
    ),
    (
        "flushes of the journal",
        "longest",
        Unit::Nanoseconds,
        Value::AsItIs,
        &[("flush", 6)],
    ),
    (
        "events",
        "received",
        Unit::PerSecond,
        Value::PerSecond,
        &[("received", 7)],
    ),
    (
        "events out of order or dropped",
        "events",
        Unit::PerSecond,
        Value::PerSecond,
        &[("late", 8), ("dropped", 9)],
    ),
    (
        "data written",
        "journals and segments",
        Unit::BytesPerSecond,
        Value::PerSecond,
        &[("written", 10)],
    ),
    (
        "CPU time of the host",
        "CPU time per second",
        Unit::Cpus,
        Value::PerNanosecond,
        &[("busy", 11), ("taken by the hypervisor", 12)],
    ),
    (
        "pressure of the host: CPU",
        "share of the time in which a task waited for a CPU",
        Unit::Ratio,
        Value::PerNanosecond,
        &[("waiting for a CPU", 13)],
    ),
    (
        "pressure of the host: memory",
        "share of the time in which a task waited for memory",
        Unit::Ratio,
        Value::PerNanosecond,
        &[("waiting for memory", 14)],
    ),
    (
        "pressure of the host: disk",
        "share of the time in which a task waited for a disk",
        Unit::Ratio,
        Value::PerNanosecond,
        &[("waiting for a disk", 15)],
    ),
    (
        "memory of the host",
        "available, least",
        Unit::Bytes,
        Value::AsItIs,
        &[("available", 16)],
    ),
];

/// The chart of a recording; `None` where it has no such rows. `session` is of the same recording.
///
/// # Errors
/// Where a query fails.
pub fn health(reading: &Reading, session: &Session) -> Result<Option<Health>> {
    let Some(range) = reading.coverage.range else {
        return Ok(None);
    };
    let Cut::Shown { most } = Timeline::CUT else {
        return Ok(None);
    };
    let interval = WindowLength::at_least(reading.recording.interval_ns());
    let length = WindowLength::filling(range.length_ns(), most).max(interval);
    let width_ns = length.ns();
    let span = span(reading, range);
    let batches = session.collect(&queries::health(width_ns))?;
    let rows = Queried(&batches);
    let at = rows.integers(0)?;
    if at.is_empty() {
        return Ok(None);
    }
    let mut measures = Vec::new();
    for (name, axis, unit, value, tracks) in MEASURES {
        let tracks = tracks.iter().map(|(track_name, column)| {
            let numbers = rows.numbers(*column)?;
            let by_window = at.iter().copied().zip(numbers).collect();
            Ok(track(track_name, &by_window, &span, width_ns, value))
        });
        measures.push(HealthMeasure {
            name: name.to_owned(),
            axis: axis.to_owned(),
            unit,
            tracks: tracks.collect::<Result<_>>()?,
        });
    }
    let batches = session.collect(&queries::probe_costs(width_ns))?;
    let rows = Queried(&batches);
    let costs: BTreeMap<i64, f64> = rows
        .integers(0)?
        .into_iter()
        .zip(rows.numbers(1)?)
        .collect();
    measures.push(HealthMeasure {
        name: "probes".to_owned(),
        axis: "time taken from the observed threads, per second".to_owned(),
        unit: Unit::Cpus,
        tracks: vec![track(
            "probes",
            &costs,
            &span,
            width_ns,
            Value::PerNanosecond,
        )],
    });
    Ok(Some(Health {
        recording: reading.recording.name(),
        span,
        window_ns: width_ns,
        measures,
    }))
}

fn track(
    name: &str,
    numbers: &BTreeMap<i64, f64>,
    span: &Span,
    width_ns: i64,
    value: Value,
) -> Track {
    let windows = ObservedWindows::new(span, width_ns);
    let points = windows.seconds().map(|(at, seconds)| {
        let number = numbers.get(&at).copied().unwrap_or(f64::NAN);
        let value = match value {
            Value::AsItIs => number + 0.0 * seconds,
            Value::PerSecond => number / seconds,
            Value::PerNanosecond => number / 1e9 / seconds,
        };
        (windows.middle(at), value)
    });
    Track {
        name: name.to_owned(),
        points: points.collect(),
    }
}
