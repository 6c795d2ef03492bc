//! A process that leaks and restarts, growth that begins late, and a rate of false alarms that many
//! findings share.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{Finding, FindingKind, SoakOptions, Status, period, soak};
use support::scatter;

/// Noise of deviation 1, approximately normal.
fn noise(i: usize, seed: usize) -> f64 {
    let sum: f64 = (0..12).map(|k| scatter(12 * i + k, seed)).sum();
    sum - 6.0
}

/// The findings of a value a minute.
fn findings(values: &[f64], options: &SoakOptions) -> [Finding; 2] {
    let times: Vec<f64> = (0..values.len()).map(|i| 60.0 * i as f64).collect();
    soak("memory", &times, values, options).unwrap()
}

/// 72 hours of a process that restarts every `life` hours and grows by `growth` an hour from 100,
/// and its restarts.
fn lives(life: usize, growth: f64, deviation: f64, seed: usize) -> (Vec<f64>, Vec<f64>) {
    let value =
        |i: usize| 100.0 + growth * (i % (60 * life)) as f64 / 60.0 + deviation * noise(i, seed);
    let restarts = (1..72 / life).map(|i| (i * life * 3600) as f64);
    ((0..4320).map(value).collect(), restarts.collect())
}

#[test]
fn a_leak_is_never_absent_because_its_process_restarts() {
    for (seed, (life, growth, deviation)) in [
        (6, 2.0, 1.0),
        (6, 5.0, 0.5),
        (6, 1.0, 1.0),
        (2, 2.0, 1.0),
        (12, 1.0, 1.0),
        (2, 5.0, 2.0),
        (24, 1.0, 0.5),
    ]
    .into_iter()
    .enumerate()
    {
        let (values, restarts) = lives(life, growth, deviation, seed);
        let [leak, _] = findings(&values, &SoakOptions::default());
        assert_ne!(leak.status, Status::Absent, "{life} h: {leak:?}");
        let options = SoakOptions {
            restarts,
            ..SoakOptions::default()
        };
        for finding in findings(&values, &options) {
            assert_eq!(finding.status, Status::Found, "{life} h: {finding:?}");
            let slope = finding.slope_per_hour.unwrap();
            assert!((slope / growth - 1.0).abs() < 0.2, "{life} h: {finding:?}");
        }
    }
}

#[test]
fn a_steady_series_and_a_quick_collector_are_free_of_leaks() {
    for seed in 0..10 {
        let steady: Vec<f64> = (0..4320).map(|i| 100.0 + 2.0 * noise(i, seed)).collect();
        let [leak, _] = findings(&steady, &SoakOptions::default());
        assert_eq!(leak.status, Status::Absent, "{leak:?}");
        let tooth = |i: usize| 100.0 + (i % 30) as f64 + 0.5 * noise(i, seed);
        let teeth: Vec<f64> = (0..1440).map(tooth).collect();
        let [leak, _] = findings(&teeth, &SoakOptions::default());
        assert_eq!(leak.status, Status::Absent, "{leak:?}");
        assert!(leak.reason.contains("48 teeth of 1"), "{leak:?}");
    }
}

#[test]
fn slow_teeth_are_a_collector_where_the_restarts_are_known() {
    let (values, _) = lives(6, 5.0, 0.5, 3);
    let options = SoakOptions {
        restarts_known: true,
        ..SoakOptions::default()
    };
    let [leak, _] = findings(&values, &options);
    assert_eq!(leak.status, Status::Absent, "{leak:?}");
}

#[test]
fn growth_that_begins_late_is_no_tooth() {
    for points in [60, 200, 1000, 4320] {
        for (seed, begin) in [0.2, 0.4, 0.5, 0.6, 0.75].into_iter().enumerate() {
            for size in [30.0, 108.0, 1000.0] {
                let value = |i: usize| {
                    let share = (i as f64 / points as f64 - begin).max(0.0) / (1.0 - begin);
                    100.0 + size * share + noise(i, seed)
                };
                let values: Vec<f64> = (0..points).map(value).collect();
                for finding in findings(&values, &SoakOptions::default()) {
                    let case = format!("{points} {begin} {size}: {finding:?}");
                    assert_eq!(finding.periods, None, "{case}");
                    assert_eq!(finding.status, Status::Found, "{case}");
                }
            }
        }
    }
}

#[test]
fn growth_that_is_not_clear_in_the_last_part_is_not_absent() {
    for seed in 0..10 {
        let value = |i: usize| {
            let share = (i as f64 / 4320.0 - 0.75).max(0.0) / 0.25;
            1000.0 + 30.0 * ((3.2 * share).exp() - 1.0) / 24.0 + noise(i, seed)
        };
        let values: Vec<f64> = (0..4320).map(value).collect();
        let [leak, _] = findings(&values, &SoakOptions::default());
        assert_ne!(leak.status, Status::Absent, "{leak:?}");
    }
}

