//! Verdicts follow from their intervals, a larger change is always worse, and loss is never hidden.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{Histogram, Metric, Options, Run, Verdict, Window, compare};
use std::slice::from_ref;
use support::{observed, one, run, scatter, values, windows};

#[test]
fn a_higher_cost_and_a_lower_rate_are_worse() {
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
        observed(&(0..20).map(window).collect::<Vec<_>>())
    };
    let options = Options {
        metrics: vec![Metric::DurationP999],
        ..Options::default()
    };
    let effect = one(&[few(1)], &[few(2)], &options);
    assert_eq!((effect.verdict, effect.high), (Verdict::Inconclusive, None));
}

#[test]
fn zero_failures_give_an_upper_bound_of_the_rate() {
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
    // 12 windows of 1,000 operations: a rate of three in ten thousand may show no failure there.
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
fn loss_widens_the_bounds_and_never_passes_silently() {
    let clean = observed(&windows(200, 1.0, 0, 1));
    let lossy = observed(&windows(200, 1.0, 9, 2));
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
    // A large regression remains one, whatever the durations of the lost operations were.
    let slow = observed(&windows(200, 1.5, 9, 3));
    let p50 = one(from_ref(&clean), &[slow], &options(Metric::DurationP50));
    assert_eq!(p50.verdict, Verdict::Regressed);
    let cpu = one(from_ref(&clean), &[lossy], &options(Metric::Cpu));
    assert_eq!(cpu.verdict, Verdict::Inconclusive);
    assert_eq!((cpu.loss.low, cpu.loss.high), (None, None));
}

#[test]
fn a_mean_is_judged_where_little_was_lost() {
    let clean = observed(&windows(200, 1.0, 0, 1));
    let mut slow = windows(200, 1.5, 0, 3);
    // 9 of 60,009, of which no mean knows anything.
    slow[7].as_mut().unwrap().lost = 9;
    let slow = observed(&slow);
    for (tolerated_loss, verdict) in [(0.001, Verdict::Regressed), (0.0001, Verdict::Inconclusive)]
    {
        for metric in [Metric::Cpu, Metric::DurationP50] {
            let options = Options {
                metrics: vec![metric.clone()],
                tolerated_loss,
                ..Options::default()
            };
            let effect = one(from_ref(&clean), from_ref(&slow), &options);
            match metric {
                Metric::Cpu => assert_eq!(effect.verdict, verdict, "{effect:?}"),
                // A percentile has bounds, and needs no tolerance.
                _ => assert_eq!(effect.verdict, Verdict::Regressed, "{effect:?}"),
            }
        }
    }
}

#[test]
fn verdicts_agree_with_their_intervals() {
    let base = observed(&windows(200, 1.0, 0, 1));
    for (slow, seed) in [(1.0, 2), (1.02, 3), (1.06, 4), (1.3, 5), (0.7, 6)] {
        let candidate = observed(&windows(200, slow, 0, seed));
        let result = compare(from_ref(&base), &[candidate], &Options::default());
        for effect in result.unwrap().effects {
            let plain = Verdict::of(effect.low, effect.high, effect.threshold);
            assert_eq!(effect.verdict, plain, "{effect:?}");
            let rejected = effect.q.is_some_and(|q| q <= 0.05);
            assert_eq!(rejected, effect.verdict == Verdict::Regressed, "{effect:?}");
        }
    }
}
