//! Percentiles over time, from the timeline of a recording.

use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_statistics::Metric;

use super::Changes;
use super::shown::{Shown, span_of_timeline};
use crate::chart::{OperationPercentiles, PercentileWindow, Percentiles};
use crate::figures::{DurationsOf, LatencyWindow, OperationTimeline, Timeline};
use crate::windows::{Run, WindowLength};

const LEVELS: [f64; 3] = [0.5, 0.95, 0.99];
/// The band is between these quantiles of the windows of a baseline.
const BAND: [f64; 2] = [0.05, 0.95];
/// Fewest windows of a baseline that make a band.
const FEWEST: usize = 8;

/// The chart of these operations of a recording.
pub fn percentiles(
    recording: &str,
    timeline: &Timeline,
    shown: &Shown,
    changes: &Changes,
    baseline: Option<(&str, &[Run])>,
) -> Percentiles {
    let operations = timeline.operations.iter();
    let operations = operations.filter(|one| shown.operations.contains(&one.operation));
    let operations = operations.map(|one| {
        let band = baseline.and_then(|(_, runs)| band(runs, &one.operation, one.width_ns));
        OperationPercentiles {
            band,
            changes: changes.of_metrics(
                &one.operation,
                &[
                    Metric::DurationP50,
                    Metric::DurationP95,
                    Metric::DurationP99,
                ],
            ),
            ..operation(one)
        }
    });
    Percentiles {
        recording: recording.to_owned(),
        span: span_of_timeline(timeline),
        operations: operations.collect(),
        baseline: baseline.map(|(name, _)| name.to_owned()),
        left_out: shown.left_out,
    }
}

/// The chart of one operation, without changes and baseline.
pub fn of_timeline(recording: &str, timeline: &Timeline, one: &OperationTimeline) -> Percentiles {
    Percentiles {
        recording: recording.to_owned(),
        span: span_of_timeline(timeline),
        operations: vec![operation(one)],
        baseline: None,
        left_out: 0,
    }
}

fn operation(one: &OperationTimeline) -> OperationPercentiles {
    let drawn = one.half_covered();
    let begin = drawn.first().map(|window| window.at_ns);
    let first = one
        .windows
        .iter()
        .position(|window| Some(window.at_ns) == begin);
    let first = first.unwrap_or(0);
    OperationPercentiles {
        name: one.operation.clone(),
        window_ns: one.width_ns,
        windows: one.windows.iter().map(window).collect(),
        drawn: first..first + drawn.len(),
        lost: one.lost.iter().map(|(at, lost)| (*at, *lost)).collect(),
        of_finished: one.durations_of == DurationsOf::Finished,
        band: None,
        changes: Vec::new(),
    }
}

fn window(window: &LatencyWindow) -> PercentileWindow {
    PercentileWindow {
        at_ns: window.at_ns,
        count: window.count,
        ns: [window.p50_ns, window.p95_ns, window.p99_ns].map(|ns| ns as f64),
        lost: window.lost,
    }
}

/// The values between which most windows of known-good runs are, for each percentile; the windows are
/// `width_ns` long, or as near to it as the runs have them. `None` where there are too few.
pub fn band(runs: &[Run], operation: &str, width_ns: i64) -> Option<[(f64, f64); 3]> {
    let length = WindowLength::at_least(width_ns);
    let mut values: [Vec<i64>; 3] = Default::default();
    for series in runs.iter().filter_map(|run| run.operations.get(operation)) {
        let merged = series.merged(length);
        // A short run has no window of this length.
        let chosen = if merged.windows.is_empty() {
            series
        } else {
            &*merged
        };
        for window in chosen.windows.iter().flatten() {
            let durations = window.histogram();
            for (values, level) in values.iter_mut().zip(LEVELS) {
                values.extend(durations.quantile(level));
            }
        }
    }
    if values[0].len() < FEWEST {
        return None;
    }
    let ends = values.map(|values| {
        let all = SparseHistogram::of(values);
        let [low, high] = BAND.map(|level| all.quantile(level).unwrap_or(0) as f64);
        (low, high)
    });
    Some(ends)
}
