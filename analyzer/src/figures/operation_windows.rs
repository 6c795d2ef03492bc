//! The windows of one operation in all runs of a recording, and what they stand for where several runs
//! share a window. Pure.

use std::collections::BTreeMap;

use crate::coverage::{length_ns, merge};
use crate::recording::TimeRange;
use crate::windows::{DurationsOf, Represented, Run, Series, Window, WindowLength};

/// Bounds of the number of windows of an operation: few durations give up to 16, many up to 200.
/// Lengths are powers of two, so that there are at least half as many.
pub(super) const WINDOWS: std::ops::RangeInclusive<usize> = 16..=200;
/// Windows are as long as needed to have at least this number of durations on average: a percentile of
/// a few is uncertain.
const DURATIONS_PER_WINDOW: u64 = 40;

/// The windows of one operation in all runs of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationWindows {
    /// Length of each window, ns.
    pub width_ns: i64,
    /// By their begin, ns UTC; those without rows and losses are absent, but for those of a run whose
    /// probes were switched.
    pub windows: BTreeMap<i64, Window>,
    /// The operations that the durations are of.
    pub durations_of: DurationsOf,
}

impl OperationWindows {
    /// The windows of an operation of a recording that was read for a timeline.
    pub fn of(operation: &str, range: TimeRange, runs: &[Run]) -> Self {
        Self::merged(operation, shown_length(operation, range, runs), runs)
    }

    /// The windows of an operation in all runs, merged to windows of `length`, or as long as a run has
    /// them: those of whole intervals cannot be divided.
    pub(super) fn merged(operation: &str, length: WindowLength, runs: &[Run]) -> Self {
        let series = || runs.iter().filter_map(|run| run.operations.get(operation));
        let longest = series().map(|one| one.length).max();
        let width_ns = longest.map_or(length, |longest| longest.max(length)).ns();
        let of_finished = series().any(|one| one.durations_of() == DurationsOf::Finished);
        let of_runs = runs.iter().filter_map(|run| {
            let series = run.operations.get(operation)?;
            Some((run, windows_of(run, series, width_ns)))
        });
        let mut of_runs: Vec<_> = of_runs.collect();
        let is_switched = |(_, windows): &(&Run, BTreeMap<i64, Window>)| {
            windows.values().any(|one| one.represented.is_some())
        };
        if of_runs.len() > 1 && of_runs.iter().any(is_switched) {
            represent_all(&mut of_runs, width_ns);
        }
        let mut windows: BTreeMap<i64, Window> = BTreeMap::new();
        for (at_ns, window) in of_runs.iter().flat_map(|(_, windows)| windows) {
            windows.entry(*at_ns).or_default().merge(window);
        }
        Self {
            width_ns,
            windows,
            durations_of: match of_finished {
                true => DurationsOf::Finished,
                false => DurationsOf::Rows,
            },
        }
    }
}

/// The windows of a run by their begin, merged to windows of `width_ns`.
fn windows_of(run: &Run, series: &Series, width_ns: i64) -> BTreeMap<i64, Window> {
    let mut windows: BTreeMap<i64, Window> = BTreeMap::new();
    let starts = (0i64..).map(|index| index.saturating_mul(series.length.ns()));
    for (since, window) in starts.zip(&series.windows) {
        let is_known = |one: &&Window| one.of_finished().all > 0 || one.represented.is_some();
        let Some(window) = window.as_ref().filter(is_known) else {
            continue;
        };
        let at_ns = run.identity.first_ns.saturating_add(since);
        let at_ns = at_ns.div_euclid(width_ns).saturating_mul(width_ns);
        windows.entry(at_ns).or_default().merge(window);
    }
    windows
}

