//! The series of a run: each metric of each operation, one number per window.

use std::borrow::Cow;

use soakbox_statistics::Metric;

use super::{NumberSeries, Times};
use crate::windows::{MADE_UP, MOST_WINDOWS, Run, Series, Window, WindowLength, mean};

/// Operations that a window should have, for its percentiles.
const OPERATIONS: u64 = 40;
/// Points that a series keeps even if its windows then have fewer operations.
const FEWEST_POINTS: usize = 64;

/// How finely a run is cut into points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points {
    /// The most points of a series.
    pub most: usize,
    /// Operations that a window should have, for its memory.
    pub operations_for_memory: u64,
}

impl Points {
    /// For steps and drifts.
    pub const OF_CHANGES: Self = Self {
        most: 1024,
        operations_for_memory: OPERATIONS,
    };
    /// As many as there are windows, so that teeth of a collector have many points. The memory of a
    /// process is known from one operation.
    pub const OF_SOAK: Self = Self {
        most: MOST_WINDOWS,
        operations_for_memory: 1,
    };

    /// The shortest length with few enough points and enough operations in each, of at least `least_ns`
    /// if windows can be so long.
    fn length(self, series: &Series, metric: &Metric, least_ns: i64) -> WindowLength {
        let operations = match metric {
            Metric::Memory => self.operations_for_memory,
            _ => OPERATIONS,
        };
        let (mut length, mut points) = (series.length, series.windows.len());
        let count = series.timed();
        while let Some(longer) = WindowLength::exactly(length.ns() * 2) {
            let thin = count < operations * points as u64 && points / 2 >= FEWEST_POINTS;
            if points <= self.most && !thin && length.ns() >= least_ns {
                break;
            }
            (length, points) = (longer, points / 2);
        }
        length
    }
}

/// A metric of a window; `None` where it was not measured.
type Read = fn(&Window, f64) -> Option<f64>;

/// The metrics, in the order of reports. The second argument is the length of the window, s.
const METRICS: [(Metric, Read); 8] = [
    (Metric::DurationP50, |window, _| quantile(window, 0.5)),
    (Metric::DurationP99, |window, _| quantile(window, 0.99)),
    (Metric::DurationMean, |window, _| {
        let timed = window.of_finished().timed;
        (timed > 0).then(|| window.duration_sum() / timed as f64)
    }),
    (Metric::Cpu, |window, _| {
        mean(window.cpu_ns, window.with_cpu)
    }),
    (Metric::Memory, |window, _| {
        mean(window.memory_bytes, window.with_memory)
    }),
    (Metric::FailureRate, |window, _| {
        mean(window.failures, window.with_outcome)
    }),
    (Metric::Rate, |window, seconds| Some(window.rate(seconds))),
    (Metric::BytesRate, |window, seconds| {
        (window.with_bytes > 0).then(|| window.bytes as f64 * window.per_second(seconds))
    }),
];

/// The metric of this name, of those that a series can have.
///
/// # Errors
/// Where there is none.
pub fn series_metric_named(name: &str) -> Result<Metric, String> {
    let metrics = METRICS.map(|(metric, _)| metric);
    let names: Vec<String> = metrics
        .iter()
        .map(|metric| metric.name().to_owned())
        .collect();
    let mut found = metrics.into_iter();
    found.find(|metric| metric.name() == name).ok_or_else(|| {
        format!(
            "there is no series of {name}; the metrics are {}",
            names.join(", ")
        )
    })
}

/// The series of a run, of the operations and metrics that are named, or of all. A metric that was
/// never measured has none. `name` is part of their names if it is not empty.
pub fn series_of(
    run: &Run,
    name: &str,
    operations: &[String],
    metrics: &[Metric],
    points: Points,
) -> Vec<NumberSeries> {
    let mut all = Vec::new();
    let least_ns = run.identity.made_up_ns();
    for (operation, finest) in run.chosen(operations) {
        let mut series = Cow::Borrowed(finest);
        for (metric, read) in METRICS {
            if !metrics.is_empty() && !metrics.contains(&metric) {
                continue;
            }
            let length = points.length(finest, &metric, least_ns);
            if series.length != length {
                series = finest.merged(length);
            }
            let seconds = series.length.duration().as_secs_f64();
            let windows = series.windows.iter();
            let values: Vec<f64> = windows
                .map(|window| {
                    window
                        .as_ref()
                        .and_then(|w| read(w, seconds))
                        .unwrap_or(f64::NAN)
                })
                .collect();
            if values.iter().all(|value| value.is_nan()) {
                continue;
            }
            let prefix = if name.is_empty() {
                String::new()
            } else {
                format!("{name} ")
            };
            let is_even = run.identity.made_up_times.is_some()
                && matches!(metric, Metric::Rate | Metric::BytesRate);
            let durations_of = metric.is_duration().then(|| series.durations_of());
            all.push(NumberSeries {
                name: format!("{prefix}{operation} {}", metric.name()),
                operation: operation.clone(),
                metric,
                values,
                times: Times::Windows {
                    first_ns: run.identity.first_ns,
                    length_ns: series.length.ns(),
                },
                durations_of,
                not_searched: (!run.identity.is_searchable()).then_some(MADE_UP),
                is_even,
            });
        }
    }
    all
}

fn quantile(window: &Window, level: f64) -> Option<f64> {
    window.histogram().quantile(level).map(|value| value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_neither_too_many_nor_too_thin() {
        let series = |windows: usize, count: u64| Series {
            length: WindowLength::exactly(15_625_000).unwrap(),
            windows: vec![
                Some(Window {
                    count,
                    ..Window::default()
                });
                windows
            ],
        };
        let points = |series: Series| {
            let length = Points::OF_CHANGES.length(&series, &Metric::Rate, 0);
            series.merged_to(length).windows.len()
        };
        assert_eq!(points(series(3_840, 100)), 960);
        assert_eq!(
            points(series(3_840, 1)),
            120,
            "32 operations in each, for 64 points at least"
        );
        assert_eq!(points(series(3_840, 0)), 120);
        assert_eq!(points(series(30, 1)), 30);
        let memory = Points::OF_SOAK.length(&series(3_840, 1), &Metric::Memory, 0);
        assert_eq!(memory, series(3_840, 1).length);
        let least = Points::OF_SOAK.length(&series(3_840, 100), &Metric::Rate, 1_000_000_000);
        assert_eq!(least, WindowLength::SECOND);
    }
}
