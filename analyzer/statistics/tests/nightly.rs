//! What a nightly history shows: steps on a drifting level, the newest points, levels that come
//! back, staircases without noise. The seeds are drawn when the test runs.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use rand_distr::{Distribution, StandardNormal, Uniform};
use rand_pcg::Pcg64;
use soakbox_statistics::{Change, ChangeKind, LeastChange, SeriesChanges, changes, series_changes};

struct Random(Pcg64);

/// The seed and its generator.
fn drawn() -> (u64, Random) {
    let seed = support::drawn();
    (seed, Random::of(seed))
}

impl Random {
    fn of(seed: u64) -> Self {
        Self(Pcg64::new(u128::from(seed) << 64 | 1, 1))
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        Uniform::new(low, high).unwrap().sample(&mut self.0)
    }

    fn sign(&mut self) -> f64 {
        if self.within(0.0, 1.0) < 0.5 {
            -1.0
        } else {
            1.0
        }
    }

    /// White noise of deviation 1 around these levels.
    fn around(&mut self, points: usize, level: impl Fn(usize) -> f64) -> Vec<f64> {
        (0..points).map(|i| level(i) + self.normal()).collect()
    }
}

fn found(values: &[f64]) -> Vec<Change> {
    changes(values, None, 0.05).unwrap()
}

fn all(values: &[f64], least: LeastChange) -> SeriesChanges {
    series_changes(values, None, 0.05, &least).unwrap()
}

/// `(kind, index)` of each change.
fn kinds(values: &[f64]) -> Vec<(ChangeKind, usize)> {
    found(values).iter().map(|c| (c.kind, c.index)).collect()
}

#[test]
fn a_step_on_a_drifting_level_is_found_and_the_drift_is_said() {
    let (seed, mut random) = drawn();
    for slope in [0.02, 0.05, 0.2] {
        for height in [6.0, 10.0, 20.0] {
            let (mut placed, mut drifting, mut sized) = (0, 0, 0);
            for _ in 0..40 {
                let (slope, height) = (slope * random.sign(), height * random.sign());
                let at = random.within(100.0, 265.0) as usize;
                let step = |i: usize| if i >= at { height } else { 0.0 };
                let values = random.around(365, |i| 100.0 + slope * i as f64 + step(i));
                let found = found(&values);
                let mut steps = found.iter().filter(|c| c.kind == ChangeKind::Step);
                let step = steps.find(|c| c.index.abs_diff(at) <= 2);
                placed += usize::from(step.is_some());
                sized +=
                    usize::from(step.is_some_and(|c| (c.after - c.before - height).abs() < 2.0));
                drifting += usize::from(found.iter().any(|c| c.kind == ChangeKind::Drift));
            }
            let case = format!("seed {seed}: {slope} per point, step of {height}");
            assert!(placed >= 37, "{case}: {placed} placed of 40");
            assert!(sized >= 34, "{case}: {sized} of the right size, of 40");
            assert!(drifting >= 37, "{case}: {drifting} with their drift, of 40");
        }
    }
}

#[test]
fn a_level_that_drifts_only_after_its_step_is_found() {
    let (seed, mut random) = drawn();
    let mut placed = 0;
    for _ in 0..40 {
        let at = random.within(120.0, 245.0) as usize;
        let slope = -random.within(0.04, 0.08);
        let level = |i: usize| {
            if i < at {
                0.0
            } else {
                20.0 + slope * (i - at) as f64
            }
        };
        let values = random.around(365, level);
        let near = |c: &Change| c.kind == ChangeKind::Step && c.index.abs_diff(at) <= 2;
        placed += usize::from(found(&values).iter().any(near));
    }
    assert!(placed >= 37, "seed {seed}: {placed} of 40");
}

#[test]
fn the_newest_and_the_oldest_points_are_judged() {
    let (seed, mut random) = drawn();
    for points in [60, 300, 1000] {
        for height in [20.0, -20.0] {
            let mut right = [0; 10];
            for _ in 0..20 {
                let mut one = |from: usize, to: usize| {
                    let level = |i: usize| if (from..to).contains(&i) { height } else { 0.0 };
                    kinds(&random.around(points, level))
                };
                let outlier = |at| (ChangeKind::Outlier, at);
                for at in [0, 1, points - 3, points - 2] {
                    right[0] += usize::from(one(at, at + 1).contains(&outlier(at)));
                }
                for count in [1, 2] {
                    let at = points - count;
                    right[count] += usize::from(one(at, points) == [(ChangeKind::New, at)]);
                }
                for count in [3, 4, 5, 6, 7, 8] {
                    let at = points - count;
                    right[count] += usize::from(one(at, points).contains(&(ChangeKind::Step, at)));
                }
                right[9] += usize::from(one(0, 4).contains(&(ChangeKind::Step, 4)));
            }
            let case = format!("seed {seed}, {points} points, {height}: {right:?}");
            // In few points less is known about the noise.
            assert!(right[0] >= if points < 100 { 56 } else { 76 }, "{case}");
            assert!(right[1..].iter().all(|count| *count >= 15), "{case}");
        }
    }
}

#[test]
fn ends_are_judged_next_to_steps_and_drifts() {
    let (seed, mut random) = drawn();
    let mut right = [0; 2];
    for _ in 0..20 {
        let step = |i: usize| if (150..297).contains(&i) { 20.0 } else { 0.0 };
        let place = (ChangeKind::Step, 297);
        right[0] += usize::from(kinds(&random.around(300, step)).contains(&place));
        let drift = |i: usize| 0.05 * i as f64 + if i >= 297 { 20.0 } else { 0.0 };
        right[1] += usize::from(kinds(&random.around(300, drift)).contains(&place));
    }
    assert!(
        right.iter().all(|count| *count >= 18),
        "seed {seed}: {right:?} of 20"
    );
}

