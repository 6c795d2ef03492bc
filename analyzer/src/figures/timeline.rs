//! Operations over time: percentiles of the duration per window, losses, unobserved periods and
//! annotated moments. The length of an operation's windows depends on the length of the recording
//! and on the number of operations with a duration: few have few and long windows.

use std::collections::BTreeMap;

use super::Reading;
use super::operation_windows::{OperationWindows, WINDOWS, shown_length};
use crate::coverage::Moment;
use crate::recording::TimeRange;
use crate::windows::{Cut, DurationsOf, OperationCounts, Run, Window, WindowLength};

/// One window of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyWindow {
    /// Its start, ns UTC.
    pub at_ns: i64,
    /// Operations that the percentiles are of.
    pub count: u64,
    /// Median of the duration.
    pub p50_ns: i64,
    /// 95th percentile of the duration.
    pub p95_ns: i64,
    /// 99th percentile of the duration.
    pub p99_ns: i64,
    /// Operations lost.
    pub lost: u64,
}

impl LatencyWindow {
    /// The percentiles of a window; `None` without rows.
    fn of((at_ns, window): (&i64, &Window)) -> Option<Self> {
        let durations = window.histogram();
        Some(Self {
            at_ns: *at_ns,
            count: window.of_finished().timed,
            p50_ns: durations.quantile(0.5)?,
            p95_ns: durations.quantile(0.95)?,
            p99_ns: durations.quantile(0.99)?,
            lost: window.lost,
        })
    }
}

/// One operation over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationTimeline {
    /// The operation's name.
    pub operation: String,
    /// Length of each window, ns.
    pub width_ns: i64,
    /// Windows that have durations, in order.
    pub windows: Vec<LatencyWindow>,
    /// The operations that they are of.
    pub durations_of: DurationsOf,
    /// The time that the recording covers, ns UTC.
    pub range: TimeRange,
    /// Operations lost, by the start of the window (which may have no rows), ns UTC.
    pub lost: BTreeMap<i64, u64>,
}

/// All operations of a recording over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// From the first to the last moment.
    pub range: TimeRange,
    /// By name.
    pub operations: Vec<OperationTimeline>,
    /// Periods in which nothing, or not everything, was observed.
    pub unobserved: Vec<TimeRange>,
    /// Annotated moments, in order.
    pub moments: Vec<Moment>,
}

impl Timeline {
    /// How a recording is read for a timeline.
    pub const CUT: Cut = Cut::Shown {
        most: *WINDOWS.end(),
    };

    /// The operations that `wanted` names, or all if it is empty, of a recording that was read with
    /// [`CUT`](Self::CUT); `None` where it has no rows.
    pub fn of(reading: &Reading, wanted: &[String]) -> Option<Self> {
        let range = reading.coverage.range?;
        let shown = |counts: &&OperationCounts| {
            counts.finished() > 0 && (wanted.is_empty() || wanted.contains(&counts.operation))
        };
        let operations = reading.counts.iter().filter(shown);
        let operations = operations.map(|counts| {
            let operation = &counts.operation;
            let length = shown_length(operation, range, &reading.runs);
            OperationTimeline::of(operation, range, length, &reading.runs)
        });
        Some(Self {
            range,
            operations: operations.collect(),
            unobserved: reading.coverage.unobserved.clone(),
            moments: reading.moments.clone(),
        })
    }
}

impl OperationTimeline {
    fn of(operation: &str, range: TimeRange, length: WindowLength, runs: &[Run]) -> Self {
        let OperationWindows {
            width_ns,
            windows: merged,
            durations_of,
        } = OperationWindows::merged(operation, length, runs);
        let lost = merged.iter().filter(|(_, window)| window.lost > 0);
        Self {
            operation: operation.to_owned(),
            width_ns,
            range,
            lost: lost.map(|(at_ns, window)| (*at_ns, window.lost)).collect(),
            durations_of,
            windows: merged.iter().filter_map(LatencyWindow::of).collect(),
        }
    }

