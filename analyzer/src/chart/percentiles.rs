//! Percentiles of the duration over time, with the band of a baseline, changes, notes and losses.

use soakbox_cli::escaped;

use super::numbers::{Cell, Numbers};
use super::over_time::{
    ChangeMark, Span, Track, change_flags, change_key, line, lost, lost_key, series_key,
};
use super::picture::{Key, Mark, Picture, Sample};
use super::scale::{Form, Scale};
use super::theme::Ink;
use super::unit::Unit;
use super::{Chart, heading, left_out_text, names};
use crate::units::{count, duration, rfc3339, window_length};

/// What percentiles by the kernel's histograms are of.
const ALL_FINISHED: &str = "all finished operations";
const NAMES: [&str; 3] = ["p50", "p95", "p99"];

/// Percentiles of operations over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Percentiles {
    /// The name of the recording.
    pub recording: String,
    /// The time.
    pub span: Span,
    /// One panel for each.
    pub operations: Vec<OperationPercentiles>,
    /// The name of the baseline whose band is shown.
    pub baseline: Option<String>,
    /// How many operations are not shown, because there are too many.
    pub left_out: usize,
}

/// The percentiles of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationPercentiles {
    /// Its name.
    pub name: String,
    /// The length of a window, ns.
    pub window_ns: i64,
    /// The windows with durations, in order.
    pub windows: Vec<PercentileWindow>,
    /// The windows that the line has: not those at the ends that are covered for less than half.
    pub drawn: std::ops::Range<usize>,
    /// The begins of windows with losses, ns UTC, and how many were lost.
    pub lost: Vec<(i64, u64)>,
    /// Whether the durations are those of all finished operations, also of those without a row.
    pub of_finished: bool,
    /// The values of the baseline between which most of its windows are, for p50, p95 and p99.
    pub band: Option<[(f64, f64); 3]>,
    /// When p50, p95 or p99 changed.
    pub changes: Vec<ChangeMark>,
}

/// The percentiles of one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PercentileWindow {
    /// Its begin, ns UTC.
    pub at_ns: i64,
    /// Operations with a duration.
    pub count: u64,
    /// p50, p95 and p99, ns.
    pub ns: [f64; 3],
    /// Operations lost.
    pub lost: u64,
}

impl OperationPercentiles {
    fn drawn(&self) -> &[PercentileWindow] {
        self.windows.get(self.drawn.clone()).unwrap_or(&[])
    }

    /// A percentile as a track: a window without durations is a missing point.
    fn track(&self, percentile: usize) -> Track {
        let mut points = Vec::new();
        let mut next_ns = None;
        for window in self.drawn() {
            if next_ns.is_some_and(|next| window.at_ns > next) {
                points.push((window.at_ns.saturating_sub(self.window_ns / 2), f64::NAN));
            }
            next_ns = Some(window.at_ns.saturating_add(self.window_ns));
            let middle = window.at_ns.saturating_add(self.window_ns / 2);
            points.push((middle, window.ns[percentile]));
        }
        Track {
            name: NAMES[percentile].to_owned(),
            points,
        }
    }

    /// All values that its panel shows.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        let windows = self.drawn().iter().flat_map(|window| window.ns);
        let band = self.band.iter().flatten();
        windows.chain(band.flat_map(|(low, high)| [*low, *high]))
    }
}

impl Percentiles {
    /// The same chart with axes that have these values too, so that several can be compared by eye.
    pub fn with_scale_of(self, values: Vec<f64>) -> impl Chart {
        Shared {
            chart: self,
            values,
        }
    }

    fn subtitle(&self) -> String {
        let mut text = format!(
            "median, 95th and 99th percentile per window of time, {}",
            self.span.text()
        );
        if let Some(baseline) = &self.baseline {
            let baseline = escaped(baseline);
            text.push_str(&format!(
                "; the bands are between the 5th and 95th percentile of the windows of {baseline}"
            ));
        }
        text.push_str(&left_out_text(self.left_out));
        text
    }

    fn legend(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = NAMES
            .iter()
            .enumerate()
            .map(|(number, name)| series_key(number, name))
            .collect();
        let operations = &self.operations;
        if operations.iter().any(|one| one.band.is_some()) {
            keys.push(Key {
                sample: Sample::Band(Ink::Series(0)),
                label: "baseline".to_owned(),
            });
        }
        if operations.iter().any(|one| !one.changes.is_empty()) {
            keys.push(change_key());
        }
        keys.extend(self.span.key());
        if operations.iter().any(|one| !one.lost.is_empty()) {
            keys.push(lost_key());
        }
        keys
    }

    fn description(&self) -> String {
        let mut text = self.subtitle();
        for operation in &self.operations {
            let name = escaped(&operation.name);
            let windows = operation.drawn();
            let p50 = windows.iter().map(|window| window.ns[0]);
            let (Some(low), Some(high)) = (
                p50.clone().min_by(f64::total_cmp),
                p50.max_by(f64::total_cmp),
            ) else {
                text.push_str(&format!(". {name}: no rows"));
                continue;
            };
            text.push_str(&format!(
                ". {name}, windows of {}: the median lies between {} and {}",
                window_length(operation.window_ns),
                duration(low),
                duration(high)
            ));
            if operation.of_finished {
                text.push_str(", of all finished operations, also of those without a row");
            }
            let by_p99 = |a: &&PercentileWindow, b: &&PercentileWindow| a.ns[2].total_cmp(&b.ns[2]);
            if let Some(peak) = windows.iter().max_by(by_p99) {
                text.push_str(&format!(
                    ", the 99th percentile peaks at {} at {}",
                    duration(peak.ns[2]),
                    rfc3339(peak.at_ns)
                ));
            }
            match operation.changes.as_slice() {
                [] => {}
                [only] => {
                    let of = escaped(&only.of);
                    text.push_str(&format!(", {of} changed at {}", rfc3339(only.at_ns)));
                }
                several => text.push_str(&format!(", {} changes of level", several.len())),
            }
            let lost: u64 = operation.lost.iter().map(|(_, lost)| lost).sum();
            if lost > 0 {
                text.push_str(&format!(", {} operations lost", count(lost)));
            }
        }
        text.push('.');
        text.push_str(&self.span.unobserved_text());
        text
    }