#[test]
fn stationary_noise_is_no_change() {
    let (seed, mut random) = drawn();
    for phi in [0.0, 0.5, 0.9_f64] {
        for points in [100, 200, 600] {
            let mut alarms = 0;
            for _ in 0..300 {
                let mut last = random.normal();
                let scale = (1.0 - phi * phi).sqrt();
                let mut next = || {
                    last = phi * last + scale * random.normal();
                    last
                };
                let values: Vec<f64> = (0..points).map(|_| next()).collect();
                alarms +=
                    usize::from(all(&values, LeastChange::default()) != SeriesChanges::default());
            }
            // Five in a hundred, and what 300 series may show beyond it once in a million times.
            assert!(
                alarms <= 36,
                "seed {seed}, φ={phi}, {points} points: {alarms} of 300"
            );
        }
    }
}

#[test]
fn a_sawtooth_is_no_change() {
    let (seed, mut random) = drawn();
    let mut alarms = 0;
    for _ in 0..40 {
        let (each, swing) = (
            random.within(40.0, 150.0),
            random.within(5.0, 50.0) * random.sign(),
        );
        let phase = random.within(0.0, 1.0);
        let tooth = |i: usize| swing * (i as f64 / each + phase).fract();
        alarms += usize::from(!found(&random.around(2000, tooth)).is_empty());
    }
    assert!(alarms <= 6, "seed {seed}: {alarms} of 40");
}

#[test]
fn what_is_broken_and_mended_twice_has_four_steps() {
    let (seed, mut random) = drawn();
    let mut right = 0;
    for _ in 0..20 {
        let each = random.within(45.0, 80.0) as usize;
        let values = random.around(5 * each, |i| if i / each % 2 == 1 { 10.0 } else { 0.0 });
        let expected: Vec<_> = (1..5).map(|i| (ChangeKind::Step, i * each)).collect();
        right += usize::from(kinds(&values) == expected);
    }
    assert!(right >= 17, "seed {seed}: {right} of 20");
}

#[test]
fn states_that_come_back_again_and_again_are_said() {
    let (seed, mut random) = drawn();
    let mut right = 0;
    for _ in 0..20 {
        let values = random.around(300, |i| if i / 20 % 2 == 1 { 10.0 } else { 0.0 });
        let found = all(&values, LeastChange::default());
        let states = found
            .states
            .unwrap_or_else(|| panic!("seed {seed}: {:?}", found.changes));
        let near = |level: f64, of: f64| (level - of).abs() < 1.0;
        let of_two = matches!(states.levels[..], [low, high] if near(low, 0.0) && near(high, 10.0));
        right += usize::from(of_two && states.moves == 14);
        // Moves that are smaller than asked for are counted.
        let least = LeastChange {
            absolute: 15.0,
            ..LeastChange::default()
        };
        let found = all(&values, least);
        assert!(found.states.is_none() && found.left_out >= 14, "{found:?}");
    }
    assert!(right >= 17, "seed {seed}: {right} of 20");
}

#[test]
fn the_sign_of_a_change_is_its_direction() {
    let (seed, mut random) = drawn();
    for _ in 0..20 {
        let (before, after) = (-random.within(90.0, 110.0), -random.within(60.0, 80.0));
        for (before, after) in [(before, after), (after, before), (before, -after)] {
            let values = random.around(200, |i| if i < 100 { before } else { after });
            let found = found(&values);
            // By chance a small one may be found too, so that one of the levels is that of few points.
            let steps = found.iter().filter(|c| c.kind == ChangeKind::Step);
            let changes = steps.map(|step| step.change.unwrap());
            let change = changes.max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
            let expected = (after - before) / before.abs();
            assert!(
                (change - expected).abs() < 0.1,
                "seed {seed}: {change} is not {expected}"
            );
        }
    }
}

#[test]
fn a_staircase_without_noise_has_the_steps_that_it_has() {
    let (seed, mut random) = drawn();
    for _ in 0..200 {
        let mut values = Vec::new();
        let mut expected = Vec::new();
        let (mut level, up) = (random.within(-5.0, 5.0), random.sign());
        while values.len() < 30 || expected.len() < 2 {
            let each = random.within(6.0, 16.0) as usize;
            values.extend(vec![level; each]);
            expected.push((ChangeKind::Step, values.len()));
            level += up * random.within(0.5, 3.0);
        }
        expected.pop();
        assert_eq!(kinds(&values), expected, "seed {seed}: {values:?}");
        assert!(
            found(&values)
                .iter()
                .all(|c| values.contains(&c.before) && values.contains(&c.after))
        );
    }
}

#[test]
fn changes_that_are_too_small_are_counted() {
    // The noise of the second seed looks slow by chance, so that the levels are poorly known.
    for seed in [support::drawn(), 62_796_207_698_856_562] {
        counts_what_is_too_small(seed);
    }
}

fn counts_what_is_too_small(seed: u64) {
    let values = Random::of(seed).around(300, |i| 100.0 + [0.0, 10.0, 40.0][i / 100]);
    let count = |relative: f64| {
        let found = all(
            &values,
            LeastChange {
                relative,
                absolute: 0.0,
            },
        );
        (found.changes.len(), found.left_out)
    };
    // A false alarm may be a third one, and is small.
    let (changes, left_out) = count(0.0);
    assert!(
        changes >= 2 && left_out == 0,
        "seed {seed}: {changes}, {left_out}"
    );
    assert_eq!(count(0.2), (1, changes - 1), "seed {seed}");
    assert_eq!(count(0.9), (0, changes), "seed {seed}");
}
