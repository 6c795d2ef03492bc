//! What was not observed never becomes a pass: runs without operations, operations of one side, and
//! bases of 0.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use proptest::prelude::*;
use soakbox_statistics::{
    Acceptable, Comparison, Effect, Error, Histogram, Metric, OneSided, Operation, Options,
    Quantity, Run, Scope, Side, Threshold, Unusable, Verdict, Window, compare, compare_all,
};
use std::slice::from_ref;
use support::{cpu_run, observed, one, run, scatter, values, windows};

const WINDOWS: usize = 120;

/// A run of which the last `idle` windows have no operation.
fn service(idle: usize, seed: usize) -> Run {
    let mut all = windows(WINDOWS, 1.0, 0, seed);
    let empty = || {
        Some(Window {
            durations: Some(Histogram::default()),
            ..Window::default()
        })
    };
    for window in all.iter_mut().rev().take(idle) {
        *window = empty();
    }
    observed(&all)
}

fn effect(result: &Comparison, metric: &Metric) -> Effect {
    let found = result.effects.iter().find(|e| e.metric == *metric);
    found.unwrap().clone()
}

#[test]
fn runs_that_finished_nothing_are_a_regression_and_are_named() {
    let base: Vec<Run> = (0..5).map(|i| service(0, i)).collect();
    for dead in [1, 3, 5] {
        let candidate: Vec<Run> = (0..5)
            .map(|i| service(if i < dead { WINDOWS } else { 0 }, 10 + i))
            .map(|run| run.named("night"))
            .collect();
        let result = compare(&base, &candidate, &Options::default()).unwrap();
        assert_eq!(result.verdict, Verdict::Regressed);
        let rate = effect(&result, &Metric::Rate);
        assert_eq!(rate.verdict, Verdict::Regressed);
        // The change is that of the values next to it, and exact only where nothing finished.
        let kept = rate.candidate.unwrap() / rate.base.unwrap();
        let change = rate.change.unwrap();
        assert!((change - (1.0 - kept)).abs() < 1e-12, "{rate:?}");
        assert!((change - dead as f64 / 5.0).abs() < 0.05, "{rate:?}");
        let ends = (dead == 5).then_some(1.0);
        assert_eq!((rate.low, rate.high), (ends, ends));
        assert!(rate.reason.contains("stopped"), "{}", rate.reason);
        assert!(rate.reason.contains("night"), "{}", rate.reason);
        for metric in [Metric::DurationP50, Metric::DurationP99, Metric::Cpu] {
            let other = effect(&result, &metric);
            assert_eq!(other.runs, [5, 5 - dead], "{other:?}");
            assert_eq!(other.verdict, Verdict::Inconclusive, "{other:?}");
            assert_eq!(other.unusable.len(), dead);
            let named = |run: usize| {
                let named = &other.unusable[run];
                (named.side, named.run, named.why, named.name.as_str())
            };
            for run in 0..dead {
                let why = Unusable::NoOperations;
                assert_eq!(named(run), (Side::Candidate, run, why, "night"));
            }
        }
        // A base run that finished nothing proves nothing about the candidate, and blocks the pass.
        let result = compare(&candidate, &base, &Options::default()).unwrap();
        assert_eq!(result.verdict, Verdict::Inconclusive, "{result:?}");
    }
}

#[test]
fn an_operation_that_ends_in_the_middle_of_a_run_stopped() {
    for (idle, seed) in [(12, 1), (40, 2), (60, 3), (WINDOWS, 4)] {
        let (base, candidate) = (service(0, seed), service(idle, seed + 10));
        let result = compare(from_ref(&base), &[candidate], &Options::default()).unwrap();
        let rate = effect(&result, &Metric::Rate);
        assert_eq!(
            (rate.verdict, rate.scope),
            (Verdict::Regressed, Scope::Pair)
        );
        assert!(rate.reason.contains("stopped"), "{}", rate.reason);
        let ends = (idle == WINDOWS).then_some(1.0);
        assert_eq!((rate.low, rate.high), (ends, ends));
        let change = rate.change.unwrap();
        assert!(
            (change - idle as f64 / WINDOWS as f64).abs() < 0.1,
            "{rate:?}"
        );
    }
    // Two silent windows at the end are no stop, and neither is a pause that the base makes too.
    let pausing = |seed: usize| {
        let busy = |i: usize| scatter(i / 10, seed) < 0.5;
        let rates = (0..WINDOWS).map(|i| {
            if busy(i) {
                50.0 + scatter(i, seed)
            } else {
                0.0
            }
        });
        Run::new(0.0).unwrap().with(Metric::Rate, rates.collect())
    };
    let mut silent = 0;
    for seed in 0..1000 {
        let (base, candidate) = (pausing(seed).unwrap(), pausing(seed + 5000).unwrap());
        let rate = one(&[base], &[candidate], &Options::default());
        silent += usize::from(rate.reason.contains("stopped"));
    }
    // Half of all pauses of ten windows are followed by another one: 0.5% of such runs end with a
    // pause that is three times as long as any before it.
    assert!(silent <= 20, "{silent} of 1000");
    let result = compare(&[service(0, 1)], &[service(2, 2)], &Options::default());
    let rate = effect(&result.unwrap(), &Metric::Rate);
    assert!(!rate.reason.contains("stopped"), "{}", rate.reason);
}

