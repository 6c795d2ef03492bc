//! Runs are the statistical units: scope, pairs, a history, the warm-up of both sides, many
//! operations.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_schemas::histogram::bucket;
use soakbox_statistics::{
    Error, Histogram, History, Metric, Operation, Options, Run, RunVariance, Scope, Verdict,
    Window, compare, compare_all,
};
use std::time::Duration;
use support::{drawn, of_all, one, run, scatter};

#[test]
fn one_run_is_valid_for_itself_and_a_history_for_the_build() {
    let (base, candidate) = ([run(Metric::Cpu, 100.0, 1)], [run(Metric::Cpu, 109.0, 2)]);
    let alone = one(&base, &candidate, &Options::default());
    assert_eq!(
        (alone.verdict, alone.scope),
        (Verdict::Regressed, Scope::Pair)
    );
    assert!(alone.scope.note().unwrap().contains("not for the builds"));
    assert!(!alone.reason.contains("one run per side"));
    let history = RunVariance::from_history(&[97.0, 100.0, 103.0, 99.0, 101.0, 98.0], false);
    let options = Options {
        history: vec![of_all(Metric::Cpu, history.unwrap())],
        ..Options::default()
    };
    let known = one(&base, &candidate, &options);
    assert_eq!(
        (known.verdict, known.scope),
        (Verdict::Inconclusive, Scope::Runs)
    );
    assert_eq!(known.scope.note(), None);
}

