//! What must pass is decided from the base alone, and the rest is shown with its reason.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{
    Acceptable, Conclusion, Histogram, Looks, Metric, Options, Plan, Run, RunVariance, Scope, Side,
    Threshold, Verdict, binomial_interval, compare, read, self_test,
};
use std::slice::from_ref;
use support::{observed, of_all, one, run, scatter, windows};

/// Runs of CPU time whose levels differ by up to `spread` from run to run.
fn side(runs: usize, level: f64, spread: f64, seed: usize) -> Vec<Run> {
    let level = |i: usize| level * (1.0 + spread * (2.0 * scatter(i, seed) - 1.0));
    let run = |i| run(Metric::Cpu, level(i), seed + i).named(format!("run {i}"));
    (0..runs).map(run).collect()
}

#[test]
fn a_metric_that_the_base_cannot_show_does_not_block_the_others() {
    // 18 operations beyond p99.9 of a heavy tail cannot bound it within 5%.
    let slower = |slow: f64, seed: usize| {
        let mut all = windows(60, slow, 0, seed);
        for (t, window) in all.iter_mut().flatten().enumerate() {
            let one = |i| 1e6 * slow * (1.0 - scatter(300 * t + i, seed)).powf(-0.7);
            let durations: Vec<u64> = (0..300).map(|i| one(i) as u64).collect();
            window.durations = Some(Histogram::from_values(&durations));
        }
        observed(&all)
    };
    let of = |seed| slower(1.0, seed);
    let (base, candidate) = (of(1), of(2));
    let result = compare(from_ref(&base), from_ref(&candidate), &Options::default()).unwrap();
    let find = |metric: Metric| result.effects.iter().find(|e| e.metric == metric).unwrap();
    let rare = find(Metric::DurationP999);
    assert!(
        !rare.gates && rare.passable.is_none_or(|least| least > 0.05),
        "{rare:?}"
    );
    assert_eq!(rare.verdict, Verdict::Inconclusive);
    assert!(find(Metric::DurationP50).gates);
    assert_eq!(result.verdict, Verdict::Pass, "{result:?}");
    // What gates does not depend on the candidate.
    for (slow, seed) in [(1.0, 3), (1.02, 4), (1.4, 5), (0.5, 6)] {
        let other = slower(slow, seed);
        let judged = compare(from_ref(&base), &[other], &Options::default()).unwrap();
        let gates = |c: &soakbox_statistics::Comparison| -> Vec<(Metric, bool, Option<f64>)> {
            let effects = c.effects.iter();
            effects
                .map(|e| (e.metric.clone(), e.gates, e.passable))
                .collect()
        };
        assert_eq!(gates(&judged), gates(&result));
    }
    // A named gate that stays open blocks, and so does one that was not measured.
    for metric in [Metric::DurationP999, Metric::BytesRate] {
        let named = Options {
            gates: vec![Metric::DurationP50, metric],
            metrics: vec![Metric::DurationP50, Metric::DurationP999],
            ..Options::default()
        };
        let result = compare(from_ref(&base), from_ref(&candidate), &named).unwrap();
        assert_eq!(result.verdict, Verdict::Inconclusive, "{named:?}");
    }
    // Without a duration that gates, nothing is known about the durations.
    let blind = Options {
        thresholds: [
            Metric::DurationP50,
            Metric::DurationP95,
            Metric::DurationP99,
        ]
        .map(|metric| Threshold {
            operation: None,
            metric,
            change: Acceptable::Relative(1e-4),
        })
        .to_vec(),
        ..Options::default()
    };
    let result = compare(from_ref(&base), &[candidate], &blind).unwrap();
    assert_eq!(result.verdict, Verdict::Inconclusive);
}