#[test]
fn no_operations_on_both_sides_are_inconclusive() {
    let (base, candidate) = (service(WINDOWS, 1), service(WINDOWS, 2));
    let result = compare(&[base], &[candidate], &Options::default()).unwrap();
    assert_eq!(result.verdict, Verdict::Inconclusive);
    let none = |e: &Effect| e.verdict == Verdict::Inconclusive;
    assert!(result.effects.iter().all(none), "{result:?}");
}

#[test]
fn an_operation_that_one_side_has_is_named_and_counts_as_the_options_say() {
    let (base, candidate) = ([run(Metric::Cpu, 100.0, 1)], [run(Metric::Cpu, 100.0, 2)]);
    let both = Operation {
        name: "both",
        base: &base,
        candidate: &candidate,
    };
    let gone = Operation {
        name: "gone",
        candidate: &[],
        ..both
    };
    let new = Operation {
        name: "new",
        base: &[],
        ..both
    };
    let judge = |operations: &[Operation<'_>], options: &Options| {
        let result = compare_all(operations, options).unwrap();
        assert_eq!(result.effects.len(), 1);
        let sides: Vec<(String, Side)> = result
            .one_sided
            .iter()
            .map(|o| (o.operation.clone(), o.side))
            .collect();
        (result.verdict, sides)
    };
    let options = Options::default();
    let (named_gone, named_new) = (
        ("gone".to_owned(), Side::Base),
        ("new".to_owned(), Side::Candidate),
    );
    assert_eq!(judge(&[both], &options), (Verdict::Pass, vec![]));
    assert_eq!(
        judge(&[new, both], &options),
        (Verdict::Pass, vec![named_new.clone()])
    );
    assert_eq!(
        judge(&[both, gone], &options),
        (Verdict::Inconclusive, vec![named_gone.clone()])
    );
    let lenient = Options {
        only_base: OneSided::Named,
        ..Options::default()
    };
    assert_eq!(
        judge(&[gone, both], &lenient),
        (Verdict::Pass, vec![named_gone.clone()])
    );
    let strict = Options {
        only_candidate: OneSided::Regressed,
        ..lenient
    };
    assert_eq!(
        judge(&[gone, both, new], &strict),
        (Verdict::Regressed, vec![named_gone, named_new])
    );
    let nothing = compare_all(&[gone], &options);
    assert_eq!(nothing, Err(Error::NoRuns { side: "candidate" }));
}

/// Retransmitted segments per second.
fn retransmits() -> Metric {
    Metric::other(Quantity {
        name: "retransmits".to_owned(),
        unit: "1/s".to_owned(),
        lower_is_worse: false,
        absolute: false,
    })
}

