//! Leaks and drifts: whether a series that should not grow does.
//!
//! A straight line through all points of a garbage collector's sawtooth is misleading. The line is
//! fitted to the troughs instead: they are the memory that survives each collection. This file
//! judges the slope; `sawtooth` finds the troughs, and `trend` fits the line.

use crate::error::{Error, within};
use crate::math::distributions::t_upper_quantile;
use crate::soak::finding::{Finding, FindingKind, SoakOptions, Status};
use crate::soak::sawtooth::{quantile, sawtooth};
use crate::soak::trend::{Trend, trend};

/// With fewer periods of a sawtooth than this the finding is inconclusive.
pub const MIN_PERIODS: f64 = 5.0;
const SECONDS_PER_HOUR: f64 = 3600.0;
/// The probability beyond each end of a finding's interval.
const LEVEL: f64 = 0.025;
/// [`LEVEL`] for the last half, which is judged in addition.
const LATE_LEVEL: f64 = 0.0125;
/// With fewer points than this the last half is not judged.
const MIN_LATE_POINTS: usize = 5;

/// Searches for a leak (growth of the troughs) and a drift (growth of the mean) of `values` at
/// `times`, which are seconds. NaN and infinite values are missing.
///
/// The series has a sawtooth when it swings by half of its own range, clearly above its
/// point-to-point noise. With fewer than [`MIN_PERIODS`] periods both findings are
/// inconclusive. A first rise
/// that has not fallen yet cannot be distinguished from a leak and counts as one.
///
/// A finding is found if its whole interval lies above the tolerance, absent if it does not exceed
/// it, and otherwise inconclusive. The last half is judged too, at half of the level: growth that
/// begins late is found there. Assumes what [`trend`](crate::trend()) assumes.
///
/// # Errors
/// Times of another length, not finite or descending; a tolerance below 0; a limit that is not
/// finite.
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
    if times.len() != values.len() {
        return Err(Error::Length {
            left: "values",
            left_length: values.len(),
            right: "times",
            right_length: times.len(),
        });
    }
    let mut last = f64::MIN;
    for &time in times {
        within(
            "time",
            time,
            last,
            f64::MAX,
            "finite and not before the previous time",
        )?;
        last = time;
    }
    let present = times
        .iter()
        .zip(values)
        .filter(|(t, v)| t.abs() < 1e140 && v.abs() < 1e140);
    let (times, values): (Vec<f64>, Vec<f64>) = present.map(|(t, v)| (*t, *v)).unzip();
    let sawtooth = sawtooth(&times, &values);
    let of = |kind| inconclusive(kind, subject);
    let leak = match &sawtooth {
        Some(sawtooth) if sawtooth.periods < MIN_PERIODS => Finding {
            periods: Some(sawtooth.periods),
            reason: format!(
                "only {:.1} periods of the sawtooth were observed",
                sawtooth.periods
            ),
            ..of(FindingKind::Leak)
        },
        Some(sawtooth) => {
            let blank = of(FindingKind::Leak);
            let height = sawtooth.height;
            let mut finding = both(
                blank,
                &sawtooth.times,
                &sawtooth.troughs,
                height,
                true,
                options,
            );
            finding.periods = Some(sawtooth.periods);
            finding
        }
        None => both(of(FindingKind::Leak), &times, &values, 0.0, false, options),
    };
    let drift = match &sawtooth {
        Some(sawtooth) if sawtooth.periods < MIN_PERIODS => Finding {
            reason: leak.reason.clone(),
            ..of(FindingKind::Drift)
        },
        _ => both(
            of(FindingKind::Drift),
            &times,
            &values,
            0.0,
            sawtooth.is_some(),
            options,
        ),
    };
    Ok([leak, drift])
}

/// An inconclusive finding, without a fitted line.
fn inconclusive(kind: FindingKind, subject: &str) -> Finding {
    Finding {
        kind,
        subject: subject.to_owned(),
        status: Status::Inconclusive,
        slope_per_hour: None,
        low: None,
        high: None,
        time_to_limit_s: None,
        detectable: None,
        periods: None,
        trend: None,
        since: None,
        reason: "too few points to estimate a slope".to_owned(),
    }
}

