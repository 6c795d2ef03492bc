//! A run has one column per metric, and each column has its own counts.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use soakbox_statistics::{Metric, Options, Run, compare};
use std::slice::from_ref;
use support::{cpu_run, one, orders, values};

#[test]
fn each_metric_keeps_its_own_counts() {
    let n = 300;
    let add = |run: Run, metric: Metric, sum: f64, count: f64| {
        let counts: Vec<f64> = values(n, count, 4);
        let sums = counts.iter().map(|c| c * sum / count).collect();
        run.with_counts(metric, sums, counts).unwrap()
    };
    // Failures are counted over all operations, CPU time over the tenth that was sampled.
    let columns = [
        (Metric::FailureRate, 30.0, 1000.0),
        (Metric::Cpu, 7e6, 100.0),
        (Metric::Memory, 4e6, 500.0),
    ];
    for order in orders(&columns) {
        let mut made = Run::new(0.0).unwrap();
        for (metric, sum, count) in order {
            made = add(made, metric, sum, count);
        }
        let effects = compare(from_ref(&made), from_ref(&made), &Options::default());
        let effects = effects.unwrap().effects;
        assert_eq!(effects.len(), columns.len());
        for (metric, sum, count) in &columns {
            let effect = effects.iter().find(|e| e.metric == *metric).unwrap();
            let value = effect.base.unwrap();
            assert!((value / (sum / count) - 1.0).abs() < 1e-9, "{effect:?}");
        }
    }
    // The counts of the windows that a run was made from stay with their columns too.
    let windows = support::windows(n, 1.0, 0, 1);
    let plain = support::observed(&windows);
    let more = add(plain.clone(), Metric::Value, 8.0, 2.0);
    let options = Options::default();
    let cpu = |run: &Run| {
        let result = compare(from_ref(run), from_ref(run), &options);
        let effects = result.unwrap().effects;
        let effect = effects.into_iter().find(|e| e.metric == Metric::Cpu);
        effect.unwrap().base.unwrap()
    };
    assert_eq!(cpu(&plain), cpu(&more));
}

#[test]
fn the_last_column_of_a_metric_is_the_one_that_is_compared() {
    let (first, last) = (values(300, 100.0, 1), values(300, 200.0, 2));
    let made = cpu_run(first).with(Metric::Cpu, last).unwrap();
    let effect = one(from_ref(&made), from_ref(&made), &Options::default());
    assert!((effect.base.unwrap() - 200.0).abs() < 1.0, "{effect:?}");
    let made = made
        .with_counts(Metric::Cpu, vec![600.0; 300], vec![2.0; 300])
        .unwrap();
    let effect = one(from_ref(&made), from_ref(&made), &Options::default());
    assert_eq!(effect.base, Some(300.0));
}
