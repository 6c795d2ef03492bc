//! Growth that is hard to see, and what only looks like growth.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{Finding, SoakOptions, Status, soak};
use support::scatter;

/// Seconds between two points.
const STEP: f64 = 10.0;

/// Noise of deviation 1, approximately normal.
fn noise(i: usize, seed: usize) -> f64 {
    let sum: f64 = (0..12).map(|k| scatter(12 * i + k, seed)).sum();
    sum - 6.0
}

/// Leak and drift of these values.
fn findings(values: &[f64], options: &SoakOptions) -> [Finding; 2] {
    let times: Vec<f64> = (0..values.len()).map(|i| STEP * i as f64).collect();
    soak("memory", &times, values, options).unwrap()
}

#[test]
fn a_constant_does_not_grow() {
    for level in [0.0, -0.0, 5.0, 1e12, -3.0] {
        for points in [50, 1000] {
            for finding in findings(&vec![level; points], &SoakOptions::default()) {
                assert_eq!(finding.status, Status::Absent, "{level}: {finding:?}");
            }
        }
    }
}

#[test]
fn one_step_from_0_to_1_is_no_sawtooth() {
    for points in [200, 2000] {
        for place in [points / 4, points / 2, points - points / 5] {
            let values: Vec<f64> = (0..points).map(|i| f64::from(i >= place)).collect();
            let [leak, _] = findings(&values, &SoakOptions::default());
            assert_eq!(leak.periods, None, "{leak:?}");
        }
    }
}

#[test]
fn slow_noise_is_no_sawtooth() {
    for seed in 0..20 {
        let mut level = 0.0;
        let values: Vec<f64> = (0..8640)
            .map(|i| {
                level = 0.95 * level + noise(i, seed);
                100.0 + level
            })
            .collect();
        let [leak, _] = findings(&values, &SoakOptions::default());
        assert_eq!(leak.periods, None, "seed {seed}: {leak:?}");
    }
}

#[test]
fn teeth_that_grow_on_a_flat_floor_are_no_leak() {
    let mut found = 0;
    for seed in 0..20 {
        let values: Vec<f64> = (0..8640)
            .map(|i| {
                let height = 30.0 * (1.0 + 3.0 * i as f64 / 8640.0);
                100.0 + height * (i % 60) as f64 / 60.0 + 2.0 * noise(i, seed)
            })
            .collect();
        let [leak, drift] = findings(&values, &SoakOptions::default());
        found += usize::from(leak.status == Status::Found);
        assert_eq!(drift.status, Status::Found, "{drift:?}");
    }
    assert!(found <= 2, "{found} of 20");
}

#[test]
fn a_leak_that_begins_late_is_found_in_the_last_half() {
    for (seed, begin) in [(1, 0.5), (2, 0.6), (3, 0.5), (4, 0.6)] {
        let [leak, drift] = findings(&late(8640, begin, 2.0, 0.0, seed), &SoakOptions::default());
        assert_eq!(leak.status, Status::Found, "{leak:?}");
        assert_eq!(drift.status, Status::Found, "{drift:?}");
    }
}

/// A heap of 100 under teeth of 30 that grows by `growth` per hour after the share `begin`, with a
/// cycle of a day of ± `day`.
fn late(points: usize, begin: f64, growth: f64, day: f64, seed: usize) -> Vec<f64> {
    let value = |i: usize| {
        let hour = i as f64 * STEP / 3600.0;
        let since = (i as f64 - begin * points as f64).max(0.0) * STEP / 3600.0;
        let tooth = 30.0 * (i % 60) as f64 / 60.0;
        let turn = std::f64::consts::TAU * (hour / 24.0 + 0.21 * seed as f64);
        100.0 + growth * since + tooth + day * turn.sin() + 2.0 * noise(i, seed)
    };
    (0..points).map(value).collect()
}

#[test]
fn a_leak_that_begins_very_late_is_found_in_the_last_part_that_it_fills() {
    for (seed, begin, part, hours) in [
        (1, 0.75, "quarter", 18.0),
        (2, 0.8, "eighth", 21.0),
        (3, 0.86, "eighth", 21.0),
    ] {
        let [leak, drift] = findings(&late(8640, begin, 5.0, 0.0, seed), &SoakOptions::default());
        for finding in [leak, drift] {
            assert_eq!(finding.status, Status::Found, "{begin}: {finding:?}");
            assert!(finding.reason.contains("in the last"), "{finding:?}");
            if finding.reason.contains(part) {
                let since = finding.since.unwrap() / 3600.0;
                assert!((since - hours).abs() < 0.2, "{begin}: {finding:?}");
            }
            let slope = finding.slope_per_hour.unwrap();
            assert!((2.0..6.5).contains(&slope), "{begin}: {finding:?}");
        }
    }
}

#[test]
fn growth_wider_than_the_teeth_does_not_hide_them() {
    // From the middle of three days on, by 180 under teeth of 30, with and without a daily cycle.
    for (day, seed) in [(0.0, 1), (10.0, 2), (10.0, 3), (25.0, 4)] {
        for (begin, growth) in [(0.5, 5.0), (0.7, 5.0), (0.3, 5.0)] {
            let values = late(25_920, begin, growth, day, seed);
            let [leak, _] = findings(&values, &SoakOptions::default());
            assert_eq!(leak.status, Status::Found, "{day} {begin}: {leak:?}");
            let periods = leak.periods.unwrap();
            assert!((periods - 432.0).abs() < 3.0, "{day} {begin}: {leak:?}");
        }
    }
}

