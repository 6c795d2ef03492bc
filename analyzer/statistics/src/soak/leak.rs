//! Leaks and drifts: whether a series that should not grow does.
//!
//! A straight line through all points of a garbage collector's sawtooth is misleading. The line is
//! fitted to the troughs instead: they are the memory that survives each collection. This file
//! judges the slope; `sawtooth` finds the troughs, and `trend` fits the line.

use crate::error::{Error, within};
use crate::soak::cycle::without_cycle;
use crate::soak::finding::{Finding, FindingKind, SoakOptions, Status};
use crate::soak::growth::{Points, inconclusive};
use crate::soak::limit::Peaks;
use crate::soak::lives::{falling_back, lives_unknown};
use crate::soak::sawtooth::{MIN_PERIODS, sawtooth_of_lives};
use crate::soak::spikes::without_spikes;
use crate::soak::swings::of_growing_swings;

/// The fewest values of which a slope is judged. In fewer points the noise is hardly known.
pub const MIN_VALUES: usize = 24;

/// Searches for a leak (growth of the troughs) and a drift (growth of the mean) of `values` at
/// `times`, which are seconds. NaN and infinite values are missing.
///
/// The series has a sawtooth when it swings by half of its own range, clearly above its
/// point-to-point noise, and rises more slowly than it falls. Both findings are inconclusive with
/// fewer than [`MIN_PERIODS`] periods of a sawtooth, or with fewer than 24 values. A first rise
/// that has not fallen yet cannot be distinguished from a leak and counts as one. Where the
/// restarts are not known, teeth of more than an hour may be the lives of a process: their flat
/// floor is no evidence that nothing leaks. A single point far off is left out.
///
/// A finding is found if its slope lies above the tolerance at the rate `false_alarm`, absent if
/// its 95% interval does not exceed it, and otherwise inconclusive. The last half, quarter and
/// eighth are judged too, each at half of the level before: growth that begins late is found there.
/// Assumes what [`trend`](crate::trend()) assumes.
///
/// # Errors
/// Times of another length; times or restarts that are not finite or descend; a tolerance below 0;
/// a limit that is not finite; a cycle that is not longer than 0; a rate outside 0..=0.5.
pub fn soak(
    subject: &str,
    times: &[f64],
    values: &[f64],
    options: &SoakOptions,
) -> Result<[Finding; 2], Error> {
    within(
        "tolerance_per_hour",
        options.tolerance_per_hour,
        0.0,
        1e6,
        "0 or more",
    )?;
    within(
        "absolute_tolerance_per_hour",
        options.absolute_tolerance_per_hour,
        0.0,
        f64::MAX,
        "0 or more",
    )?;
    if let Some(limit) = options.limit {
        within("limit", limit, f64::MIN, f64::MAX, "finite")?;
    }
    if let Some(length) = options.cycle_s {
        within("cycle_s", length, f64::MIN_POSITIVE, f64::MAX, "above 0")?;
    }
    within(
        "false_alarm",
        options.false_alarm,
        0.0,
        0.5,
        "between 0 and 0.5",
    )?;
    ascending("restart", &options.restarts)?;
    if times.len() != values.len() {
        return Err(Error::Length {
            left: "values",
            left_length: values.len(),
            right: "times",
            right_length: times.len(),
        });
    }
    ascending("time", times)?;
    let present = times
        .iter()
        .zip(values)
        .filter(|(t, v)| t.abs() < 1e140 && v.abs() < 1e140);
    let (times, values): (Vec<f64>, Vec<f64>) = present.map(|(t, v)| (*t, *v)).unzip();
    let limit = options.limit.unwrap_or(f64::INFINITY);
    let reached = values.iter().position(|value| *value >= limit);
    let reached = reached.map(|index| times[index]);
    let (times, values, spikes) = without_spikes(&times, &values);
    // Lives that are as long as the cycle look like it: their growth would be subtracted with it.
    let flat = options
        .cycle_s
        .filter(|_| options.restarts.is_empty())
        .and_then(|length| without_cycle(&times, &values, length));
    let (values, cycle) = match flat {
        Some((flat, cycle)) => (flat, Some(cycle)),
        None => (values, None),
    };
    let cycle = cycle.as_ref();
    let sawtooth = sawtooth_of_lives(&times, &values, &options.restarts);
    let [leak, drift] =
        [FindingKind::Leak, FindingKind::Drift].map(|kind| inconclusive(kind, subject));
    let (mut leak, mut drift) = match &sawtooth {
        _ if values.len() < MIN_VALUES => {
            let reason = format!(
                "{} {} only: a slope needs at least {MIN_VALUES}",
                values.len(),
                if values.len() == 1 { "point" } else { "points" }
            );
            let leak = Finding {
                reason: reason.clone(),
                ..leak
            };
            (leak, Finding { reason, ..drift })
        }
        Some(teeth) if teeth.periods < MIN_PERIODS => {
            let reason = too_few(teeth.periods);
            let leak = Finding {
                periods: Some(teeth.periods),
                reason: reason.clone(),
                ..leak
            };
            (leak, Finding { reason, ..drift })
        }
        Some(teeth) => {
            let floor = |values| Points {
                times: &teeth.times,
                values,
                peaks: Peaks {
                    height: teeth.height,
                    cycle,
                },
            };
            let leak = Finding {
                periods: Some(teeth.periods),
                ..leak
            };
            let [first, earlier] = [&teeth.troughs, &teeth.earlier]
                .map(|values| floor(values).growth(leak.clone(), options));
            let leak = match teeth.changes_height {
                true => either(first, &earlier),
                false => first,
            };
            let all = Points::of(&times, &values, cycle);
            (
                falling_back(leak, teeth, options),
                all.growth(drift, options),
            )
        }
        None => {
            let all = Points::of(&times, &values, cycle);
            let leak = all.growth(leak, options);
            (
                of_growing_swings(leak, &times, &values),
                all.growth(drift, options),
            )
        }
    };
    leak = lives_unknown(leak, &times, &values, sawtooth.as_ref(), options);
    for finding in [&mut leak, &mut drift] {
        finding.limit_reached = reached;
        if reached.is_some() {
            finding.time_to_limit_s = Some(0.0);
        }
    }
    for finding in [&mut leak, &mut drift] {
        if cycle.is_some() {
            finding.reason.push_str(", after the cycle was subtracted");
        }
        match spikes {
            0 => {}
            1 => finding.reason.push_str("; 1 point far off is left out"),
            several => {
                let note = format!("; {several} points far off are left out");
                finding.reason.push_str(&note);
            }
        }
    }
    Ok([leak, drift])
}