#[test]
fn a_candidate_at_0_or_warm_or_without_a_run_does_not_change_what_gates() {
    // Levels that differ from run to run, so that it matters which runs and windows are used.
    let column = |i: usize, seed: usize| support::values(300, 10.0 + i as f64 / 20.0, seed + i);
    let side = |seed: usize| -> Vec<Vec<f64>> { (0..5).map(|i| column(i, seed)).collect() };
    let mut warm = side(20);
    for value in warm[1].iter_mut().take(40) {
        *value *= 5.0;
    }
    let mut stopped = side(30);
    stopped[4].fill(0.0);
    let mut missing = side(40);
    missing[0].fill(f64::NAN);
    for paired in [false, true] {
        // Thresholds around what the base can show.
        let mut gated = [false; 2];
        for (index, threshold) in [0.01, 0.05].into_iter().enumerate() {
            let options = Options {
                threshold,
                paired,
                ..Options::default()
            };
            let runs = |columns: &[Vec<f64>]| -> Vec<Run> {
                let run = |c: &Vec<f64>| Run::new(0.0).unwrap().with(Metric::Value, c.clone());
                columns.iter().map(|c| run(c).unwrap()).collect()
            };
            let base = runs(&side(1));
            let plain = one(&base, &runs(&side(10)), &options);
            gated[index] = plain.gates;
            for (name, columns) in [("warm", &warm), ("0", &stopped), ("missing", &missing)] {
                let effect = one(&base, &runs(columns), &options);
                assert_eq!(effect.gates, plain.gates, "{name}: {effect:?}");
                assert_eq!(effect.absolute, name == "0", "{effect:?}");
                let unit = if effect.absolute {
                    soakbox_statistics::read(&base[2], &Metric::Value, 0)
                        .unwrap()
                        .value
                } else {
                    1.0
                };
                let (least, plain) = (effect.passable.unwrap() / unit, plain.passable.unwrap());
                assert!(
                    (least / plain - 1.0).abs() < 0.02,
                    "{name}: {least} {plain}"
                );
            }
        }
        assert_eq!(gated, [false, true], "{paired}");
    }
}

#[test]
fn a_regression_counts_whether_or_not_the_metric_gates() {
    let (base, worse) = (side(5, 100.0, 0.06, 1), side(5, 150.0, 0.06, 20));
    let effect = one(&base, &worse, &Options::default());
    assert!(
        !effect.gates && effect.verdict == Verdict::Regressed,
        "{effect:?}"
    );
    let result = compare(&base, &worse, &Options::default()).unwrap();
    assert_eq!(result.conclusion(), Conclusion::Builds(Verdict::Regressed));
    assert!(result.conclusion().is_regression());
    let elsewhere = Options {
        gates: vec![Metric::Memory],
        ..Options::default()
    };
    let result = compare(&base, &worse, &elsewhere).unwrap();
    assert_eq!(result.verdict, Verdict::Inconclusive);
}

#[test]
fn two_runs_that_differ_are_no_regression_of_the_build() {
    let (base, slower) = ([run(Metric::Cpu, 100.0, 1)], [run(Metric::Cpu, 120.0, 2)]);
    let result = compare(&base, &slower, &Options::default()).unwrap();
    assert_eq!(
        (result.verdict, result.scope),
        (Verdict::Regressed, Scope::Pair)
    );
    assert_eq!(result.conclusion().name(), "worse_run");
    assert!(!result.conclusion().is_regression());
    let result = compare(&base, &base, &Options::default()).unwrap();
    assert_eq!(result.conclusion().name(), "like_run");
    // A history of one of two metrics makes a regression in it one of the build.
    let with = |level: f64, seed| {
        let memory = support::values(300, 1e8, seed + 7);
        [run(Metric::Cpu, level, seed)
            .with(Metric::Memory, memory)
            .unwrap()]
    };
    let history = RunVariance::from_history(&[100.0, 100.5, 99.5, 100.2, 99.9, 100.1], false);
    let options = Options {
        history: vec![of_all(Metric::Cpu, history.unwrap())],
        ..Options::default()
    };
    let result = compare(&with(100.0, 1), &with(120.0, 2), &options).unwrap();
    assert_eq!(result.conclusion().name(), "regressed");
    let result = compare(&with(100.0, 1), &with(100.0, 2), &options).unwrap();
    assert_eq!(result.conclusion().name(), "like_run");
}

