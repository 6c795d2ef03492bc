//! Units, ranges and round ticks of the axes. Pure arithmetic.

use chrono::{DateTime, Utc};

use crate::figures::OperationTimeline;
use crate::recording::TimeRange;

const SECOND: i64 = 1_000_000_000;
/// Most ticks on the time axis.
const TIME_TICKS: i64 = 8;
/// From this ratio of the largest to the smallest value on, the axis is logarithmic: a linear one
/// would hide the small values.
const LOG_FROM: f64 = 40.0;

/// The axis of durations. `position` maps a value to the axis, linearly or by its logarithm.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ValueScale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) unit: &'static str,
    pub(super) logarithmic: bool,
}

impl ValueScale {
    /// The scale for all values of these operations.
    pub(super) fn covering<'a>(
        operations: impl IntoIterator<Item = &'a OperationTimeline>,
    ) -> Self {
        let windows = operations
            .into_iter()
            .flat_map(OperationTimeline::half_covered);
        let (mut smallest, mut largest) = (f64::INFINITY, 1.0f64);
        for window in windows {
            smallest = smallest.min(window.p50_ns.max(1) as f64);
            largest = largest.max(window.p99_ns as f64);
        }
        Self::between(smallest.min(largest), largest)
    }

    fn between(smallest: f64, largest: f64) -> Self {
        let (unit, divisor) = unit(largest);
        let label = |value: f64| plain(value / divisor);
        if largest / smallest < LOG_FROM {
            let step = nice_step(largest / 5.0);
            let steps = (largest / step).ceil().max(1.0) as i64;
            return Self {
                low: 0.0,
                high: steps as f64 * step,
                ticks: (0..=steps)
                    .map(|index| index as f64 * step)
                    .map(|value| (value, label(value)))
                    .collect(),
                unit,
                logarithmic: false,
            };
        }
        let (low, high) = (smallest.log10().floor(), largest.log10());
        let decades = low as i32..=high.ceil() as i32;
        let few = decades.end() - decades.start() <= 3;
        let steps: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let values =
            decades.flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
        // The axis ends with the first tick that is not below the largest value.
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for value in values {
            let done = ticks.last().is_some_and(|(last, _)| *last >= high);
            if !done {
                ticks.push((value.log10(), label(value)));
            }
        }
        let first = ticks
            .iter()
            .rposition(|(tick, _)| *tick <= smallest.log10());
        ticks.drain(..first.unwrap_or(0));
        Self {
            low: ticks.first().map_or(low, |(tick, _)| *tick),
            high: ticks.last().map_or(high, |(tick, _)| *tick),
            ticks,
            unit,
            logarithmic: true,
        }
    }

    pub(super) fn position(&self, ns: i64) -> f64 {
        if self.logarithmic {
            (ns.max(1) as f64).log10().max(self.low)
        } else {
            ns as f64
        }
    }
}

fn unit(largest: f64) -> (&'static str, f64) {
    if largest < 1e3 {
        ("ns", 1.0)
    } else if largest < 1e6 {
        ("µs", 1e3)
    } else if largest < 1e9 {
        ("ms", 1e6)
    } else {
        ("s", 1e9)
    }
}

/// 1, 2, 2.5 or 5 times a power of ten, not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= least * 0.999_999)
        .unwrap_or(10.0 * power)
}

/// As a decimal number without trailing zeros.
fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The axis of time, in nanoseconds since its start.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TimeScale {
    pub(super) range: TimeRange,
    pub(super) ticks: Vec<(f64, String)>,
}

impl TimeScale {
    pub(super) fn new(range: TimeRange) -> Self {
        let range = TimeRange {
            last_ns: range.last_ns.max(range.first_ns.saturating_add(1_000)),
            ..range
        };
        let step = time_step(range.length_ns());
        let first = range.first_ns.div_euclid(step) * step;
        let times = (0..=TIME_TICKS + 1).map(|index| first.saturating_add(index * step));
        let ticks = times
            .filter(|at| (range.first_ns..=range.last_ns).contains(at))
            .map(|at| ((at - range.first_ns) as f64, label(at, step)))
            .collect();
        Self { range, ticks }
    }

    pub(super) fn position(&self, at_ns: i64) -> f64 {
        let at = at_ns.clamp(self.range.first_ns, self.range.last_ns);
        (at - self.range.first_ns) as f64
    }

    /// The date that it covers, or the first and the last one.
    pub(super) fn dates(&self) -> String {
        let date = |at| utc(at).format("%Y-%m-%d").to_string();
        let (first, last) = (date(self.range.first_ns), date(self.range.last_ns));
        if first == last {
            first
        } else {
            format!("{first} to {last}")
        }
    }
}

fn utc(ns: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(ns)
}

fn time_step(length_ns: i64) -> i64 {
    let seconds = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
        86_400, 172_800, 604_800, 1_209_600, 2_592_000,
    ];
    let fractions = (0..9)
        .map(|power| 10i64.pow(power))
        .flat_map(|ns| [ns, 2 * ns, 5 * ns]);
    fractions
        .chain(seconds.map(|seconds| seconds * SECOND))
        .find(|step| length_ns / step <= TIME_TICKS)
        .unwrap_or(length_ns / TIME_TICKS)
        .max(1)
}

fn label(at_ns: i64, step: i64) -> String {
    let at = utc(at_ns);
    let midnight = at_ns.rem_euclid(86_400 * SECOND) == 0;
    let format = if step >= 86_400 * SECOND || (midnight && step >= 600 * SECOND) {
        "%b %e"
    } else if step >= 60 * SECOND {
        "%H:%M"
    } else if step >= SECOND {
        "%H:%M:%S"
    } else if step >= 1_000_000 {
        "%S%.3f s"
    } else {
        "%S%.6f s"
    };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[(f64, String)]) -> Vec<&str> {
        ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn a_linear_axis_starts_at_zero_and_ends_above_the_largest_value() {
        let scale = ValueScale::between(1.9e6, 6.3e6);
        assert_eq!((scale.unit, scale.logarithmic), ("ms", false));
        assert_eq!(labels(&scale.ticks), ["0", "2", "4", "6", "8"]);
        assert!(scale.high >= 6.3e6);
    }

    #[test]
    fn a_wide_range_is_logarithmic_and_covers_both_ends() {
        let scale = ValueScale::between(13_000.0, 4.7e6);
        assert_eq!((scale.unit, scale.logarithmic), ("ms", true));
        assert_eq!(
            labels(&scale.ticks),
            ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"]
        );
        assert!(scale.low <= 13_000f64.log10() && scale.high >= 4.7e6f64.log10());
    }

    #[test]
    fn time_ticks_are_round_and_few_for_every_length() {
        let mut length = 1_000;
        while length < 400 * 86_400 * SECOND {
            let range = TimeRange {
                first_ns: 1_795_507_200_123_456_789,
                last_ns: 1_795_507_200_123_456_789 + length,
            };
            let ticks = TimeScale::new(range).ticks;
            assert!(
                (3..=9).contains(&ticks.len()),
                "{} for {length} ns",
                ticks.len()
            );
            length = length * 3 / 2;
        }
    }
}
