//! A simulated service: runs whose windows have operations with durations, CPU time, memory,
//! failures and a rate.

use super::process::{Process, Random, uniform};
use rand_distr::{Distribution, Poisson, StandardNormal};
use soakbox_schemas::histogram::{BUCKETS, bucket};
use soakbox_statistics::{Histogram, Run, Window};
use std::time::Duration;

/// The service's load and noise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// The noise of its windows.
    pub(crate) process: Process,
    /// Relative standard deviation of that noise.
    pub(crate) noise: f64,
    /// Operations per window on average.
    pub(crate) operations: usize,
    /// True: the number of operations per window is random; false: exactly `operations`.
    pub(crate) random_load: bool,
    /// Failed share of the operations.
    pub(crate) failures: f64,
}

/// The difference between candidate and base.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift {
    /// All durations and CPU times are multiplied by this.
    pub(crate) all: f64,
    /// Durations above the service's own p98 are also multiplied by this.
    pub(crate) tail: f64,
}

/// No difference.
pub(crate) const NONE: Shift = Shift {
    all: 1.0,
    tail: 1.0,
};

/// The length of a window.
const WINDOW: Duration = Duration::from_secs(1);
/// The standard deviation of the logarithm of a duration.
const SIGMA: f64 = 0.5;
/// The standard normal's p98.
const P98: f64 = 2.053_748_910_631_823;
/// The table from logarithms to buckets: its steps per unit, its lower end and its upper end.
const STEPS: f64 = 2048.0;
const LOW: f64 = 6.0;
const HIGH: f64 = 24.0;

/// Simulates runs. It uses the same scratch memory for all of them.
pub(crate) struct Simulator {
    of_log: Vec<u16>,
    counts: Vec<u32>,
}

impl Simulator {
    /// Builds the table from logarithms to buckets.
    pub(crate) fn new() -> Simulator {
        let entries = ((HIGH - LOW) * STEPS) as usize;
        let value = |i: usize| (LOW + (i as f64 + 0.5) / STEPS).exp() as u64;
        Simulator {
            of_log: (0..entries).map(|i| bucket(value(i)) as u16).collect(),
            counts: vec![0; BUCKETS],
        }
    }

    /// One run of `n` windows. `effect` is the run's own factor on durations and CPU time, 1 for
    /// none.
    pub(crate) fn run(
        &mut self,
        service: Service,
        n: usize,
        shift: Shift,
        effect: f64,
        random: &mut Random,
    ) -> Run {
        let mut path = || service.process.series(n, random);
        let (slow, memory, load, errors) = (path(), path(), path(), path());
        let centre = (1e6 * shift.all * effect).ln();
        let windows: Vec<Option<Window>> = (0..n)
            .map(|t| {
                let count = if service.random_load {
                    let mean = service.operations as f64 * (1.0 + service.noise * load[t]);
                    poisson(mean, random).max(1)
                } else {
                    service.operations as u64
                };
                let factor = (service.noise * slow[t]).clamp(-1.5, 3.0);
                let share =
                    service.failures * (6.0 * service.noise * errors[t]).clamp(-3.0, 3.0).exp();
                let scatter: f64 = StandardNormal.sample(random);
                let scatter = 1.0 + 0.02 * scatter;
                let cpu = 5e5 * shift.all * effect * factor.exp() * scatter;
                Some(Window {
                    count,
                    failures: poisson(share * count as f64, random).min(count),
                    cpu_ns: Some(cpu * count as f64),
                    memory_bytes: Some(1e8 * (service.noise * memory[t]).clamp(-1.5, 3.0).exp()),
                    durations: Some(self.window(count, centre + factor, shift.tail, random)),
                    ..Window::default()
                })
            })
            .collect();
        Run::from_windows(WINDOW, &windows).unwrap_or_default()
    }

    fn window(&mut self, count: u64, centre: f64, tail: f64, random: &mut Random) -> Histogram {
        let (mut first, mut last) = (BUCKETS, 0);
        let tail = tail.ln();
        for _ in 0..count {
            let z: f64 = StandardNormal.sample(random);
            let log = centre + SIGMA * z + if z > P98 { tail } else { 0.0 };
            let place = ((log - LOW) * STEPS).clamp(0.0, self.of_log.len() as f64 - 1.0);
            let index = usize::from(self.of_log[place as usize]);
            self.counts[index] += 1;
            first = first.min(index);
            last = last.max(index);
        }
        let touched = (first..=last).filter(|&i| self.counts.get(i).is_some_and(|&c| c > 0));
        let pairs: Vec<(usize, u64)> = touched.map(|i| (i, u64::from(self.counts[i]))).collect();
        for &(index, _) in &pairs {
            self.counts[index] = 0;
        }
        Histogram::from_counts(&pairs)
    }
}

fn poisson(mean: f64, random: &mut Random) -> u64 {
    if mean <= 0.0 {
        return 0;
    }
    if mean < 1e-3 {
        return u64::from(uniform(random) < mean);
    }
    Poisson::new(mean).map_or(0, |d| d.sample(random) as u64)
}