#[test]
fn the_variance_of_builds_whose_levels_differ_is_pooled() {
    let builds: [&[f64]; 4] = [&[99.0, 101.0], &[198.0, 202.0, 200.0], &[55.0], &[]];
    let pooled = RunVariance::from_builds(&builds, false).unwrap();
    assert_eq!(pooled.degrees_of_freedom, 3.0);
    assert!((pooled.deviation - 0.0115).abs() < 0.001, "{pooled:?}");
    let together = RunVariance::from_history(&builds.concat(), false).unwrap();
    assert!(together.deviation > 0.3);
    assert_eq!(RunVariance::from_builds(&[&[1.0], &[2.0]], true), None);
}

#[test]
fn an_inconclusive_effect_names_the_runs_that_would_decide_it() {
    let base = side(3, 100.0, 0.1, 1);
    for (level, seed) in [(100.0, 20), (115.0, 30)] {
        let effect = one(&base, &side(3, level, 0.1, seed), &Options::default());
        assert_eq!(effect.verdict, Verdict::Inconclusive, "{effect:?}");
        let needed = effect.runs_needed.unwrap();
        assert!(
            !needed.at_least && (4..40).contains(&needed.per_side),
            "{needed:?}"
        );
        // With twice the number it is decided.
        let many = 2 * needed.per_side;
        let (base, other) = (side(many, 100.0, 0.1, 1), side(many, level, 0.1, seed));
        let effect = one(&base, &other, &Options::default());
        assert_ne!(effect.verdict, Verdict::Inconclusive, "{effect:?}");
        assert_eq!(effect.runs_needed, None);
    }
    // One run per side: only a lower bound is known.
    let noisy = |seed| support::cpu_run((0..60).map(|i| 50.0 + 100.0 * scatter(i, seed)).collect());
    let effect = one(&[noisy(1)], &[noisy(2)], &Options::default());
    assert!(
        effect.runs_needed.is_none_or(|needed| needed.at_least),
        "{effect:?}"
    );
}

#[test]
fn a_plan_says_from_the_base_what_a_comparison_could_show() {
    let base = side(6, 100.0, 0.04, 3);
    let plan = Plan::new(&base, "", &Metric::Cpu, &Options::default()).unwrap();
    let detectable: Vec<f64> = (2..10).map(|runs| plan.detectable(runs).unwrap()).collect();
    assert!(
        detectable.is_sorted_by(|a, b| a > b) && detectable[7] > 0.05,
        "{detectable:?}"
    );
    assert_eq!(plan.detectable(1), None);
    for change in [0.08, 0.1, 0.2] {
        let runs = plan.runs_for(change).unwrap();
        assert!(plan.detectable(runs).unwrap() <= change);
        assert!(plan.detectable(runs - 1).is_none_or(|least| least > change));
    }
    assert_eq!(plan.runs_for(0.05), None);
    assert!(plan.passable(10).unwrap() < plan.passable(5).unwrap());
    // One run tells nothing about another one; a history does.
    assert!(Plan::new(&base[..1], "", &Metric::Cpu, &Options::default()).is_none());
    assert!(Plan::new(&base, "", &Metric::Memory, &Options::default()).is_none());
    let history = RunVariance::from_history(&[100.0, 101.0, 99.0], false).unwrap();
    let options = Options {
        history: vec![of_all(Metric::Cpu, history)],
        ..Options::default()
    };
    assert!(Plan::new(&base[..1], "", &Metric::Cpu, &options).is_some());
}

