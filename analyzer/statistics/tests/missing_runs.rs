//! Runs that a metric cannot be estimated in: the reason is the same in every order, and no pair is
//! formed across them.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{Metric, Options, Run, Side, Unusable, UnusableRun, Verdict};
use std::slice::from_ref;
use support::{cpu_run, one, orders, run, values};

#[test]
fn the_reason_of_missing_runs_does_not_depend_on_their_order() {
    let memory = |values| Run::new(0.0).unwrap().with(Metric::Memory, values).unwrap();
    let good = memory(values(300, 100.0, 1));
    let short = memory(values(6, 100.0, 3));
    let zero = memory(vec![0.0; 300]);
    let unmeasured = Run::new(0.0).unwrap();
    let options = Options::default();
    let failing = [
        short.clone(),
        zero.clone(),
        unmeasured.clone(),
        short.clone(),
    ];
    let first = one(&failing, from_ref(&good), &options);
    for part in [
        "1 of 5 runs: not measured",
        "2 of 5 runs: too few windows",
        "1 of 5 runs: the value is not above 0",
    ] {
        assert!(first.reason.contains(part), "{part}: {}", first.reason);
    }
    for order in orders(&failing) {
        let effect = one(&order, from_ref(&good), &options);
        assert_eq!(effect.reason, first.reason);
        // The other side comes later, with another reason than the last one of this side.
        let (base, candidate) = order.split_at(2);
        let candidate = [candidate, from_ref(&good)].concat();
        assert_eq!(one(base, &candidate, &options).reason, first.reason);
    }
    // One reason for all runs needs no numbers.
    let effect = one(&[short.clone(), short.clone()], &[short], &options);
    assert_eq!(effect.reason, "too few windows to know their variance");
}

#[test]
fn a_run_that_is_too_short_without_its_warm_up_has_that_reason() {
    let warm: Vec<f64> = values(300, 100.0, 1)
        .into_iter()
        .enumerate()
        .map(|(i, value)| if i < 20 { 5.0 * value } else { value })
        .collect();
    // A fifth of the shortest run is cut from every run: 2 windows, which leaves 11.
    let (warm, short) = ([cpu_run(warm)], [cpu_run(values(13, 100.0, 2))]);
    for (base, candidate) in [(&warm, &short), (&short, &warm)] {
        let effect = one(base, candidate, &Options::default());
        assert_eq!(effect.warmup_cut, [2, 2], "{effect:?}");
        assert_eq!(effect.verdict, Verdict::Inconclusive);
        assert_eq!(
            effect.reason,
            "1 of 2 runs: too few windows to know their variance"
        );
    }
}

#[test]
fn pairs_are_never_formed_across_missing_runs() {
    // The machine is slower in each further pair; both builds are equal.
    let side = |missing: usize, seed: usize| -> Vec<Run> {
        let measured = |i: usize| run(Metric::Cpu, 100.0 * 1.3_f64.powi(i as i32), seed + i);
        (0..6)
            .map(|i| {
                if i == missing {
                    Run::new(0.0).unwrap()
                } else {
                    measured(i)
                }
            })
            .collect()
    };
    let options = Options {
        paired: true,
        ..Options::default()
    };
    for (base, candidate) in [(0, 5), (5, 0), (2, 3)] {
        let effect = one(&side(base, 10), &side(candidate, 20), &options);
        assert_eq!(effect.verdict, Verdict::Inconclusive, "{effect:?}");
        let start = "2 of 12 runs: not measured; the other runs alone would be pass";
        assert_eq!(effect.reason, start, "{effect:?}");
        // The four whole pairs remain, each of runs of the same level. Levels differ by 30% from
        // pair to pair, so that one pair across the missing runs would widen the interval beyond
        // this bound.
        assert_eq!(effect.runs, [4, 4]);
        let known = [effect.change, effect.low, effect.high].map(Option::unwrap);
        assert!(known.iter().all(|v| v.abs() < 0.02), "{effect:?}");
        let named = |side, run, why| UnusableRun {
            side,
            run,
            name: String::new(),
            why,
        };
        let mut wanted = vec![
            named(Side::Base, base, Unusable::NotMeasured),
            named(Side::Base, candidate, Unusable::NoPartner),
            named(Side::Candidate, base, Unusable::NoPartner),
            named(Side::Candidate, candidate, Unusable::NotMeasured),
        ];
        wanted.sort_by_key(|run| (run.side, run.run));
        assert_eq!(effect.unusable, wanted);
    }
    // The same pair is missing on both sides: it may have been worse too, so that the comparison
    // does not pass. The other pairs are judged as they are without it, which is a pass.
    let (base, candidate) = (side(3, 10), side(3, 20));
    let effect = one(&base, &candidate, &options);
    assert_eq!(
        (effect.verdict, effect.runs),
        (Verdict::Inconclusive, [5, 5])
    );
    let without = |runs: &[Run]| [&runs[..3], &runs[4..]].concat();
    let rest = one(&without(&base), &without(&candidate), &options);
    assert_eq!(rest.verdict, Verdict::Pass, "{rest:?}");
    assert_eq!((effect.low, effect.high), (rest.low, rest.high));
    // Pairs across the missing runs are what this test would see: the levels of a pair differ then.
    let numbered = |runs: &[Run], from: u64| -> Vec<Run> {
        let numbers = (from..).zip(without(runs));
        numbers.map(|(pair, run)| run.in_pair(pair)).collect()
    };
    let shifted = one(&numbered(&base, 1), &numbered(&candidate, 0), &options);
    assert!(shifted.high > Some(0.2), "{shifted:?}");
}
