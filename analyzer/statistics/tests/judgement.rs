//! What a caller may rely on: verdicts follow their intervals, signs are turned, loss is never hidden, and no input
//! makes anything panic.
#![allow(clippy::unwrap_used)] // helpers outside the test functions: a panic here is a failed test

use proptest::prelude::*;
use soakbox_statistics::{
    Effect, Histogram, Metric, Operation, Options, Run, RunVariance, Scope, Verdict, Window,
    compare, compare_all,
};
use std::slice::from_ref;

/// A fixed scatter in 0..1 without a rhythm that matters here.
fn scatter(i: usize, seed: usize) -> f64 {
    let mut z = ((i + 977 * seed) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn values(n: usize, level: f64, seed: usize) -> Vec<f64> {
    (0..n)
        .map(|i| level * (0.95 + 0.1 * scatter(i, seed)))
        .collect()
}

fn run(metric: Metric, level: f64, seed: usize) -> Run {
    Run::new(0.0)
        .unwrap()
        .with(metric, values(300, level, seed))
        .unwrap()
}

fn one(base: &[Run], candidate: &[Run], options: &Options) -> Effect {
    let mut effects = compare(base, candidate, options).unwrap().effects;
    assert_eq!(effects.len(), 1, "{effects:?}");
    effects.remove(0)
}

fn windows(n: usize, slow: f64, lost: u64, seed: usize) -> Vec<Option<Window>> {
    let operation = |t: usize, i: usize| {
        let u = scatter(1000 * t + i, seed);
        (1e6 * slow * (1.0 + 2.0 * u * u)) as u64
    };
    (0..n)
        .map(|t| {
            let durations: Vec<u64> = (0..300).map(|i| operation(t, i)).collect();
            Some(Window {
                count: 300,
                lost,
                cpu_ns: Some(300.0 * 1e5 * slow * (0.9 + 0.2 * scatter(t, seed + 1))),
                memory_bytes: Some(1e8),
                durations: Some(Histogram::from_values(&durations)),
                ..Window::default()
            })
        })
        .collect()
}

#[test]
fn up_is_worse_and_a_rate_is_turned() {
    let options = Options::default();
    let slower = one(
        &[run(Metric::Cpu, 100.0, 1)],
        &[run(Metric::Cpu, 120.0, 2)],
        &options,
    );
    assert_eq!(slower.verdict, Verdict::Regressed);
    assert!((slower.change.unwrap() - 0.2).abs() < 0.01);
    let fewer = one(
        &[run(Metric::Rate, 100.0, 1)],
        &[run(Metric::Rate, 80.0, 2)],
        &options,
    );
    assert_eq!(fewer.verdict, Verdict::Regressed);
    assert!((fewer.change.unwrap() - 0.2).abs() < 0.01, "{fewer:?}");
    let more = one(
        &[run(Metric::Rate, 100.0, 1)],
        &[run(Metric::Rate, 130.0, 2)],
        &options,
    );
    assert_eq!(more.verdict, Verdict::Improved);
    assert!((more.change.unwrap() + 0.3).abs() < 0.01, "{more:?}");
}

#[test]
fn equal_builds_at_threshold_zero_are_inconclusive() {
    let options = Options {
        threshold: 0.0,
        ..Options::default()
    };
    let same = one(
        &[run(Metric::Cpu, 100.0, 1)],
        &[run(Metric::Cpu, 100.0, 1)],
        &options,
    );
    assert_eq!(same.verdict, Verdict::Inconclusive);
    let constant = || {
        Run::new(0.0)
            .unwrap()
            .with(Metric::Memory, vec![5e8; 300])
            .unwrap()
    };
    assert_eq!(
        one(&[constant()], &[constant()], &options).verdict,
        Verdict::Inconclusive
    );
    let options = Options::default();
    assert_eq!(
        one(&[constant()], &[constant()], &options).verdict,
        Verdict::Pass
    );
}

#[test]
fn rounding_is_no_regression() {
    let options = Options {
        threshold: 0.0,
        failure_threshold: 0.0,
        ..Options::default()
    };
    for level in [0.1, 1.0 / 3.0, 123_456_789.1, 1e18] {
        for (a, b) in [(200, 300), (300, 200), (1000, 1001)] {
            let constant = |n| {
                Run::new(0.0)
                    .unwrap()
                    .with(Metric::Cpu, vec![level; n])
                    .unwrap()
            };
            let effect = one(&[constant(a)], &[constant(b)], &options);
            assert_eq!(effect.verdict, Verdict::Inconclusive, "{effect:?}");
            let share = |n| {
                let run = Run::new(0.0).unwrap();
                run.with_counts(Metric::FailureRate, vec![level; n], vec![level * 7.0; n])
                    .unwrap()
            };
            let effect = one(&[share(a)], &[share(b)], &options);
            assert_eq!(effect.verdict, Verdict::Inconclusive, "{effect:?}");
        }
    }
}

#[test]
fn no_evidence_is_never_a_pass() {
    let short = |level| {
        Run::new(0.0)
            .unwrap()
            .with(Metric::Cpu, values(6, level, 3))
            .unwrap()
    };
    let effect = one(&[short(100.0)], &[short(100.0)], &Options::default());
    assert_eq!(effect.verdict, Verdict::Inconclusive);
    assert!(
        effect.reason.contains("too few windows"),
        "{}",
        effect.reason
    );
    let nothing = Run::new(0.0).unwrap();
    let result = compare(from_ref(&nothing), from_ref(&nothing), &Options::default()).unwrap();
    assert_eq!(result.verdict, Verdict::Inconclusive);
    // Twenty windows of three operations cannot bound a 99.9th percentile.
    let few = |seed| -> Run {
        let window = |t: usize| {
            let durations: Vec<u64> = (0..3)
                .map(|i| 1000 + (1e3 * scatter(3 * t + i, seed)) as u64)
                .collect();
            Some(Window {
                count: 3,
                durations: Some(Histogram::from_values(&durations)),
                ..Window::default()
            })
        };
        Run::from_windows(&(0..20).map(window).collect::<Vec<_>>())
    };
    let options = Options {
        metrics: vec![Metric::DurationP999],
        ..Options::default()
    };
    let effect = one(&[few(1)], &[few(2)], &options);
    assert_eq!((effect.verdict, effect.high), (Verdict::Inconclusive, None));
}

#[test]
fn zero_failures_bound_the_rate_without_claiming_more() {
    let quiet = |n: usize| {
        let run = Run::new(0.0).unwrap();
        run.with_counts(Metric::FailureRate, vec![0.0; n], vec![1000.0; n])
            .unwrap()
    };
    let options = Options::default();
    assert_eq!(
        one(&[quiet(300)], &[quiet(300)], &options).verdict,
        Verdict::Pass
    );
    // 12 windows of 1,000: three failures in ten thousand may well have been missed.
    let strict = Options {
        failure_threshold: 0.0002,
        ..Options::default()
    };
    assert_eq!(
        one(&[quiet(12)], &[quiet(12)], &strict).verdict,
        Verdict::Inconclusive
    );
    let failing: Vec<f64> = (0..300)
        .map(|i| f64::from(scatter(i, 9) < 0.5) * 12.0)
        .collect();
    let failing = Run::new(0.0)
        .unwrap()
        .with_counts(Metric::FailureRate, failing, vec![1000.0; 300])
        .unwrap();
    let effect = one(&[quiet(300)], &[failing], &options);
    assert_eq!(effect.verdict, Verdict::Regressed);
    assert!((effect.change.unwrap() - 0.006).abs() < 0.001, "{effect:?}");
}

#[test]
fn loss_widens_and_never_passes_in_silence() {
    let clean = Run::from_windows(&windows(200, 1.0, 0, 1));
    let lossy = Run::from_windows(&windows(200, 1.0, 9, 2));
    let options = |metric| Options {
        metrics: vec![metric],
        ..Options::default()
    };
    let p99 = one(
        from_ref(&clean),
        from_ref(&lossy),
        &options(Metric::DurationP99),
    );
    assert!((p99.loss.fraction - 9.0 / 309.0).abs() < 1e-12);
    assert_eq!((p99.loss.high, p99.verdict), (None, Verdict::Inconclusive));
    assert!(p99.reason.contains("lost operations"), "{}", p99.reason);
    let p50 = one(
        from_ref(&clean),
        from_ref(&lossy),
        &options(Metric::DurationP50),
    );
    assert!(p50.loss.high.unwrap() > p50.high.unwrap());
    // A large regression stands whatever the lost ones were.
    let slow = Run::from_windows(&windows(200, 1.5, 9, 3));
    let p50 = one(from_ref(&clean), &[slow], &options(Metric::DurationP50));
    assert_eq!(p50.verdict, Verdict::Regressed);
    let cpu = one(&[clean], &[lossy], &options(Metric::Cpu));
    assert_eq!(cpu.verdict, Verdict::Inconclusive);
}

#[test]
fn verdicts_agree_with_their_intervals() {
    let base = Run::from_windows(&windows(200, 1.0, 0, 1));
    for (slow, seed) in [(1.0, 2), (1.02, 3), (1.06, 4), (1.3, 5), (0.7, 6)] {
        let candidate = Run::from_windows(&windows(200, slow, 0, seed));
        let result = compare(from_ref(&base), &[candidate], &Options::default());
        for effect in result.unwrap().effects {
            let plain = Verdict::of(effect.low, effect.high, effect.threshold);
            assert_eq!(effect.verdict, plain, "{effect:?}");
            let rejected = effect.q.is_some_and(|q| q <= 0.05);
            assert_eq!(rejected, effect.verdict == Verdict::Regressed, "{effect:?}");
        }
    }
}

#[test]
fn one_run_speaks_for_itself_and_a_history_for_the_build() {
    let (base, candidate) = ([run(Metric::Cpu, 100.0, 1)], [run(Metric::Cpu, 109.0, 2)]);
    let alone = one(&base, &candidate, &Options::default());
    assert_eq!(
        (alone.verdict, alone.scope),
        (Verdict::Regressed, Scope::Pair)
    );
    assert!(alone.reason.contains("not for the builds"));
    let history = RunVariance::from_history(&[97.0, 100.0, 103.0, 99.0, 101.0, 98.0], false);
    let options = Options {
        history: vec![(Metric::Cpu, history.unwrap())],
        ..Options::default()
    };
    let known = one(&base, &candidate, &options);
    assert_eq!(
        (known.verdict, known.scope),
        (Verdict::Inconclusive, Scope::Runs)
    );
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
    // One spread ten times the other: Welch's degrees of freedom (equal_var=False).
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
fn options_out_of_range_are_refused() {
    let side = [run(Metric::Cpu, 1.0, 1)];
    for threshold in [-0.1, 1.0, f64::NAN] {
        assert!(
            compare(
                &side,
                &side,
                &Options {
                    threshold,
                    ..Options::default()
                }
            )
            .is_err()
        );
    }
    assert!(
        compare(
            &side,
            &side,
            &Options {
                q: 0.0,
                ..Options::default()
            }
        )
        .is_err()
    );
    assert!(compare(&[], &side, &Options::default()).is_err());
}

fn odd() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-1.0),
        Just(1e18),
        Just(f64::MAX),
        Just(1e-300),
        any::<f64>(),
        0.0..100.0f64
    ]
}