#[test]
fn a_self_test_counts_alarms_between_runs_of_one_build() {
    let quiet = side(20, 100.0, 0.02, 5);
    let noisy: Vec<Run> = (0..20)
        .map(|i| {
            run(
                Metric::Cpu,
                if i % 4 == 1 || i % 4 == 2 {
                    130.0
                } else {
                    100.0
                },
                i,
            )
        })
        .collect();
    let options = Options::default();
    let test = self_test(&[("a", &quiet), ("b", &quiet)], 5, &options)
        .unwrap()
        .unwrap();
    assert_eq!((test.comparisons, test.alarms), (2, 0));
    assert_eq!((test.splits, test.split_alarms), (200, 0));
    assert!(test.interval.0 == 0.0 && (test.interval.1 - 0.8419).abs() < 1e-4);
    let test = self_test(&[("a", &quiet), ("b", &noisy)], 1, &options)
        .unwrap()
        .unwrap();
    assert_eq!((test.comparisons, test.alarms), (10, 5));
    // A noisy run against a quiet one: 10 · 10 of the 20 · 19 ordered pairs. 200 of them are used.
    assert_eq!(test.splits, 200);
    let share = test.split_alarms as f64 / 200.0;
    assert!((share - 100.0 / 380.0).abs() < 0.08, "{share}");
    // The fewest comparisons whose interval is short enough, whatever the alarms so far.
    for rate in [0.05, 0.1, 0.6] {
        for test in [
            self_test(&[("a", &quiet)], 2, &options).unwrap().unwrap(),
            test,
        ] {
            let enough = test.comparisons_to_bound(rate).unwrap();
            let high = |n: u64| binomial_interval(test.alarms, n, 0.95).unwrap().1;
            assert!(high(enough) <= rate, "{enough}");
            assert!(
                enough == test.alarms.max(1)
                    || high(enough - 1) > rate
                    || enough == test.comparisons
            );
        }
    }
    assert_eq!(test.comparisons_to_bound(0.0), None);
    assert_eq!(self_test(&[("a", &quiet[..1])], 1, &options), Ok(None));
    assert_eq!(self_test(&[], 1, &options), Ok(None));
    assert!(self_test(&[("a", &quiet), ("b", &noisy[..3])], 1, &options).is_err());
}

#[test]
fn every_figure_of_a_verdict_is_in_its_explanation() {
    let (base, candidate) = (side(4, 100.0, 0.02, 1), side(4, 112.0, 0.02, 30));
    let effect = one(&base, &candidate, &Options::default());
    let figures = &effect.explanation;
    assert_eq!(figures.runs.len(), 8);
    for value in &figures.runs {
        let runs = match value.side {
            Side::Base => &base,
            Side::Candidate => &candidate,
        };
        let reading = read(&runs[value.run], &Metric::Cpu, 0).unwrap();
        assert_eq!((value.value, value.error), (reading.value, reading.error));
        assert_eq!(value.name, runs[value.run].name());
    }
    // The interval follows from the figures.
    let (delta, error) = (figures.difference.unwrap(), figures.errors[0].unwrap());
    let quantile = soakbox_statistics::t_upper_quantile(
        figures.low_level.unwrap(),
        figures.degrees_of_freedom.unwrap(),
    );
    let low = (delta - error * quantile - figures.resolution[0]).exp_m1();
    assert!((low - effect.low.unwrap()).abs() < 1e-12);
    let between = figures.noise.map(|noise| noise.unwrap().between.unwrap());
    let pooled = (0.25 * (between[0].powi(2) + between[1].powi(2))).sqrt();
    assert!((pooled - error).abs() < 1e-12, "{figures:?}");
    assert_eq!(figures.tests, 1);
}

#[test]
fn a_look_at_a_growing_comparison_spends_its_part_of_the_error_rate() {
    // A change that is regressed at the full level, and at an early look is not.
    let (base, candidate) = (side(4, 100.0, 0.04, 1), side(4, 113.0, 0.04, 30));
    let mut verdicts = Vec::new();
    for (planned, before, share) in [(4, 0, 1.0), (4, 2, 0.75), (8, 0, 0.25), (40, 3, 0.004375)] {
        let looks = Looks {
            planned,
            now: 4,
            before,
        };
        let options = Options {
            looks: Some(looks),
            ..Options::default()
        };
        let effect = one(&base, &candidate, &options);
        let level = effect.explanation.low_level.unwrap();
        assert!(
            (level / (0.05 * share) - 1.0).abs() < 1e-9,
            "{looks:?} {level}"
        );
        verdicts.push(effect.verdict);
    }
    assert_eq!(verdicts[0], Verdict::Regressed);
    assert_eq!(verdicts[3], Verdict::Inconclusive);
    let planned = Looks {
        planned: 4,
        now: 4,
        before: 0,
    };
    let at_once = Options {
        looks: Some(planned),
        ..Options::default()
    };
    let plain = one(&base, &candidate, &Options::default());
    assert_eq!(one(&base, &candidate, &at_once).low, plain.low);
}