    fn picture_with(&self, more: &[f64]) -> Picture {
        let time = self.span.scale();
        let panels = self.operations.iter().map(|operation| {
            let values = operation.values().chain(more.iter().copied());
            let y = Scale::covering(values, Unit::Nanoseconds, Form::FromZeroOrLog);
            let title = y.title("latency");
            let mut panel = self.span.panel(&heading(&operation.name), y.clone(), title);
            panel.note = format!("per {} window", window_length(operation.window_ns));
            if operation.of_finished {
                panel.note.push_str(&format!(", {ALL_FINISHED}"));
            }
            for (number, (low, high)) in operation.band.iter().flatten().enumerate() {
                let (low, high) = (y.position(*low), y.position(*high));
                let ends = [panel.x.low, panel.x.high];
                let band = ends.map(|x| (x, low, high)).to_vec();
                panel.marks.push(Mark::Band(band, Ink::Series(number)));
            }
            let windows: Vec<i64> = operation.lost.iter().map(|(at, _)| *at).collect();
            panel.marks.push(lost(&windows, operation.window_ns, &time));
            for number in (0..NAMES.len()).rev() {
                let points = line(&operation.track(number), &time, &y);
                panel.marks.push(Mark::Line(points, Ink::Series(number)));
            }
            if !operation.changes.is_empty() {
                panel.flags.push(change_flags(&operation.changes, &time));
            }
            if operation.windows.is_empty() {
                panel.empty = Some("no durations".to_owned());
            }
            panel
        });
        let names = names(self.operations.iter().map(|one| one.name.as_str()));
        Picture {
            heading: format!("{}: latency over time", escaped(&self.recording)),
            subtitle: self.subtitle(),
            title: format!(
                "Latency over time of {names} in {}",
                escaped(&self.recording)
            ),
            description: self.description(),
            legend: self.legend(),
            panels: panels.collect(),
        }
    }
}

impl Chart for Percentiles {
    fn picture(&self) -> Picture {
        self.picture_with(&[])
    }

    fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::new(format!("{}: latency per window", self.recording))
            .texts(&["operation", "window_from"])
            .number("count", Unit::Count);
        for name in NAMES {
            numbers = numbers.number(format!("{name}_ns"), Unit::Nanoseconds);
        }
        let mut numbers = numbers.number("lost", Unit::Count);
        let with_band = self.operations.iter().any(|one| one.band.is_some());
        if with_band {
            for name in NAMES {
                for end in ["low", "high"] {
                    let name = format!("baseline_{name}_{end}_ns");
                    numbers = numbers.number(name, Unit::Nanoseconds);
                }
            }
        }
        numbers = numbers.texts(&["changes"]);
        let time = self.span.scale();
        for (panel, operation) in self.operations.iter().enumerate() {
            let mut windows = operation.windows.clone();
            // Windows in which all were lost.
            let is_known = |at: i64| windows.iter().any(|window| window.at_ns == at);
            let unknown = operation.lost.iter().filter(|(at, _)| !is_known(*at));
            let unknown: Vec<PercentileWindow> = unknown
                .map(|(at_ns, lost)| PercentileWindow {
                    at_ns: *at_ns,
                    count: 0,
                    ns: [f64::NAN; 3],
                    lost: *lost,
                })
                .collect();
            windows.extend(unknown);
            windows.sort_by_key(|window| window.at_ns);
            for window in &windows {
                let mut row = vec![Cell::text(&operation.name), Cell::Time(window.at_ns)];
                row.push(Cell::number(window.count as f64));
                row.extend(window.ns.map(Cell::number));
                row.push(Cell::number(window.lost as f64));
                if with_band {
                    let band = operation.band.unwrap_or([(f64::NAN, f64::NAN); 3]);
                    row.extend(
                        band.iter()
                            .flat_map(|(a, b)| [Cell::number(*a), Cell::number(*b)]),
                    );
                }
                let inside = window.at_ns..window.at_ns.saturating_add(operation.window_ns);
                let changes = operation.changes.iter();
                let changes = changes.filter(|change| inside.contains(&change.at_ns));
                let changes: Vec<&str> = changes.map(|change| change.of.as_str()).collect();
                row.push(Cell::text(changes.join(" ")));
                let middle = window.at_ns.saturating_add(operation.window_ns / 2);
                numbers.push(row, panel, (time.position(middle), f64::NAN));
            }
        }
        numbers
    }
}

/// A chart whose axes have the values of others too.
struct Shared {
    chart: Percentiles,
    values: Vec<f64>,
}

impl Chart for Shared {
    fn picture(&self) -> Picture {
        self.chart.picture_with(&self.values)
    }

    fn numbers(&self) -> Numbers {
        self.chart.numbers()
    }
}
