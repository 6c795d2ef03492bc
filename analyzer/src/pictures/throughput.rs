//! Rates over time, from the windows of a recording.

use soakbox_statistics::Metric;

use super::Changes;
use super::observed::ObservedWindows;
use super::shown::{Shown, span};
use crate::chart::{OperationThroughput, Span, Throughput, Track};
use crate::figures::{OperationWindows, Reading};
use crate::windows::{Window, mean};

/// The chart of these operations of a recording that was read for a timeline; `None` without rows, and
/// where no rate is known.
pub fn throughput(reading: &Reading, shown: &Shown, changes: &Changes) -> Option<Throughput> {
    let range = reading.coverage.range?;
    if reading.why_no_rates().is_some() {
        return None;
    }
    let span = span(reading, range);
    let operations = shown.operations.iter().map(|name| {
        let found = OperationWindows::of(name, range, &reading.runs);
        let any = |number: fn(&Window) -> u64| found.windows.values().any(|one| number(one) > 0);
        let track = |name: &str, value: fn(&Window, f64) -> f64| track(name, &found, &span, value);
        let lost = found.windows.iter().filter(|(_, window)| window.lost > 0);
        OperationThroughput {
            name: name.clone(),
            window_ns: found.width_ns,
            finished: track("finished", |window, seconds| {
                window.finished_per_second(seconds)
            }),
            failed: any(|window| window.with_outcome).then(|| {
                track("failed", |window, _| {
                    mean(window.failures, window.with_outcome).unwrap_or(f64::NAN)
                })
            }),
            bytes: any(|window| window.with_bytes).then(|| {
                track("data", |window, seconds| {
                    window.sum_per_second(window.bytes as f64, seconds)
                })
            }),
            lost: lost.map(|(at, _)| *at).collect(),
            changes: changes.of_metrics(name, &[Metric::Rate]),
            failure_changes: changes.of_metrics(name, &[Metric::FailureRate]),
        }
    });
    let operations = operations.collect();
    Some(Throughput {
        recording: reading.recording.name(),
        operations,
        left_out: shown.left_out,
        span,
    })
}

/// A number of each window of which enough was observed; a window without rows has that of nothing.
fn track(
    name: &str,
    found: &OperationWindows,
    span: &Span,
    value: fn(&Window, f64) -> f64,
) -> Track {
    let windows = ObservedWindows::new(span, found.width_ns);
    let empty = Window::default();
    let points = windows.seconds().map(|(at, seconds)| {
        let window = found.windows.get(&at).unwrap_or(&empty);
        (windows.middle(at), value(window, seconds) + 0.0 * seconds)
    });
    Track {
        name: name.to_owned(),
        points: points.collect(),
    }
}