/// A number with the standard normal distribution.
fn normal(i: usize, seed: usize) -> f64 {
    let (u, v) = (scatter(2 * i, seed), scatter(2 * i + 1, seed));
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[test]
fn a_history_of_several_builds_holds_the_rate_of_false_alarms_of_single_runs() {
    // Seeds are multiplied: as many numbers as there are nanoseconds in a second.
    let drawn = (drawn() % 1_000_000_000) as usize;
    let trials = 1000;
    // Runs of one build differ by 3%, builds by much more.
    let level = |i: usize, build: f64| build * (0.03 * normal(i, drawn)).exp();
    let (mut alarms, mut found) = (0, 0);
    for trial in 0..trials {
        let at = 20 * trial;
        let builds = [100.0, 40.0, 170.0];
        let past: Vec<[f64; 3]> = (0..3)
            .map(|build| [0, 1, 2].map(|run| level(at + 3 * build + run, builds[build])))
            .collect();
        let past: Vec<&[f64]> = past.iter().map(|build| &build[..]).collect();
        let variance = RunVariance::from_builds(&past, false).unwrap();
        let other = RunVariance {
            deviation: 1e-6,
            degrees_of_freedom: 1e6,
        };
        let mut options = Options {
            threshold: 0.0,
            // That of another operation is not used.
            history: vec![
                History {
                    operation: Some("other".to_owned()),
                    ..of_all(Metric::Cpu, other)
                },
                of_all(Metric::Cpu, variance),
            ],
            ..Options::default()
        };
        let single =
            |i: usize, factor: f64| [run(Metric::Cpu, factor * level(at + i, 90.0), at + i)];
        let effect = one(&single(10, 1.0), &single(11, 1.0), &options);
        assert_eq!(effect.scope, Scope::Runs);
        alarms += u32::from(effect.verdict == Verdict::Regressed);
        options.threshold = 0.05;
        let effect = one(&single(12, 1.0), &single(13, 1.3), &options);
        found += u32::from(effect.verdict == Verdict::Regressed);
    }
    // 5%, and what chance adds once in a million times.
    assert!(alarms <= 86, "{alarms} of {trials}, seed {drawn}");
    assert!(found >= 900, "{found} of {trials}, seed {drawn}");
}

#[test]
fn pairing_takes_the_common_drift_away() {
    // Levels drift by half between pairs; the candidate is 10% slower in each.
    let side = |factor: f64, seed: usize| -> Vec<Run> {
        let level = |i: usize| factor * 100.0 * (1.0 + 0.1 * i as f64);
        (0..6)
            .map(|i| run(Metric::Cpu, level(i), 10 * seed + i))
            .collect()
    };
    let (base, candidate) = (side(1.0, 1), side(1.1, 2));
    let apart = one(&base, &candidate, &Options::default());
    assert_eq!(apart.verdict, Verdict::Inconclusive);
    let paired = one(
        &base,
        &candidate,
        &Options {
            paired: true,
            ..Options::default()
        },
    );
    assert_eq!(paired.verdict, Verdict::Regressed);
    assert!(
        compare(
            &base[..2],
            &candidate,
            &Options {
                paired: true,
                ..Options::default()
            }
        )
        .is_err()
    );
}

#[test]
fn pairs_that_have_nothing_in_common_lose_no_power_and_raise_no_alarm() {
    // Seeds are multiplied: as many numbers as there are nanoseconds in a second.
    let drawn = (drawn() % 1_000_000_000) as usize;
    let trials = 1000;
    // Runs differ by 3%, of which the two of a pair share a part.
    // The paired t alone would find 87% of the first.
    for (common, least) in [(0.0, 0.885), (0.9, 0.99)] {
        let (mut alarms, mut found) = (0, 0);
        for trial in 0..trials {
            let sides = |factor: f64, part: usize| {
                let at = |pair: usize, run: usize| 100 * trial + 20 * pair + 5 * part + run;
                let side = |run: usize, factor: f64| -> Vec<Run> {
                    let level = |pair: usize| {
                        let shared = f64::sqrt(common) * normal(at(pair, 0), drawn);
                        let own = f64::sqrt(1.0 - common) * normal(at(pair, run), drawn);
                        100.0 * factor * (0.03 * (shared + own)).exp()
                    };
                    (0..5)
                        .map(|pair| run_of(level(pair), at(pair, run)))
                        .collect()
                };
                (side(1, 1.0), side(2, factor))
            };
            let mut options = Options {
                paired: true,
                ..Options::default()
            };
            let (base, candidate) = sides(1.12, 0);
            found += u32::from(one(&base, &candidate, &options).verdict == Verdict::Regressed);
            options.threshold = 0.0;
            let (base, candidate) = sides(1.0, 1);
            alarms += u32::from(one(&base, &candidate, &options).verdict == Verdict::Regressed);
        }
        // 5% by the t-test alone; the choice adds half a percent, and chance the rest.
        assert!(alarms <= 92, "{common}: {alarms} of {trials}, seed {drawn}");
        let found = f64::from(found) / trials as f64;
        assert!(found >= least, "{common}: {found}, seed {drawn}");
    }
}

fn run_of(level: f64, seed: usize) -> Run {
    run(Metric::Cpu, level, seed)
}

#[test]
fn runs_of_a_machine_with_two_speeds_are_compared() {
    // Each quarter of a run is fast or slow by 2%, so that the rank of a median is hardly known
    // inside a run, and the medians of the runs are near each other all the same.
    let build = |factor: f64, seed: usize| -> Run {
        let window = |index: usize| {
            let fast = scatter(index / 100, seed) < 0.5;
            let level = 39_000.0 * factor * if fast { 1.0 } else { 1.02 };
            let duration =
                |i: usize| (level * (1.0 + 0.002 * scatter(20 * index + i, seed))) as u64;
            let buckets: Vec<(usize, u64)> = (0..20).map(|i| (bucket(duration(i)), 1)).collect();
            Some(Window {
                count: 20,
                durations: Some(Histogram::from_counts(&buckets)),
                ..Window::default()
            })
        };
        let windows: Vec<Option<Window>> = (0..400).map(window).collect();
        Run::from_windows(Duration::from_millis(5), &windows).unwrap()
    };
    let side = |factor: f64, seed: usize| -> Vec<Run> {
        (0..5).map(|run| build(factor, seed + run)).collect()
    };
    let options = Options {
        metrics: vec![Metric::DurationP50],
        ..Options::default()
    };
    let base = side(1.0, 1);
    let found = one(&base, &side(1.2, 11), &options);
    assert_eq!(found.verdict, Verdict::Regressed, "{}", found.reason);
    let same = one(&base, &side(1.0, 21), &options);
    assert_ne!(same.verdict, Verdict::Regressed, "{}", same.reason);
    // One run per side has no bound of its median.
    let alone = one(&base[..1], &side(1.2, 11)[..1], &options);
    assert_eq!(alone.verdict, Verdict::Inconclusive, "{}", alone.reason);
}

#[test]
fn welchs_interval_is_scipys() {
    // numpy/scipy: a, b = log of the six levels; ttest_ind(b, a, equal_var=True): t, df = 4.
    let constant = |level: f64| {
        Run::new(0.0)
            .unwrap()
            .with(Metric::Value, vec![level; 50])
            .unwrap()
    };
    let base: Vec<Run> = [100.0, 104.0, 98.0].map(constant).to_vec();
    let candidate: Vec<Run> = [110.0, 107.0, 113.0].map(constant).to_vec();
    let options = Options {
        threshold: 0.0,
        ..Options::default()
    };
    let effect = one(&base, &candidate, &options);
    assert!(
        (effect.p.unwrap() - 0.00976003178897436).abs() < 1e-9,
        "{effect:?}"
    );
    assert!(
        (effect.low.unwrap() - 0.03937386434349752).abs() < 1e-9,
        "{effect:?}"
    );
    // One standard deviation is ten times the other: Welch's degrees of freedom (equal_var=False).
    let candidate: Vec<Run> = [110.0, 90.0, 140.0].map(constant).to_vec();
    let effect = one(&base, &candidate, &options);
    assert!(
        (effect.p.unwrap() - 0.2537104744734689).abs() < 1e-9,
        "{effect:?}"
    );
}

#[test]
fn warm_up_is_cut_alike_on_both_sides() {
    let warm = |seed: usize, start: f64| {
        let level = |i: usize| 100.0 * (1.0 + start * (-(i as f64) / 15.0).exp());
        let values = (0..300)
            .map(|i| level(i) * (0.95 + 0.1 * scatter(i, seed)))
            .collect();
        Run::new(0.0).unwrap().with(Metric::Cpu, values).unwrap()
    };
    let effect = one(&[warm(1, 0.0)], &[warm(2, 3.0)], &Options::default());
    assert_eq!(effect.warmup_cut[0], effect.warmup_cut[1]);
    assert!((15..=60).contains(&effect.warmup_cut[0]), "{effect:?}");
    assert_eq!(effect.verdict, Verdict::Pass, "{effect:?}");
}

#[test]
fn many_operations_are_judged_together() {
    let base = [run(Metric::Cpu, 100.0, 1)];
    let slower = [run(Metric::Cpu, 120.0, 2)];
    let same = [run(Metric::Cpu, 100.0, 3)];
    let mut operations = vec![Operation {
        name: "slow",
        base: &base,
        candidate: &slower,
    }];
    let names: Vec<String> = (0..19).map(|i| format!("op{i}")).collect();
    operations.extend(names.iter().map(|name| Operation {
        name,
        base: &base,
        candidate: &same,
    }));
    let result = compare_all(&operations, &Options::default()).unwrap();
    assert_eq!(
        (result.verdict, result.effects.len()),
        (Verdict::Regressed, 20)
    );
    let alone = one(&base, &slower, &Options::default());
    let among = &result.effects[0];
    assert!(
        among.low < alone.low && among.q > alone.q,
        "{among:?} {alone:?}"
    );
}

#[test]
fn windows_of_different_lengths_are_not_compared() {
    let of = |milliseconds| {
        let windows = support::windows(40, 1.0, 0, 1);
        [Run::from_windows(Duration::from_millis(milliseconds), &windows).unwrap()]
    };
    let result = compare(&of(1000), &of(500), &Options::default());
    assert!(matches!(result, Err(Error::WindowLengths { .. })));
    assert!(compare(&of(500), &of(500), &Options::default()).is_ok());
}
