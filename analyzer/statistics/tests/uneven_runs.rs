//! A run whose operations are slow for a part of its time, as on a machine that does something else
//! meanwhile, does not hide what the runs show together, and is called what it is.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{Effect, Histogram, Metric, Options, Run, Verdict, Window};
use support::{observed, one, scatter};

/// 20 windows of 12 operations around `level` ms; those from window `from` on take 60% longer.
fn run(level: f64, from: usize, seed: usize) -> Run {
    let windows: Vec<Option<Window>> = (0..20)
        .map(|window| {
            let slow = if window >= from { 1.6 } else { 1.0 };
            let duration = |i: usize| {
                let spread = 0.9 + 0.2 * scatter(100 * window + i, seed);
                (1e6 * level * slow * spread) as u64
            };
            let durations: Vec<u64> = (0..12).map(duration).collect();
            Some(Window {
                count: 12,
                durations: Some(Histogram::from_values(&durations)),
                ..Window::default()
            })
        })
        .collect();
    observed(&windows)
}

fn median(base: &[Run], candidate: &[Run], paired: bool) -> Effect {
    let options = Options {
        metrics: vec![Metric::DurationP50],
        paired,
        ..Options::default()
    };
    one(base, candidate, &options)
}

/// Five runs of a level, of which the third is slow from its middle on.
fn five(level: f64, first_seed: usize) -> Vec<Run> {
    let from = |n: usize| if n == 2 { 10 } else { 20 };
    (0..5)
        .map(|n| run(level, from(n), first_seed + n))
        .collect()
}

#[test]
fn a_run_that_is_slow_half_of_the_time_does_not_hide_what_five_pairs_show() {
    let even = |level: f64, seed: usize| -> Vec<Run> {
        (0..5).map(|n| run(level, 20, seed + n)).collect()
    };
    for paired in [true, false] {
        let slower = median(&even(1.0, 1), &five(2.0, 11), paired);
        let bounds = slower.low.zip(slower.high);
        let (low, high) = bounds.unwrap_or_else(|| panic!("{slower:?}"));
        assert!(low > -0.9 && high < 9.0, "{slower:?}");
        assert_eq!(slower.verdict, Verdict::Regressed, "{slower:?}");
        // It is a part of the noise: an equal build is not called slower.
        let same = median(&even(1.0, 1), &five(1.0, 21), paired);
        assert_ne!(same.verdict, Verdict::Regressed, "{same:?}");
    }
}

#[test]
fn equal_builds_whose_runs_are_uneven_are_rarely_called_slower() {
    const TRIALS: usize = 400;
    let options = Options {
        metrics: vec![Metric::DurationP50],
        threshold: 0.0,
        ..Options::default()
    };
    for paired in [true, false] {
        let options = Options {
            paired,
            ..options.clone()
        };
        let mut alarms = 0;
        for trial in 0..TRIALS {
            // The machine is slower from a window on that chance decides.
            let side = |first: usize| -> Vec<Run> {
                let one = |n: usize| {
                    let seed = 20 * trial + first + n;
                    run(1.0, (scatter(seed, 77) * 25.0) as usize, seed)
                };
                (0..5).map(one).collect()
            };
            let effect = one(&side(0), &side(10), &options);
            assert!(effect.low.is_some() && effect.high.is_some(), "{effect:?}");
            alarms += usize::from(effect.verdict == Verdict::Regressed);
        }
        // 5% is allowed; 7.3% of a thousand would still be, and 8% of 400.
        assert!(alarms <= TRIALS * 8 / 100, "{alarms} of {TRIALS}, {paired}");
    }
}

#[test]
fn one_run_of_each_side_that_is_uneven_is_called_uneven() {
    let uneven = median(&[run(1.0, 20, 1)], &[run(1.0, 10, 2)], false);
    assert_eq!((uneven.low, uneven.high), (None, None), "{uneven:?}");
    let reason = "the windows inside a run differ too much to bound the change";
    assert!(uneven.reason.contains(reason), "{}", uneven.reason);
    // 240 operations are enough for a median, and not for the 99.9th percentile.
    let options = Options {
        metrics: vec![Metric::DurationP999],
        ..Options::default()
    };
    let thin = one(&[run(1.0, 20, 1)], &[run(1.0, 20, 2)], &options);
    assert!(
        thin.reason.contains("too few operations"),
        "{}",
        thin.reason
    );
}