fn odd_window() -> impl Strategy<Value = Option<Window>> {
    let histogram = proptest::option::of(proptest::collection::vec(
        (0usize..4000, any::<u64>()),
        0..6,
    ));
    let counts = (any::<u64>(), any::<u64>(), 0u64..5);
    let sums = (
        proptest::option::of(odd()),
        proptest::option::of(odd()),
        proptest::option::of(odd()),
    );
    proptest::option::of(
        (counts, sums, histogram).prop_map(|(counts, sums, pairs)| Window {
            count: counts.0,
            failures: counts.1,
            lost: counts.2,
            cpu_ns: sums.0,
            memory_bytes: sums.1,
            bytes: sums.2,
            durations: pairs.map(|pairs| Histogram::from_counts(&pairs)),
        }),
    )
}

fn sound(effect: &Effect) {
    let known = [
        effect.base,
        effect.candidate,
        effect.change,
        effect.low,
        effect.high,
        effect.p,
        effect.q,
    ];
    assert!(known.iter().flatten().all(|v| v.is_finite()), "{effect:?}");
    if let (Some(low), Some(high)) = (effect.low, effect.high) {
        assert!(low <= high, "{effect:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn odd_windows_never_panic(
        base in proptest::collection::vec(proptest::collection::vec(odd_window(), 0..40), 1..3),
        candidate in proptest::collection::vec(proptest::collection::vec(odd_window(), 0..40), 1..3),
        paired in any::<bool>(), threshold in 0.0..0.2f64
    ) {
        let runs = |side: &[Vec<Option<Window>>]| -> Vec<Run> {
            side.iter().map(|windows| Run::from_windows(windows)).collect()
        };
        let options = Options { threshold, paired, ..Options::default() };
        if let Ok(result) = compare(&runs(&base), &runs(&candidate), &options) {
            result.effects.iter().for_each(sound);
        }
    }

    #[test]
    fn odd_values_never_panic(
        base in proptest::collection::vec(odd(), 0..60), candidate in proptest::collection::vec(odd(), 0..60)
    ) {
        for metric in Metric::ALL {
            let run = |values: &[f64]| Run::new(0.01).unwrap().with(metric, values.to_vec()).unwrap();
            let result = compare(&[run(&base)], &[run(&candidate)], &Options::default()).unwrap();
            result.effects.iter().for_each(sound);
        }
    }

    #[test]
    fn a_unit_changes_nothing(scale in 1e-6..1e6f64, seed in 0usize..1000) {
        let effect = |scale: f64| {
            let side = |level, seed| [run(Metric::Cpu, level * scale, seed)];
            one(&side(100.0, seed), &side(103.0, seed + 1), &Options::default())
        };
        let (plain, scaled) = (effect(1.0), effect(scale));
        prop_assert_eq!(plain.verdict, scaled.verdict);
        prop_assert!((plain.low.unwrap() - scaled.low.unwrap()).abs() < 1e-9);
    }
}