#[test]
fn few_points_are_no_evidence_of_growth() {
    for points in [5, 8, 12, 23] {
        let line: Vec<f64> = (0..points).map(f64::from).collect();
        for finding in findings(&line, &SoakOptions::default()) {
            assert_eq!(finding.status, Status::Inconclusive, "{finding:?}");
            assert!(finding.reason.starts_with(&format!("{points} points only")));
        }
    }
    let line: Vec<f64> = (0..24).map(f64::from).collect();
    let [leak, _] = findings(&line, &SoakOptions::default());
    assert_eq!(leak.status, Status::Found, "{leak:?}");
}

#[test]
fn a_shared_rate_makes_a_finding_rarer_and_leaves_its_interval() {
    let mut decided = [0, 0];
    for seed in 0..40 {
        let value = |i: usize| 100.0 + 0.2 * i as f64 / 60.0 + noise(i, seed);
        let values: Vec<f64> = (0..300).map(value).collect();
        let [all, few] = [0.05, 0.0005].map(|false_alarm| {
            let options = SoakOptions {
                false_alarm,
                ..SoakOptions::default()
            };
            let [leak, _] = findings(&values, &options);
            leak
        });
        let found = [&all, &few].map(|leak| usize::from(leak.status == Status::Found));
        assert!(found[1] <= found[0], "{few:?}");
        decided = [decided[0] + found[0], decided[1] + found[1]];
        if all.since == few.since {
            assert_eq!((all.low, all.high), (few.low, few.high));
            assert!(all.detectable < few.detectable, "{all:?} {few:?}");
        }
    }
    assert!(decided[0] > decided[1] + 5, "{decided:?}");
}

#[test]
fn a_limit_that_was_reached_is_reported_whatever_the_status() {
    for (level, growth, limit) in [(100.0, 0.0, 90.0), (100.0, 5.0, 120.0), (100.0, -1.0, 95.0)] {
        let value = |i: usize| level + growth * i as f64 / 60.0 + 0.3 * noise(i, 4);
        let values: Vec<f64> = (0..600).map(value).collect();
        let options = SoakOptions {
            limit: Some(limit),
            ..SoakOptions::default()
        };
        let first = values.iter().position(|value| *value >= limit).unwrap();
        for finding in findings(&values, &options) {
            assert_eq!(finding.time_to_limit_s, Some(0.0), "{finding:?}");
            assert_eq!(finding.limit_reached, Some(60.0 * first as f64));
        }
        let options = SoakOptions {
            limit: Some(1e4),
            ..SoakOptions::default()
        };
        for finding in findings(&values, &options) {
            assert_eq!(finding.limit_reached, None);
            assert_eq!(
                finding.time_to_limit_s.is_some(),
                finding.status == Status::Found
            );
        }
    }
}

#[test]
fn nothing_detectable_is_0() {
    let mut values = vec![0.0; 300];
    for (i, value) in values.iter_mut().take(150).enumerate() {
        *value = 50.0 + noise(i, 7);
    }
    for series in [values, vec![0.0; 300]] {
        for finding in findings(&series, &SoakOptions::default()) {
            assert!(finding.detectable.is_none_or(|slope| slope > 0.0));
        }
    }
}

#[test]
fn the_line_of_the_whole_series_is_kept_as_a_reference() {
    let value = |i: usize| 100.0 + 0.1 * (i as f64 - 3600.0).max(0.0) + noise(i, 5);
    let values: Vec<f64> = (0..4320).map(value).collect();
    for finding in findings(&values, &SoakOptions::default()) {
        let (whole, part) = (finding.whole.unwrap(), finding.trend.unwrap());
        assert_eq!(whole.points, 4320, "{:?}", finding.kind);
        assert!(part.slope >= whole.slope);
        assert!(matches!(
            finding.kind,
            FindingKind::Leak | FindingKind::Drift
        ));
    }
}

#[test]
fn growth_is_no_period_and_hides_none() {
    let mut found = 0;
    for (seed, size) in [3.0, 30.0, 1000.0, 1e5].into_iter().enumerate() {
        for points in [200, 960, 4000] {
            for shape in 0..4 {
                let growth = |share: f64| match shape {
                    0 => share,
                    1 => (share - 0.43).max(0.0),
                    2 => (3.0 * share).exp() / 20.0,
                    _ => share.sqrt(),
                };
                let value = |i: usize, sine: f64| {
                    let turn = std::f64::consts::TAU * i as f64 / (points as f64 / 12.3);
                    size * growth(i as f64 / points as f64) + noise(i, seed) + sine * turn.sin()
                };
                let without: Vec<f64> = (0..points).map(|i| value(i, 0.0)).collect();
                found += usize::from(period(&without, 0.01).unwrap().is_some());
                let with: Vec<f64> = (0..points).map(|i| value(i, 3.0)).collect();
                let one = period(&with, 0.01).unwrap();
                if shape < 2 && size < 1e5 {
                    let one = one.unwrap_or_else(|| panic!("{size} {points} {shape}"));
                    let ratio = one.windows / (points as f64 / 12.3);
                    assert!((ratio - 1.0).abs() < 0.05, "{size} {points}: {one:?}");
                }
                if let Some(one) = one {
                    assert!(one.windows <= points as f64 / 4.0 + 1e-6, "{one:?}");
                    assert!(one.strength >= 0.01, "{one:?}");
                }
            }
        }
    }
    assert!(found <= 3, "{found} of 48");
}
