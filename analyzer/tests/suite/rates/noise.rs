//! The noise of the alarm figures: that of the simulation, and processes that it does not have.

use rand_distr::{Distribution, Exp, Exp1, StandardNormal};

use super::Noise;
use super::process::{Process, Random, uniform};

/// Autoregressive noise of order 1, by its correlation.
pub(crate) const AUTOREGRESSIVE: [(&str, Noise); 4] = [
    ("φ=0", |n, random| Process::Ar(0.0).series(n, random)),
    ("φ=0.5", |n, random| Process::Ar(0.5).series(n, random)),
    ("φ=0.7", |n, random| Process::Ar(0.7).series(n, random)),
    ("φ=0.9", |n, random| Process::Ar(0.9).series(n, random)),
];

/// Other noise with a memory that a run shows.
pub(crate) const OTHER: [(&str, Noise); 6] = [
    ("moving average of 10 s", |n, random| {
        Process::Average(10).series(n, random)
    }),
    ("a period of 10 minutes", ten_minutes),
    ("bursts", |n, random| {
        Process::Bursts(0.02, 0.1).series(n, random)
    }),
    ("long bursts", |n, random| {
        Process::Bursts(0.05, 0.05).series(n, random)
    }),
    ("a sawtooth of 30 s", |n, random| {
        Process::Sawtooth(n as f64 / 30.0).series(n, random)
    }),
    ("heavy tails", |n, random| {
        Process::Heavy(2.5).series(n, random)
    }),
];

/// Noise that the simulation of `soakbox-statistics` does not have, or not in this form.
pub(crate) const OUTSIDE: [(&str, Noise); 7] = [
    ("load states of 40 s", |n, random| {
        Process::Bursts(0.025, 0.025).series(n, random)
    }),
    ("GARCH", garch),
    ("slow Ornstein–Uhlenbeck", |n, random| {
        Process::Ar(0.818_730_753).series(n, random)
    }),
    ("a queue near saturation", queue),
    ("states with Pareto dwell times", |n, random| {
        pareto_states(n, 2.5, random)
    }),
    ("a heap that sizes itself", heap),
    ("a day in the run", |n, random| {
        Process::Periods(1.0).series(n, random)
    }),
];

/// Noise with a memory as long as any run, which one run cannot show.
pub(crate) const LONG: [(&str, Noise); 4] = [
    ("states with dwell times of no variance", |n, random| {
        pareto_states(n, 1.5, random)
    }),
    ("ARFIMA d=0.2", |n, random| {
        Process::Long(0.2).series(n, random)
    }),
    ("ARFIMA d=0.3", |n, random| {
        Process::Long(0.3).series(n, random)
    }),
    ("ARFIMA d=0.45", |n, random| {
        Process::Long(0.45).series(n, random)
    }),
];

/// A sine of 600 windows with white noise.
fn ten_minutes(n: usize, random: &mut Random) -> Vec<f64> {
    Process::Periods(n as f64 / 600.0).series(n, random)
}

fn normal(random: &mut Random) -> f64 {
    StandardNormal.sample(random)
}

/// GARCH(1, 1): the size of the noise depends on that of the windows before.
fn garch(n: usize, random: &mut Random) -> Vec<f64> {
    let (mut variance, mut last) = (1.0_f64, 0.0_f64);
    let all = (0..n + 200).map(|_| {
        variance = 0.05 + 0.1 * last * last + 0.85 * variance;
        last = variance.sqrt() * normal(random);
        last
    });
    all.skip(200).collect()
}

/// The waiting time of a queue with a load of 90% (Lindley's recursion), 20 customers per window.
fn queue(n: usize, random: &mut Random) -> Vec<f64> {
    // Mean and deviation of the stationary wait of M/M/1.
    let (load, mean, deviation) = (0.9, 8.1, 8.955);
    let service = Exp::new(1.0 / load).unwrap();
    let mut wait = 0.0_f64;
    let windows = (0..n + 400).map(|_| {
        let mut sum = 0.0;
        for _ in 0..20 {
            let arrival: f64 = Exp1.sample(random);
            wait = (wait + service.sample(random) - arrival).max(0.0);
            sum += wait;
        }
        (sum / 20.0 - mean) / deviation
    });
    windows.skip(400).collect()
}

/// Two states that last for at least 3 windows, with Pareto tails of this index. Up to an index of 2
/// the times have no variance, and the noise has a long memory.
fn pareto_states(n: usize, index: f64, random: &mut Random) -> Vec<f64> {
    let dwell = |random: &mut Random| 3.0 * (1.0 - uniform(random)).powf(-1.0 / index);
    let mut high = uniform(random) < 0.5;
    let mut left = dwell(random);
    let windows = (0..n + 1_000).map(|_| {
        left -= 1.0;
        if left <= 0.0 {
            high = !high;
            left += dwell(random);
        }
        (if high { 0.9 } else { -0.9 }) + 0.4 * normal(random)
    });
    windows.skip(1_000).collect()
}

/// A sawtooth whose teeth have random heights, each as long as it is high.
fn heap(n: usize, random: &mut Random) -> Vec<f64> {
    let mut most = 20.0;
    let mut height = most * uniform(random);
    let windows = (0..n).map(|_| {
        height += 1.0;
        if height >= most {
            height = 0.0;
            most = 10.0 + 30.0 * uniform(random);
        }
        (height - 11.5) / 7.5 + 0.2 * normal(random)
    });
    windows.collect()
}
