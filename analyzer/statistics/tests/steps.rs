//! Several steps in one series: a staircase without noise, many steps in a long series, and states
//! that come back, which are no changes.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{ChangeKind, LeastChange, changes, changes_of_at_least};
use std::time::Instant;
use support::scatter;

/// The indices of the steps.
fn steps(values: &[f64]) -> Vec<usize> {
    let found = changes(values, None, 0.05).unwrap();
    let steps = found.iter().filter(|c| c.kind == ChangeKind::Step);
    steps.map(|c| c.index).collect()
}

/// Noise of deviation 1, approximately normal.
fn noise(i: usize, seed: usize) -> f64 {
    let sum: f64 = (0..12).map(|k| scatter(12 * i + k, seed)).sum();
    sum - 6.0
}

#[test]
fn a_staircase_without_noise_has_every_step() {
    for each in [20, 30, 64, 100] {
        for levels in [3, 4, 6] {
            for sign in [1.0, -1.0] {
                let values: Vec<f64> = (0..each * levels)
                    .map(|i| sign * (1 + i / each) as f64)
                    .collect();
                let expected: Vec<usize> = (1..levels).map(|i| i * each).collect();
                assert_eq!(steps(&values), expected, "{levels} levels of {each}");
            }
        }
    }
}

#[test]
fn eleven_steps_in_a_long_series_are_found_in_moderate_time() {
    let places: Vec<usize> = (1..=11)
        .map(|i| i * 8_000 + (i * i * 613) % 3_000)
        .collect();
    let heights = [1.0, -2.0, 3.0, 1.0, -4.0, 2.0, 2.0, -1.0, 5.0, -3.0, 1.0];
    let mut values: Vec<f64> = (0..100_000).map(|i| noise(i, 3)).collect();
    for (place, height) in places.iter().zip(heights) {
        values[*place..].iter_mut().for_each(|v| *v += height);
    }
    let start = Instant::now();
    let found = steps(&values);
    // An unoptimised build on a busy machine needs seconds at most.
    assert!(start.elapsed().as_secs() < 30);
    assert_eq!(found.len(), places.len(), "{found:?} of {places:?}");
    for (found, place) in found.iter().zip(&places) {
        assert!(found.abs_diff(*place) <= 30, "{found} is not {place}");
    }
}

#[test]
fn two_states_that_come_back_again_and_again_are_no_changes() {
    for seed in 0..20 {
        let mut busy = false;
        let values: Vec<f64> = (0..600)
            .map(|i| {
                busy ^= scatter(i, 70 + seed) < 0.05;
                5.0 * f64::from(busy) + noise(i, 90 + seed)
            })
            .collect();
        let found = steps(&values);
        assert!(found.len() <= 2, "seed {seed}: {found:?}");
    }
}

#[test]
fn steps_are_found_between_missing_points_and_outliers() {
    let mut values: Vec<f64> = (0..400).map(|i| noise(i, 7)).collect();
    for place in [90, 200, 310] {
        values[place..].iter_mut().for_each(|v| *v += 8.0);
    }
    for i in (0..400).filter(|i| i % 7 == 3) {
        values[i] = f64::NAN;
    }
    values[152] += 60.0;
    let found = changes(&values, None, 0.05).unwrap();
    let kinds: Vec<ChangeKind> = found.iter().map(|c| c.kind).collect();
    let expected = [
        ChangeKind::Step,
        ChangeKind::Outlier,
        ChangeKind::Step,
        ChangeKind::Step,
    ];
    assert_eq!(kinds, expected, "{found:?}");
    for (change, place) in found.iter().zip([90, 152, 200, 310]) {
        assert!(change.index.abs_diff(place) <= 3, "{found:?}");
    }
}

#[test]
fn steps_below_the_minimum_are_not_reported_and_join_their_levels() {
    // Levels of 100, 104, 150 and 145.
    let level = |i: usize| [100.0, 104.0, 150.0, 145.0][i / 100];
    let values: Vec<f64> = (0..400).map(|i| level(i) + 0.5 * noise(i, 8)).collect();
    let found = |relative: f64, absolute: f64| {
        let least = LeastChange { relative, absolute };
        changes_of_at_least(&values, None, 0.05, &least).unwrap()
    };
    let indices = |relative: f64, absolute: f64| -> Vec<usize> {
        found(relative, absolute).iter().map(|c| c.index).collect()
    };
    assert_eq!(indices(0.0, 0.0), [100, 200, 300]);
    assert_eq!(indices(0.035, 0.0), [100, 200]);
    assert_eq!(indices(0.0, 4.5), [200, 300]);
    assert_eq!(indices(0.1, 0.0), [200]);
    assert_eq!(indices(0.0, 60.0), [0; 0]);
    let joined = found(0.1, 0.0)[0];
    assert!((joined.before - 102.0).abs() < 0.3, "{joined:?}");
    assert!((joined.after - 147.5).abs() < 0.3, "{joined:?}");
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let least = LeastChange {
            relative: bad,
            absolute: 0.0,
        };
        assert!(changes_of_at_least(&values, None, 0.05, &least).is_err());
    }
}

#[test]
fn a_large_step_keeps_its_p_value_when_small_ones_are_left_out() {
    // A staircase of small steps around one large one.
    for (seed, count) in [(1, 3), (2, 6), (3, 9)] {
        let value = |i: usize| {
            let small = 3.0 * (i * count / 600) as f64;
            100.0 + small + if i >= 300 { 100.0 } else { 0.0 } + scatter(i, seed)
        };
        let values: Vec<f64> = (0..600).map(value).collect();
        let least = LeastChange {
            relative: 0.6,
            ..LeastChange::default()
        };
        let found = changes_of_at_least(&values, None, 0.05, &least).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].p < 1e-3, "{count}: {found:?}");
    }
}

#[test]
fn a_step_from_exactly_0_has_no_relative_change() {
    for (zeros, level) in [(101, 5.0), (150, 1e-6), (333, 7e12)] {
        let value = |i: usize| match i < zeros {
            true => 0.0,
            false => level * (1.0 + 0.02 * scatter(i, 8)),
        };
        let values: Vec<f64> = (0..500).map(value).collect();
        let found = changes(&values, None, 0.05).unwrap();
        let step = found.iter().find(|one| one.kind == ChangeKind::Step);
        let step = step.unwrap_or_else(|| panic!("{zeros} {level}: {found:?}"));
        assert_eq!((step.before, step.change), (0.0, None), "{step:?}");
        assert!(step.before.is_sign_positive());
    }
}
