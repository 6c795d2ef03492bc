//! The time to a limit is that of the measured line, whatever the slope of the reference: it is
//! never negative and never infinite.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use proptest::prelude::*;
use soakbox_statistics::{Error, Finding, SoakOptions, Status, Trend, soak, trend};
use support::scatter;

const POINTS: usize = 2000;
/// Seconds between two points.
const STEP: f64 = 10.0;

/// Times, and values within `noise` of a line from 100 that grows by `slope` per hour.
fn series(slope: f64, noise: f64) -> (Vec<f64>, Vec<f64>) {
    let times: Vec<f64> = (0..POINTS).map(|i| STEP * i as f64).collect();
    let value = |(i, time): (usize, &f64)| {
        100.0 + slope * time / 3600.0 + noise * (2.0 * scatter(i, 5) - 1.0)
    };
    let values = times.iter().enumerate().map(value).collect();
    (times, values)
}

/// The line of a series that grows by `slope` per hour.
fn line(slope: f64) -> Option<Trend> {
    let (times, values) = series(slope, 0.0);
    trend(&times, &values)
}

/// Leak and drift of a series that grows by `slope` per hour.
fn findings(slope: f64, noise: f64, reference: Option<Trend>, limit: f64) -> [Finding; 2] {
    let options = SoakOptions {
        limit: Some(limit),
        reference,
        ..SoakOptions::default()
    };
    let (times, values) = series(slope, noise);
    soak("memory", &times, &values, &options).unwrap()
}

#[test]
fn a_series_that_falls_more_slowly_than_its_reference_does_not_reach_the_limit() {
    for (slope, reference) in [(-0.5, -5.0), (-3.0, -4.0), (0.0, -1.0), (0.0, -20.0)] {
        for noise in [0.0, 0.3] {
            for finding in findings(slope, noise, line(reference), 150.0) {
                assert_eq!(finding.status, Status::Found, "{finding:?}");
                assert_eq!(finding.time_to_limit_s, None, "{slope}: {finding:?}");
            }
        }
    }
}

#[test]
fn the_time_is_that_of_the_measured_line_and_not_of_the_growth_beyond_the_reference() {
    let hours = (POINTS - 1) as f64 * STEP / 3600.0;
    for (slope, reference) in [(2.0, -6.0), (2.0, 1.0), (4.0, 0.0)] {
        let expected = (150.0 - 100.0 - slope * hours) / slope * 3600.0;
        for finding in findings(slope, 0.0, line(reference), 150.0) {
            let time = finding.time_to_limit_s.unwrap();
            assert!((time / expected - 1.0).abs() < 1e-6, "{finding:?}");
            let beyond = finding.slope_per_hour.unwrap();
            assert!((beyond - (slope - reference)).abs() < 1e-6, "{finding:?}");
        }
    }
}

#[test]
fn a_line_that_may_as_well_fall_has_no_time() {
    // The noise alone gives the line a slope of either sign.
    let (times, values) = series(0.0, 20.0);
    let up: Vec<f64> = values.iter().map(|v| 200.0 - v).collect();
    let options = SoakOptions {
        limit: Some(500.0),
        reference: line(-20.0),
        ..SoakOptions::default()
    };
    let mut slopes = Vec::new();
    for values in [values, up] {
        for finding in soak("memory", &times, &values, &options).unwrap() {
            assert_eq!(finding.status, Status::Found, "{finding:?}");
            assert_eq!(finding.time_to_limit_s, None, "{finding:?}");
            slopes.push(finding.trend.unwrap().slope);
        }
    }
    assert!(slopes.iter().any(|slope| *slope > 0.0), "{slopes:?}");
}

#[test]
fn a_limit_that_is_reached_already_has_the_time_0() {
    for (slope, limit) in [(2.0, 90.0), (0.0, 100.0), (0.0, 99.0), (-1.0, 50.0)] {
        for finding in findings(slope, 0.0, line(-8.0), limit) {
            assert_eq!(finding.status, Status::Found, "{finding:?}");
            let time = finding.time_to_limit_s.unwrap();
            assert!(time == 0.0 && time.is_sign_positive(), "{finding:?}");
        }
    }
}

