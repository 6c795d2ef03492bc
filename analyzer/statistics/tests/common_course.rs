//! Several runs that all take the same course, as a leak does: the course is no noise, and a run's
//! own noise is.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{Metric, Options, Run, Verdict};
use support::{one, scatter};

/// Memory that grows by `growth` in a run of `n` windows, within 2% from window to window and with
/// a level of the run's own.
fn leaking(n: usize, growth: f64, level: f64, seed: usize) -> Run {
    let at = |i: usize| {
        let course = 1.0 + growth * i as f64 / n as f64;
        1e8 * level * course * (0.98 + 0.04 * scatter(i, seed))
    };
    let values = (0..n).map(at).collect();
    let run = Run::new(0.0).unwrap();
    run.with(Metric::Memory, values).unwrap()
}

/// Runs whose levels differ by about 1%.
fn side(runs: usize, n: usize, growth: f64, seed: usize) -> Vec<Run> {
    let level = |run: usize| 0.99 + 0.02 * scatter(run, 7 * seed);
    (0..runs)
        .map(|run| leaking(n, growth, level(run), 100 * seed + run))
        .collect()
}

#[test]
fn a_leak_that_every_run_of_the_candidate_has_is_found() {
    for (runs, paired) in [(3, true), (3, false), (5, true), (5, false)] {
        for n in [40, 120, 600] {
            let options = Options {
                paired,
                ..Options::default()
            };
            // 60% more at the end of a run, 30% on average.
            let effect = one(&side(runs, n, 0.0, 1), &side(runs, n, 0.6, 2), &options);
            let case = format!("{runs} runs of {n}, paired {paired}: {effect:?}");
            assert_eq!(effect.verdict, Verdict::Regressed, "{case}");
            assert!(effect.low > Some(0.2) && effect.high < Some(0.4), "{case}");
            // The same course on both sides is no change.
            let effect = one(&side(runs, n, 0.6, 1), &side(runs, n, 0.6, 2), &options);
            let case = format!("{runs} runs of {n}, paired {paired}: {effect:?}");
            assert_eq!(effect.verdict, Verdict::Pass, "{case}");
        }
    }
}

#[test]
fn runs_that_agree_by_chance_still_have_their_own_noise() {
    // Each run jumps at a time of its own, and all have the same mean.
    let jumping = |seed: usize| {
        let begin = (20.0 + 60.0 * scatter(seed, 3)) as usize;
        let values: Vec<f64> = (0..120)
            .map(|i| {
                if (begin..begin + 60).contains(&i) {
                    1.3e8
                } else {
                    1e8
                }
            })
            .collect();
        let run = Run::new(0.0).unwrap();
        run.with(Metric::Memory, values).unwrap()
    };
    let base: Vec<Run> = (0..3).map(jumping).collect();
    let candidate: Vec<Run> = (3..6).map(jumping).collect();
    let options = Options {
        warm_up: false,
        ..Options::default()
    };
    let effect = one(&base, &candidate, &options);
    assert!(effect.change.unwrap().abs() < 1e-9, "{effect:?}");
    assert!(effect.high.unwrap() > 0.02, "{effect:?}");
}

#[test]
fn runs_of_different_lengths_and_with_gaps_are_compared() {
    let gap = |run: usize| {
        let mut values: Vec<f64> = (0..120 + 30 * run)
            .map(|i| 1e8 * (1.0 + 0.005 * i as f64) * (0.98 + 0.04 * scatter(i, run)))
            .collect();
        values[40 + 5 * run..50 + 5 * run].fill(f64::NAN);
        let made = Run::new(0.0).unwrap();
        made.with(Metric::Memory, values).unwrap()
    };
    let runs: Vec<Run> = (0..3).map(gap).collect();
    let effect = one(&runs, &runs, &Options::default());
    assert_eq!((effect.runs, effect.change), ([3, 3], Some(0.0)));
    assert!(effect.high.is_some_and(|high| high > 0.0), "{effect:?}");
    // A run that no other one overlaps keeps all of its noise, whatever the others are like.
    let mut shifted = vec![f64::NAN; 120];
    shifted.extend((0..120).map(|i| 1e8 * (1.0 + 0.01 * i as f64)));
    let late = Run::new(0.0).unwrap();
    let late = late.with(Metric::Memory, shifted).unwrap();
    let pair = [leaking(120, 0.0, 1.0, 1), late];
    let effect = one(&pair, &pair, &Options::default());
    let inside = effect.explanation.noise[0].unwrap().within.unwrap();
    assert!(inside > 0.05, "{effect:?}");
}