/// Why a sawtooth with fewer than [`MIN_PERIODS`] periods decides nothing.
fn too_few(periods: f64) -> String {
    if periods < 2.0 {
        return "it rises and falls back once, which shows neither growth nor its absence"
            .to_owned();
    }
    format!("only {periods:.1} periods of the sawtooth were observed: it takes {MIN_PERIODS:.0}")
}

/// The growth of a floor by its two readings. Where teeth grow taller and have few points, the two
/// differ: what only one of them shows is open.
fn either(first: Finding, earlier: &Finding) -> Finding {
    if first.status == earlier.status {
        return first;
    }
    let both = |a: Option<f64>, b: Option<f64>, choose: fn(f64, f64) -> f64| {
        a.zip(b).map(|(a, b)| choose(a, b))
    };
    Finding {
        status: Status::Inconclusive,
        low: both(first.low, earlier.low, f64::min),
        high: both(first.high, earlier.high, f64::max),
        detectable: both(first.detectable, earlier.detectable, f64::max),
        time_to_limit_s: None,
        reason: "the teeth grow and have too few points to show their floor".to_owned(),
        ..first
    }
}

/// `Ok` when the times are finite and none comes before the previous one.
fn ascending(name: &'static str, times: &[f64]) -> Result<(), Error> {
    let must = "finite and not before the previous time";
    let mut last = f64::MIN;
    for &time in times {
        within(name, time, last, f64::MAX, must)?;
        last = time;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECONDS_PER_HOUR: f64 = 3600.0;

    fn noise(i: usize) -> f64 {
        ((i * 7919) % 101) as f64 / 101.0 + ((i * 104_729) % 97) as f64 / 97.0 - 1.0
    }

    fn heap(points: usize, period: usize, growth: f64) -> (Vec<f64>, Vec<f64>) {
        let times: Vec<f64> = (0..points).map(|i| 10.0 * i as f64).collect();
        let value = |i: usize| {
            let tooth = (i % period) as f64 / period as f64;
            100.0 * (1.0 + growth * times[i] / SECONDS_PER_HOUR) + 30.0 * tooth + 2.0 * noise(i)
        };
        let values = (0..points).map(value).collect();
        (times, values)
    }

    fn leak(points: usize, period: usize, growth: f64, options: &SoakOptions) -> Finding {
        let (times, values) = heap(points, period, growth);
        let [leak, _] = soak("heap", &times, &values, options).unwrap();
        leak
    }

    #[test]
    fn a_leak_beneath_a_sawtooth_is_found_with_its_slope() {
        let options = SoakOptions {
            limit: Some(200.0),
            ..SoakOptions::default()
        };
        let found = leak(8640, 60, 0.01, &options);
        assert_eq!(found.status, Status::Found, "{found:?}");
        assert!(
            (found.slope_per_hour.unwrap() - 1.0).abs() < 0.05,
            "{found:?}"
        );
        // 24 h at 1 an hour and a tooth of 30: (200 − 124 − 30) / 1 hours.
        assert!(
            (found.time_to_limit_s.unwrap() / SECONDS_PER_HOUR - 46.0).abs() < 4.0,
            "{found:?}"
        );
        assert_eq!(leak(8640, 60, 0.0, &options).status, Status::Absent);
    }

    #[test]
    fn fewer_than_five_periods_are_inconclusive() {
        for points in [120, 150, 200, 240, 290] {
            for growth in [0.0, 0.05] {
                let found = leak(points, 60, growth, &SoakOptions::default());
                assert_eq!(found.status, Status::Inconclusive, "{points}: {found:?}");
            }
        }
    }

    #[test]
    fn the_slope_of_a_known_good_run_is_subtracted() {
        let good = leak(8640, 60, 0.01, &SoakOptions::default()).trend;
        let options = SoakOptions {
            reference: good,
            ..SoakOptions::default()
        };
        assert_eq!(leak(8640, 60, 0.01, &options).status, Status::Absent);
        assert_eq!(leak(8640, 60, 0.03, &options).status, Status::Found);
    }

    #[test]
    fn wrong_input_is_refused() {
        assert!(soak("x", &[1.0], &[], &SoakOptions::default()).is_err());
        assert!(soak("x", &[2.0, 1.0], &[1.0, 1.0], &SoakOptions::default()).is_err());
        let [leak, _] = soak("x", &[], &[], &SoakOptions::default()).unwrap();
        assert_eq!(leak.status, Status::Inconclusive);
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec(any::<f64>(), 0..100)) {
            let times: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
            let _ = soak("x", &times, &values, &SoakOptions::default());
        }
    }
}