/// Where several runs are in one window, and the probes of one were switched off and on: each adds its
/// operations at its own rate, and the time is that of all together. Where one of them saw nothing, nothing is
/// known.
fn represent_all(of_runs: &mut [(&Run, BTreeMap<i64, Window>)], width_ns: i64) {
    let ranges: Vec<TimeRange> = of_runs
        .iter()
        .map(|(run, _)| TimeRange {
            first_ns: run.identity.first_ns,
            last_ns: run.identity.last_ns,
        })
        .collect();
    let mut begins: Vec<i64> = of_runs
        .iter()
        .flat_map(|(_, all)| all.keys().copied())
        .collect();
    begins.sort_unstable();
    begins.dedup();
    for at_ns in begins {
        let window = TimeRange {
            first_ns: at_ns,
            last_ns: at_ns.saturating_add(width_ns),
        };
        let inside = |range: &TimeRange| range.common(window);
        let ns = |time: TimeRange| u64::try_from(time.length_ns()).unwrap_or(0);
        let (mut sum, mut is_blind) = (0u64, false);
        for ((_, windows), range) in of_runs.iter_mut().zip(&ranges) {
            if let Some(window) = windows.get_mut(&at_ns) {
                let own = window.represented_in(ns(inside(range)));
                is_blind |= own.ns == 0;
                sum = sum.saturating_add(own.operations);
                window.represented = None;
            }
        }
        let together = merge(ranges.iter().map(inside).collect());
        let together = u64::try_from(length_ns(&together)).unwrap_or(0);
        let all = Represented {
            operations: sum,
            ns: if is_blind { 0 } else { together },
        };
        let first = of_runs
            .iter_mut()
            .find_map(|(_, windows)| windows.get_mut(&at_ns));
        if let Some(window) = first {
            window.represented = Some(all);
        }
    }
}

/// The length of windows in which an operation is shown.
pub(super) fn shown_length(operation: &str, range: TimeRange, runs: &[Run]) -> WindowLength {
    let series = runs.iter().filter_map(|run| run.operations.get(operation));
    let timed = series.fold(0u64, |sum, one| sum.saturating_add(one.timed()));
    length(range.length_ns(), timed)
}

/// The length of windows for a recording of `length_ns` and this number of durations.
fn length(length_ns: i64, durations: u64) -> WindowLength {
    let windows = usize::try_from(durations / DURATIONS_PER_WINDOW).unwrap_or(usize::MAX);
    WindowLength::filling(length_ns, windows.clamp(*WINDOWS.start(), *WINDOWS.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::RunIdentity;

    #[test]
    fn windows_are_neither_too_many_nor_too_short() {
        let second = 1_000_000_000;
        assert_eq!(length(2 * second, 140).ns(), second / 8);
        assert_eq!(length(600 * second, 42_000).ns(), 4 * second);
        assert_eq!(length(7 * 86_400 * second, 1 << 30).ns(), 4_096 * second);
        for days in [100, 1000, 10_000] {
            let length_ns = days * 86_400 * second;
            let windows = length_ns / length(length_ns, 1 << 40).ns();
            assert!((100..=200).contains(&windows), "{windows}");
        }
    }

    #[test]
    fn runs_at_once_are_added_up_and_runs_one_after_the_other_are_not() {
        let second = WindowLength::SECOND.ns();
        let limited = |operations, ns: i64| Window {
            count: 1,
            represented: Some(Represented {
                operations,
                ns: ns.unsigned_abs(),
            }),
            ..Window::default()
        };
        let free = |count| Window {
            count,
            ..Window::default()
        };
        // The parts of a second in which the runs are, in tenths, and their windows.
        let rate = |runs: &[(i64, i64, &Window)]| {
            let runs = runs.iter().map(|(from, to, window)| {
                let series = Series {
                    length: WindowLength::SECOND,
                    windows: vec![Some((*window).clone())],
                };
                Run {
                    identity: RunIdentity {
                        first_ns: from * second / 10,
                        last_ns: to * second / 10,
                        ..RunIdentity::default()
                    },
                    operations: [("op".to_owned(), series)].into(),
                    restarts_ns: Vec::new(),
                }
            });
            let runs: Vec<Run> = runs.collect();
            let found = OperationWindows::merged("op", WindowLength::SECOND, &runs);
            let window = &found.windows[&0];
            window.finished_per_second(1.0)
        };
        // 50 per second, of which a tenth was observed; 1,000 per second.
        let (some, all) = (limited(5, second / 10), free(1_000));
        assert_eq!(rate(&[(0, 10, &some)]), 50.0);
        assert_eq!(rate(&[(0, 10, &some), (0, 10, &some)]), 100.0);
        assert_eq!(rate(&[(0, 10, &some), (0, 10, &all)]), 1_050.0);
        assert_eq!(rate(&[(0, 10, &all), (0, 10, &all)]), 2_000.0);
        // In each half of the second another run.
        assert_eq!(rate(&[(0, 5, &some), (5, 10, &some)]), 50.0);
        assert_eq!(rate(&[(0, 5, &some), (5, 10, &free(100))]), 125.0);
        // Of one nothing is known.
        assert!(rate(&[(0, 10, &limited(0, 0)), (0, 10, &all)]).is_nan());
    }
}