    /// The windows for a line: without those at both ends of which the recording covers less than
    /// half, since the percentiles of their few rows would look like a change. All windows, if the
    /// recording covers less than half of each.
    pub fn half_covered(&self) -> &[LatencyWindow] {
        let is_covered = |window: &&LatencyWindow| {
            let end_ns = window.at_ns.saturating_add(self.width_ns);
            let last_ns = end_ns.min(self.range.last_ns);
            let covered_ns = last_ns.saturating_sub(window.at_ns.max(self.range.first_ns));
            covered_ns >= self.width_ns / 2
        };
        let all = &self.windows;
        let first = all.iter().position(|window| is_covered(&window));
        let last = all.iter().rposition(|window| is_covered(&window));
        match first.zip(last) {
            Some((first, last)) => &all[first..=last],
            None => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::{RunIdentity, Series};
    use soakbox_schemas::tables::histogram::SparseHistogram;

    #[test]
    fn a_line_leaves_out_the_windows_at_its_ends_that_are_hardly_covered() {
        let shown = |first_ns: i64, last_ns: i64| {
            let window = |at_ns| LatencyWindow {
                at_ns,
                count: 1,
                p50_ns: 1,
                p95_ns: 1,
                p99_ns: 1,
                lost: 0,
            };
            let timeline = OperationTimeline {
                operation: "request".to_owned(),
                width_ns: 100,
                windows: [0, 100, 200, 300].map(window).into(),
                range: TimeRange { first_ns, last_ns },
                durations_of: DurationsOf::Rows,
                lost: BTreeMap::new(),
            };
            let windows = timeline.half_covered().iter();
            windows.map(|window| window.at_ns).collect::<Vec<i64>>()
        };
        assert_eq!(shown(0, 400), [0, 100, 200, 300]);
        assert_eq!(shown(50, 350), [0, 100, 200, 300]);
        assert_eq!(shown(51, 350), [100, 200, 300]);
        assert_eq!(shown(50, 349), [0, 100, 200]);
        assert_eq!(shown(90, 301), [100, 200]);
        assert_eq!(shown(270, 330), [0, 100, 200, 300], "none is covered");
    }

    #[test]
    fn runs_that_begin_at_any_time_have_one_line() {
        let length = WindowLength::SECOND;
        let second = length.ns();
        let window = |durations: &[i64], lost| {
            let mut encoded = Vec::new();
            SparseHistogram::of(durations.iter().copied()).encode(&mut encoded);
            Some(Window {
                count: durations.len() as u64,
                lost,
                durations: encoded,
                ..Window::default()
            })
        };
        let run = |first: i64, windows| Run {
            identity: RunIdentity {
                first_ns: first * second,
                ..RunIdentity::default()
            },
            operations: [("get".to_owned(), Series { length, windows })].into(),
            restarts_ns: Vec::new(),
        };
        let runs = [
            run(
                -1,
                vec![window(&[7], 0), window(&[1, 2], 0), None, window(&[], 5)],
            ),
            run(1, vec![window(&[30], 0), window(&[], 1)]),
        ];
        let range = TimeRange {
            first_ns: -second,
            last_ns: 4 * second,
        };
        let timeline = OperationTimeline::of(
            "get",
            range,
            WindowLength::exactly(2 * second).unwrap(),
            &runs,
        );
        let shown = timeline.windows.iter();
        let shown: Vec<_> = shown
            .map(|one| (one.at_ns / second, one.count, one.p50_ns, one.p99_ns))
            .collect();
        assert_eq!(shown, [(-2, 1, 7, 7), (0, 3, 2, 30)]);
        assert_eq!(timeline.lost, BTreeMap::from([(2 * second, 6)]));
        assert_eq!(
            OperationTimeline::of("put", range, length, &runs).windows,
            []
        );
    }
}
