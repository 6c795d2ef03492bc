//! Ends of intervals that are so far from the estimate that they say nothing.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{Metric, Options, Run, Verdict};
use support::{one, run, scatter};

/// 40 windows of a rate that is nearly 0 but for a few windows in a row.
fn paused(from: usize, to: usize) -> Run {
    let value = |i: usize| match (from..to).contains(&i) {
        true => 100.0 * (0.95 + 0.1 * scatter(i, 1)),
        false => 0.01,
    };
    let values = (0..40).map(value).collect();
    let run = Run::new(0.0).unwrap();
    run.with(Metric::Rate, values).unwrap()
}

#[test]
fn an_end_beyond_a_factor_of_100_is_not_known() {
    let steady = [paused(0, 40)];
    for candidate in [paused(20, 22), paused(20, 25)] {
        let effect = one(&steady, &[candidate], &Options::default());
        let case = format!("{effect:?}");
        assert_eq!(effect.verdict, Verdict::Inconclusive, "{case}");
        assert!(effect.low.is_none_or(|low| low > -99.0), "{case}");
        assert_eq!(effect.high, None, "{case}");
        assert_eq!(effect.detectable, None, "{case}");
        assert!(effect.reason.contains("differ too much"), "{case}");
        // More runs would show what windows cannot.
        let needed = effect.runs_needed.unwrap();
        assert!(needed.at_least && needed.per_side >= 2, "{case}");
    }
}

#[test]
fn an_end_that_decides_is_given_whatever_the_factor() {
    let (base, slow) = ([run(Metric::Cpu, 100.0, 1)], [run(Metric::Cpu, 1e6, 2)]);
    let worse = one(&base, &slow, &Options::default());
    assert_eq!(worse.verdict, Verdict::Regressed);
    assert!(
        worse.low > Some(9000.0) && worse.high < Some(11000.0),
        "{worse:?}"
    );
    let better = one(&slow, &base, &Options::default());
    assert_eq!(better.verdict, Verdict::Improved);
    assert!(better.high < Some(-0.99), "{better:?}");
}