/// The finding of the whole series and of its last half: growth that begins late hardly moves the
/// line through all points. Growth is absent when the whole series shows it and the last half does not
/// contradict; `detectable` is then the growth that the last half could have shown. `swings` is true
/// where a sawtooth explains how the values fall.
fn both(
    blank: Finding,
    times: &[f64],
    values: &[f64],
    height: f64,
    swings: bool,
    options: &SoakOptions,
) -> Finding {
    let judge = |from: usize, level: f64| {
        let line = trend(&times[from..], &values[from..]);
        let since = times.get(from).copied();
        let blank = Finding {
            since,
            ..blank.clone()
        };
        judged(blank, line, height, level, options)
    };
    let whole = judge(0, LEVEL);
    let late = match (times.first(), times.last()) {
        (Some(first), Some(last)) => times.partition_point(|t| *t < 0.5 * (first + last)),
        _ => return whole,
    };
    if whole.status == Status::Found || times.len() - late < MIN_LATE_POINTS {
        return whole;
    }
    let last = judge(late, LATE_LEVEL);
    // A rise that only brings the series back to where it was is part of a swing.
    let highest = if swings {
        f64::NEG_INFINITY
    } else {
        quantile(&values[..late], 0.995)
    };
    match (whole.status, last.status) {
        (_, Status::Found) if last.trend.is_some_and(|line| line.end > highest) => Finding {
            reason: format!("{}, in the last half", last.reason),
            ..last
        },
        (_, Status::Found) => whole,
        _ => Finding {
            detectable: last.detectable.or(whole.detectable),
            ..whole
        },
    }
}

/// The finding from its line, with the probability `level` beyond each end. `height` is the distance from the line to the peaks.
fn judged(
    blank: Finding,
    line: Option<Trend>,
    height: f64,
    level: f64,
    options: &SoakOptions,
) -> Finding {
    let Some(line) = line else { return blank };
    let mut compared = line;
    if let Some(good) = options.reference {
        compared.slope -= good.slope;
        let (own, other) = (line.standard_error.powi(2), good.standard_error.powi(2));
        let total = own + other;
        let parts = own * own / line.degrees_of_freedom + other * other / good.degrees_of_freedom;
        compared.standard_error = total.sqrt();
        if parts > 0.0 {
            compared.degrees_of_freedom = total * total / parts;
        }
    }
    let (low, high) = compared.interval(level);
    let relative = options.tolerance_per_hour * line.start.abs();
    let tolerance = relative.max(options.absolute_tolerance_per_hour) / SECONDS_PER_HOUR;
    let (status, reason) = if low > tolerance {
        (
            Status::Found,
            "the slope's whole interval lies above the tolerance",
        )
    } else if high <= tolerance {
        (
            Status::Absent,
            "the slope's whole interval is within the tolerance",
        )
    } else {
        (
            Status::Inconclusive,
            "the slope's interval includes the tolerance",
        )
    };
    let limit = options.limit.filter(|_| status == Status::Found);
    let deviations = t_upper_quantile(level, compared.degrees_of_freedom)
        + t_upper_quantile(0.2, compared.degrees_of_freedom);
    let finite = |value: f64| value.is_finite().then_some(value);
    Finding {
        status,
        slope_per_hour: finite(compared.slope * SECONDS_PER_HOUR),
        low: finite(low * SECONDS_PER_HOUR),
        high: finite(high * SECONDS_PER_HOUR),
        time_to_limit_s: limit.and_then(|limit| seconds_until(limit, &line, height)),
        detectable: finite((tolerance + deviations * compared.standard_error) * SECONDS_PER_HOUR),
        trend: Some(line),
        reason: reason.to_owned(),
        ..blank
    }
}

/// Seconds from the end of the line until its peaks, which are `height` above it, reach `limit`: 0
/// where they are there already. `None` where the slope's interval includes 0 or less: such a line
/// may never get there. Without a reference every line that is found rises.
fn seconds_until(limit: f64, line: &Trend, height: f64) -> Option<f64> {
    let room = limit - (line.end + height);
    if room <= 0.0 {
        return Some(0.0);
    }
    let (low, _) = line.interval(LEVEL);
    let seconds = room / line.slope;
    (low > 0.0 && seconds.is_finite()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
