//! Times of 0, as of a clock that is too coarse: they have no ratio, and they are exactly 0.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{
    Acceptable, Comparison, Effect, Histogram, Metric, Options, Plan, Run, Threshold, Verdict,
    Window, compare, read,
};
use support::{observed, scatter};

/// 200 windows of 100 operations, of which this share takes about `ns`, and the others 0.
fn coarse(share: f64, ns: f64, seed: usize) -> Run {
    let window = |t: usize| {
        let operation = |i: usize| match scatter(1000 * t + i, seed) < share {
            true => (ns * (0.9 + 0.2 * scatter(1000 * t + i, seed + 1))) as u64,
            false => 0,
        };
        let durations: Vec<u64> = (0..100).map(operation).collect();
        Some(Window {
            count: 100,
            duration_ns: Some(durations.iter().sum::<u64>() as f64),
            durations: Some(Histogram::from_values(&durations)),
            ..Window::default()
        })
    };
    observed(&(0..200).map(window).collect::<Vec<_>>())
}

fn effect(comparison: &Comparison, metric: Metric) -> &Effect {
    let mut effects = comparison.effects.iter();
    effects.find(|effect| effect.metric == metric).unwrap()
}

#[test]
fn a_median_of_0_does_not_change_with_the_share_of_zeros() {
    // Fewer operations take any time, which the mean shows. The median is 0 on both sides.
    let side = |share: f64, seed: usize| [1, 2, 3].map(|run| coarse(share, 4e6, 10 * seed + run));
    let (base, candidate) = (side(0.3, 1), side(0.1, 2));
    for paired in [false, true] {
        let options = Options {
            paired,
            ..Options::default()
        };
        let compared = compare(&base, &candidate, &options).unwrap();
        let median = effect(&compared, Metric::DurationP50);
        assert_eq!((median.base, median.candidate), (Some(0.0), Some(0.0)));
        assert_eq!((median.change, median.absolute), (Some(0.0), true));
        assert_eq!(median.verdict, Verdict::Pass, "{}", median.reason);
        assert_eq!(
            effect(&compared, Metric::DurationMean).verdict,
            Verdict::Improved
        );
    }
}

#[test]
fn a_run_of_zeros_is_like_itself_and_a_slower_one_is_worse_by_a_difference() {
    let (zero, slow) = (coarse(0.0, 0.0, 1), coarse(1.0, 1e6, 2));
    let same = compare(
        std::slice::from_ref(&zero),
        std::slice::from_ref(&zero),
        &Options::default(),
    );
    let same = same.unwrap();
    for metric in [
        Metric::DurationP50,
        Metric::DurationP99,
        Metric::DurationMean,
    ] {
        let one = effect(&same, metric.clone());
        assert_eq!(
            (one.base, one.candidate),
            (Some(0.0), Some(0.0)),
            "{metric:?}"
        );
        assert_eq!((one.low, one.high), (Some(0.0), Some(0.0)), "{metric:?}");
        assert_eq!(one.verdict, Verdict::Pass, "{metric:?}: {}", one.reason);
    }
    let judged = |base: &Run, candidate: &Run, options: &Options| {
        let side = |run: &Run| vec![run.clone()];
        compare(&side(base), &side(candidate), options).unwrap()
    };
    let worse = judged(&zero, &slow, &Options::default());
    for metric in [Metric::DurationP50, Metric::DurationMean] {
        let one = effect(&worse, metric.clone());
        assert_eq!(
            (one.verdict, one.absolute),
            (Verdict::Regressed, true),
            "{metric:?}"
        );
        assert!((one.change.unwrap() - 1e6).abs() < 3e4, "{one:?}");
        assert!(
            one.low.unwrap() > 9e5 && one.high.unwrap() < 1.1e6,
            "{one:?}"
        );
        assert!(one.reason.ends_with("threshold 1 ns"), "{}", one.reason);
    }
    let better = judged(&slow, &zero, &Options::default());
    for metric in [Metric::DurationP50, Metric::DurationMean] {
        assert_eq!(effect(&better, metric).verdict, Verdict::Improved);
    }
    // A threshold in nanoseconds of its own.
    let accepted = Threshold {
        operation: None,
        metric: Metric::DurationP50,
        change: Acceptable::Absolute(2e6),
    };
    let accepted = Options {
        thresholds: vec![accepted],
        ..Options::default()
    };
    let accepted = judged(&zero, &slow, &accepted);
    let median = effect(&accepted, Metric::DurationP50);
    assert_eq!((median.verdict, median.threshold), (Verdict::Pass, 2e6));
    assert!(
        median.reason.ends_with("threshold 2 ms"),
        "{}",
        median.reason
    );
}

#[test]
fn a_plan_from_zeros_is_in_nanoseconds() {
    let base = [1, 2, 3].map(|seed| coarse(0.0, 0.0, seed));
    for metric in [
        Metric::DurationP50,
        Metric::DurationP999,
        Metric::DurationMean,
    ] {
        let plan = Plan::new(&base, "", &metric, &Options::default()).unwrap();
        assert_eq!(
            (plan.value(), plan.is_absolute()),
            (0.0, true),
            "{metric:?}"
        );
        assert_eq!((plan.threshold(), plan.detectable(5)), (1.0, Some(1.0)));
        assert_eq!(plan.passable(5), Some(0.0));
        let value = read(&base[0], &metric, 0).unwrap();
        assert_eq!((value.value, value.absolute), (0.0, true));
    }
}

#[test]
fn small_whole_numbers_are_exact() {
    // All operations of a bucket of one number have that number.
    for ns in [1, 7, 63] {
        let run = coarse(1.0, f64::from(ns), 1);
        let same = vec![Histogram::from_values(&[ns as u64; 10])];
        let merged = soakbox_statistics::MergedHistogram::merge(&same);
        for p in [0.001, 0.5, 0.999] {
            assert_eq!(merged.interpolated(p), Some(f64::from(ns)));
        }
        assert!(read(&run, &Metric::DurationP50, 0).is_ok());
    }
}