#[test]
fn a_base_of_zero_is_compared_in_the_metrics_unit() {
    let metric = retransmits();
    let of = |level: f64, spread: f64, seed: usize| {
        let values = (0..300).map(|i| level + spread * (scatter(i, seed) - 0.5));
        let run = Run::new(0.0).unwrap();
        run.with(metric.clone(), values.collect()).unwrap()
    };
    let options = |absolute: f64| Options {
        thresholds: vec![Threshold {
            operation: None,
            metric: metric.clone(),
            change: Acceptable::Absolute(absolute),
        }],
        ..Options::default()
    };
    let judge = |base: Run, candidate: Run, options: &Options| {
        let effect = one(&[base], &[candidate], options);
        assert!(effect.absolute, "{effect:?}");
        assert_eq!(effect.metric.name(), "retransmits");
        (effect.verdict, effect.change.unwrap())
    };
    // 0 → 0.5/s, without a threshold of its own and with one.
    for options in [Options::default(), options(0.1)] {
        let (verdict, change) = judge(of(0.0, 0.0, 1), of(0.5, 0.2, 2), &options);
        assert_eq!(verdict, Verdict::Regressed);
        assert!((change - 0.5).abs() < 0.02, "{change}");
    }
    let (verdict, _) = judge(of(0.0, 0.0, 1), of(0.5, 0.2, 2), &options(0.8));
    assert_eq!(verdict, Verdict::Pass);
    assert_eq!(
        judge(of(0.0, 0.0, 1), of(0.0, 0.0, 2), &options(0.1)).0,
        Verdict::Pass
    );
    // Levels and deltas below 0.
    assert_eq!(
        judge(of(-5.0, 1.0, 1), of(3.0, 1.0, 2), &options(1.0)).0,
        Verdict::Regressed
    );
    assert_eq!(
        judge(of(-5.0, 1.0, 1), of(-5.0, 1.0, 2), &options(1.0)).0,
        Verdict::Pass
    );
    // A candidate that falls to 0: the threshold is the fraction of the base.
    let (verdict, change) = judge(of(2.0, 0.5, 1), of(0.0, 0.0, 2), &Options::default());
    assert_eq!(verdict, Verdict::Improved);
    assert!((change + 2.0).abs() < 0.05, "{change}");
    // Several runs, of which only some are at 0.
    let base: Vec<Run> = (0..5).map(|i| of([0.0, 0.01][i % 2], 0.0, i)).collect();
    let candidate: Vec<Run> = (0..5).map(|i| of(0.5, 0.1, 10 + i)).collect();
    let effect = one(&base, &candidate, &options(0.05));
    assert_eq!(
        (effect.verdict, effect.scope),
        (Verdict::Regressed, Scope::Runs)
    );
    let same: Vec<Run> = (0..5).map(|i| of([0.0, 0.01][i % 2], 0.0, i)).collect();
    assert_eq!(one(&base, &same, &options(0.05)).verdict, Verdict::Pass);
    // Where every run is above 0 the change is a ratio as before.
    let effect = one(&[of(2.0, 0.5, 1)], &[of(3.0, 0.5, 2)], &options(0.1));
    assert!(
        !effect.absolute && (effect.change.unwrap() - 0.5).abs() < 0.05,
        "{effect:?}"
    );
}

#[test]
fn a_threshold_of_an_operation_goes_before_one_of_all() {
    let (base, candidate) = ([run(Metric::Cpu, 100.0, 1)], [run(Metric::Cpu, 112.0, 2)]);
    let operation = |name| Operation {
        name,
        base: &base,
        candidate: &candidate,
    };
    let threshold = |operation: Option<&str>, change| Threshold {
        operation: operation.map(str::to_owned),
        metric: Metric::Cpu,
        change: Acceptable::Relative(change),
    };
    let general = threshold(None, 0.2);
    let special = threshold(Some("write"), 0.3);
    let other = Threshold {
        metric: Metric::Memory,
        ..threshold(None, 0.5)
    };
    for order in support::orders(&[general, special, other]) {
        let options = Options {
            thresholds: order,
            ..Options::default()
        };
        let result = compare_all(&[operation("read"), operation("write")], &options).unwrap();
        let thresholds: Vec<f64> = result.effects.iter().map(|e| e.threshold).collect();
        assert_eq!(thresholds, [0.2, 0.3]);
        assert_eq!(result.verdict, Verdict::Pass);
    }
    let wrong = Options {
        thresholds: vec![threshold(None, f64::NAN)],
        ..Options::default()
    };
    assert!(compare(&base, &candidate, &wrong).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn pairs_are_those_of_their_numbers_in_any_order(seed in 0usize..1000, missing in 0usize..6) {
        // The machine is slower in each further pair; the candidate is 10% slower.
        let side = |factor: f64, seed: usize| -> Vec<Run> {
            let level = |i: usize| factor * 100.0 * 1.3_f64.powi(i as i32);
            let measured = |i: usize| cpu_run(values(300, level(i), seed + i)).in_pair(i as u64);
            (0..6).map(measured).collect()
        };
        let (base, mut candidate) = (side(1.0, seed), side(1.1, seed + 10));
        candidate.sort_by_key(|run| (run.pair().unwrap() * 7 + seed as u64) % 6);
        candidate.retain(|run| run.pair() != Some(missing as u64));
        let options = Options { paired: true, ..Options::default() };
        let effect = one(&base, &candidate, &options);
        prop_assert_eq!(effect.verdict, Verdict::Regressed);
        prop_assert_eq!(effect.runs, [5, 5]);
        prop_assert!((effect.change.unwrap() - 0.1).abs() < 0.02);
        prop_assert_eq!(&effect.unusable[0].why, &Unusable::NoPartner);
        prop_assert_eq!((effect.unusable.len(), effect.unusable[0].run), (1, missing));
        candidate.push(candidate[0].clone());
        prop_assert!(compare(&base, &candidate, &options).is_err());
    }
}
