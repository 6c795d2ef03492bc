//! Operations over time: percentiles of the duration per window, losses, unobserved periods and
//! annotated moments. The width of an operation's windows depends on the length of the recording
//! and on the operation's number of rows: few rows have few and wide windows.

use std::collections::{BTreeMap, BTreeSet};

use soakbox_cli::Result;

use super::{Moment, OperationCounts, Reading};
use crate::recording::TimeRange;
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};

/// Bounds of the number of windows of an operation: few rows give up to 10, many rows up to 150.
const WINDOWS: std::ops::RangeInclusive<i64> = 10..=150;
/// Windows are as wide as needed to have at least this number of rows on average: a percentile of a
/// few rows is uncertain.
const ROWS_PER_WINDOW: u64 = 40;
/// The widths that windows can have, milliseconds.
const WIDTHS_MS: [i64; 24] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000,
    86_400_000,
];

/// One window of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyWindow {
    /// Its start, ns UTC.
    pub at_ns: i64,
    /// Rows.
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

/// One operation over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationTimeline {
    /// The operation's name.
    pub operation: String,
    /// Width of each window, ns.
    pub width_ns: i64,
    /// Windows that have rows, in order.
    pub windows: Vec<LatencyWindow>,
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
    /// Reads the operations that `wanted` names, or all if it is empty; `None` where the recording
    /// has no rows.
    ///
    /// # Errors
    /// Where a query fails.
    pub fn read(reading: &Reading, wanted: &[String]) -> Result<Option<Self>> {
        let Some(range) = reading.coverage.range else {
            return Ok(None);
        };
        let shown = |counts: &&OperationCounts| {
            (counts.rows > 0 || counts.lost() > 0)
                && (wanted.is_empty() || wanted.contains(&counts.operation))
        };
        let mut operations: Vec<OperationTimeline> = reading
            .counts
            .iter()
            .filter(shown)
            .map(|counts| OperationTimeline {
                operation: counts.operation.clone(),
                width_ns: width_ns(range.length_ns(), counts.rows),
                windows: Vec::new(),
                range,
                lost: BTreeMap::new(),
            })
            .collect();
        if !operations.is_empty() {
            read_windows(&reading.session, &mut operations)?;
        }
        Ok(Some(Self {
            range,
            operations,
            unobserved: reading.coverage.unobserved.clone(),
            moments: reading.moments.clone(),
        }))
    }
}

impl OperationTimeline {
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

/// The width of windows for a recording of `length_ns` and an operation of `rows`.
fn width_ns(length_ns: i64, rows: u64) -> i64 {
    let windows = i64::try_from(rows / ROWS_PER_WINDOW).unwrap_or(i64::MAX);
    let windows = windows.clamp(*WINDOWS.start(), *WINDOWS.end());
    let widths = WIDTHS_MS.map(|ms| ms * 1_000_000);
    let found = widths.into_iter().find(|width| length_ns / width < windows);
    found.unwrap_or_else(|| {
        let day = WIDTHS_MS[WIDTHS_MS.len() - 1] * 1_000_000;
        (length_ns / windows / day + 1) * day
    })
}

/// Fills in the windows of all operations, each with the width of its operation, by one scan of
/// each table.
fn read_windows(session: &Session, operations: &mut [OperationTimeline]) -> Result<()> {
    let names = literals(operations.iter());
    let query = |query, time| {
        let window = window_start(operations, time);
        let values = [("window", window.as_str()), ("operations", names.as_str())];
        Columns::new(&session.collect(&queries::fill(query, &values))?)
    };
    let lost = query(queries::LOSS_WINDOWS, "at")?;
    let windows = query(queries::WINDOWS, "finished_at")?;
    let mut by_name: BTreeMap<String, &mut OperationTimeline> = operations
        .iter_mut()
        .map(|operation| (operation.operation.clone(), operation))
        .collect();
    if let Some(found) = lost {
        let (starts, lost) = (found.times("since")?, found.counts("lost")?);
        for (row, name) in found.texts("operation")?.into_iter().enumerate() {
            if let (Some(operation), Some(at_ns)) = (by_name.get_mut(&name), starts[row]) {
                operation.lost.insert(at_ns, lost[row]);
            }
        }
    }
    if let Some(found) = windows {
        let (starts, counts) = (found.times("at")?, found.counts("count")?);
        let durations = found.lists("duration")?;
        for (row, name) in found.texts("operation")?.into_iter().enumerate() {
            if let (Some(operation), Some(at_ns), &[p50_ns, p95_ns, p99_ns]) =
                (by_name.get_mut(&name), starts[row], &durations[row][..])
            {
                operation.windows.push(LatencyWindow {
                    at_ns,
                    count: counts[row],
                    p50_ns,
                    p95_ns,
                    p99_ns,
                    lost: operation.lost.get(&at_ns).copied().unwrap_or(0),
                });
            }
        }
    }
    Ok(())
}

/// An SQL expression for the start of the window that a row with the time column `time` is in.
fn window_start(operations: &[OperationTimeline], time: &str) -> String {
    let widths: BTreeSet<i64> = operations.iter().map(|one| one.width_ns).collect();
    let mut cases = String::new();
    for width_ns in widths {
        let of_width = operations.iter().filter(|one| one.width_ns == width_ns);
        cases.push_str(&format!(
            " WHEN operation IN ({}) THEN date_bin(INTERVAL '{width_ns} nanoseconds', {time})",
            literals(of_width)
        ));
    }
    format!("CASE{cases} END")
}

fn literals<'a>(operations: impl Iterator<Item = &'a OperationTimeline>) -> String {
    let names = operations.map(|one| queries::literal(&one.operation));
    names.collect::<Vec<String>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn windows_are_neither_too_many_nor_too_short() {
        let second = 1_000_000_000;
        assert_eq!(width_ns(2 * second, 140), second / 2);
        assert_eq!(width_ns(600 * second, 42_000), 5 * second);
        assert_eq!(width_ns(7 * 86_400 * second, 1 << 30), 2 * 3600 * second);
        for days in [100, 1000, 10_000] {
            let length = days * 86_400 * second;
            assert!(length / width_ns(length, 1 << 40) < *WINDOWS.end());
        }
    }
}