#[test]
fn a_rise_in_a_run_shorter_than_its_cycle_is_never_absent() {
    for seed in 0..25 {
        let values = late(7200, 0.0, 0.0, 10.0, seed);
        let [leak, _] = findings(&values, &SoakOptions::default());
        assert_ne!(leak.status, Status::Absent, "{seed}: {leak:?}");
    }
}

#[test]
fn growth_within_an_absolute_tolerance_is_absent() {
    // 2 an hour from a level of 0, of which any share is 0.
    let values: Vec<f64> = (0..2000)
        .map(|i| 2.0 * i as f64 * STEP / 3600.0 + 0.1 * noise(i, 4))
        .collect();
    for (tolerance, status) in [
        (0.0, Status::Found),
        (1.0, Status::Found),
        (5.0, Status::Absent),
    ] {
        let options = SoakOptions {
            absolute_tolerance_per_hour: tolerance,
            ..SoakOptions::default()
        };
        for finding in findings(&values, &options) {
            assert_eq!(finding.status, status, "{tolerance}: {finding:?}");
        }
    }
    let times = [0.0];
    let options = SoakOptions {
        absolute_tolerance_per_hour: f64::NAN,
        ..SoakOptions::default()
    };
    assert!(soak("memory", &times, &[1.0], &options).is_err());
}

/// Values of a process that restarts every `life` points, and the times of its restarts.
fn lives(points: usize, life: usize, growth: f64, teeth: f64) -> (Vec<f64>, Vec<f64>) {
    let value = |i: usize| {
        let hours = (i % life) as f64 * STEP / 3600.0;
        let tooth = teeth * (i % 60) as f64 / 60.0;
        100.0 * (1.0 + growth * hours) + tooth + 2.0 * noise(i, 11)
    };
    let restarts = (1..points / life).map(|i| (i * life) as f64 * STEP);
    ((0..points).map(value).collect(), restarts.collect())
}

#[test]
fn a_leak_is_found_across_the_restarts_of_a_process() {
    for (points, growth) in [(8640, 0.01), (8640, 0.05), (25_920, 0.01), (25_920, 0.05)] {
        for teeth in [0.0, 30.0] {
            let (values, restarts) = lives(points, 2160, growth, teeth);
            let options = SoakOptions {
                restarts,
                ..SoakOptions::default()
            };
            for finding in findings(&values, &options) {
                assert_eq!(
                    finding.status,
                    Status::Found,
                    "{growth} {teeth}: {finding:?}"
                );
                let slope = finding.slope_per_hour.unwrap();
                let error = (slope / (100.0 * growth) - 1.0).abs();
                assert!(error < 0.2, "{growth} {teeth}: {finding:?}");
            }
        }
    }
    let (values, restarts) = lives(8640, 2160, 0.0, 30.0);
    let options = SoakOptions {
        restarts,
        ..SoakOptions::default()
    };
    for finding in findings(&values, &options) {
        assert_ne!(finding.status, Status::Found, "{finding:?}");
    }
}

#[test]
fn a_floor_that_falls_back_is_not_absent() {
    let (values, _) = lives(25_920, 2160, 0.05, 30.0);
    let [leak, _] = findings(&values, &SoakOptions::default());
    assert_eq!(leak.status, Status::Inconclusive, "{leak:?}");
    assert!(leak.reason.contains("restarts"), "{leak:?}");
}

#[test]
fn restarts_and_cycles_that_are_no_times_are_refused() {
    let values = [1.0; 50];
    let times: Vec<f64> = (0..50).map(f64::from).collect();
    for restarts in [vec![2.0, 1.0], vec![f64::NAN]] {
        let options = SoakOptions {
            restarts,
            ..SoakOptions::default()
        };
        assert!(soak("memory", &times, &values, &options).is_err());
    }
    for cycle in [0.0, -1.0, f64::NAN] {
        let options = SoakOptions {
            cycle_s: Some(cycle),
            ..SoakOptions::default()
        };
        assert!(soak("memory", &times, &values, &options).is_err());
    }
}

#[test]
fn a_leak_is_found_under_a_daily_cycle() {
    for (phase, growth) in [(0.0, 0.01), (2.0, 0.01), (4.0, 0.0), (5.5, 0.0)] {
        let values: Vec<f64> = (0..25_920)
            .map(|i| {
                let hours = i as f64 * STEP / 3600.0;
                let day = (std::f64::consts::TAU * hours / 24.0 + phase).sin();
                let tooth = 30.0 * (i % 60) as f64 / 60.0;
                100.0 * (1.0 + growth * hours + 0.1 * day) + tooth + 2.0 * noise(i, 12)
            })
            .collect();
        let [leak, _] = findings(&values, &SoakOptions::default());
        assert_eq!(
            leak.status == Status::Found,
            growth > 0.0,
            "{phase}: {leak:?}"
        );
        assert!(leak.reason.contains("cycle"), "{leak:?}");
    }
}