/// The first time after `end` at which `value` reaches `limit`, by trying every 10 s.
fn first_time(end: f64, limit: f64, value: impl Fn(f64) -> f64) -> f64 {
    let mut later = (0..1_000_000).map(|step| 10.0 * f64::from(step));
    later.find(|later| value(end + later) >= limit).unwrap()
}

#[test]
fn a_cycle_that_was_subtracted_comes_back_in_the_time_to_the_limit() {
    let hour = 3600.0;
    let mut far_from_the_line = 0;
    for (period, cycle_s) in [(86_400.0, 86_400.0), (28_800.0, 28_800.0)] {
        for (amplitude, phase, rise) in [(10.0, 0.0, 6.0), (10.0, 2.5, 24.0), (4.0, 5.0, 20.0)] {
            // The rise per cycle, per hour.
            let slope = rise * hour / period;
            for teeth in [0.0, 8.0] {
                // Three and a half cycles; the teeth are of half an hour.
                let count = (3.5 * period / 120.0) as usize;
                let times: Vec<f64> = (0..count).map(|i| 120.0 * i as f64).collect();
                let floor = |time: f64| {
                    let turn = std::f64::consts::TAU * time / period;
                    100.0 + slope * time / hour + amplitude * (turn + phase).sin()
                };
                let value = |i: usize| {
                    let tooth = (i % 15) as f64 / 15.0;
                    floor(times[i]) + teeth * tooth + 0.2 * scatter(i, 3)
                };
                let values: Vec<f64> = (0..count).map(value).collect();
                let end = times[count - 1];
                let limit = 100.0 + slope * end / hour + 2.5 * amplitude + teeth;
                let options = SoakOptions {
                    limit: Some(limit),
                    cycle_s: Some(cycle_s),
                    ..SoakOptions::default()
                };
                let [leak, drift] = soak("memory", &times, &values, &options).unwrap();
                // The mean of the teeth has half of their height.
                for (finding, above) in [(leak, teeth), (drift, 0.5 * teeth)] {
                    assert_eq!(finding.status, Status::Found, "{finding:?}");
                    let expected = first_time(end, limit, |time| floor(time) + above);
                    let found = finding.time_to_limit_s.unwrap();
                    let line = (limit - above - 100.0) / slope * hour - end;
                    assert!(
                        (found - expected).abs() < 0.1 * period,
                        "{period} {amplitude} {phase} {slope} {teeth}: {found} of {expected}"
                    );
                    far_from_the_line += u32::from((found - line).abs() > 0.2 * period);
                }
            }
        }
    }
    assert!(far_from_the_line >= 8, "{far_from_the_line} of 24");
}

#[test]
fn a_limit_that_is_not_finite_is_refused() {
    let (times, values) = series(2.0, 0.1);
    for limit in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let options = SoakOptions {
            limit: Some(limit),
            ..SoakOptions::default()
        };
        let refused = soak("memory", &times, &values, &options);
        assert!(
            matches!(refused, Err(Error::Option { name: "limit", .. })),
            "{limit}: {refused:?}"
        );
    }
}

proptest! {
    #[test]
    fn a_time_is_finite_and_not_negative(
        values in proptest::collection::vec(-100.0..100.0f64, 5..60),
        steepness in prop_oneof![Just(0.0), Just(1e-12), Just(1.0), Just(1e9)],
        reference in prop_oneof![Just(0.0), -1e12..0.0f64, 0.0..10.0f64],
        limit in prop_oneof![any::<f64>(), -200.0..1e3f64]
    ) {
        let times: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        let values: Vec<f64> = values.iter().map(|value| 50.0 + steepness * value).collect();
        let good = Trend {
            slope: reference,
            standard_error: 0.0,
            degrees_of_freedom: 12.0,
            start: 0.0,
            end: 0.0,
            points: 100,
        };
        let options = SoakOptions {
            limit: Some(limit),
            reference: Some(good),
            ..SoakOptions::default()
        };
        for finding in soak("x", &times, &values, &options).into_iter().flatten() {
            if let Some(time) = finding.time_to_limit_s {
                prop_assert!(time.is_finite() && time >= 0.0, "{:?}", finding);
                let reached = finding.limit_reached.is_some();
                prop_assert!(finding.status == Status::Found || (reached && time == 0.0));
            }
        }
    }
}
