//! Runs with pseudo-random noise that is always the same, the comparison of one effect, and seeds that
//! are drawn.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "a panic here is a failed test")]

use soakbox_statistics::{
    Effect, Histogram, History, Metric, Options, Run, RunVariance, Window, compare,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A seed that is drawn when the test runs, and printed; `SOAKBOX_SEED` repeats one.
pub(crate) fn drawn() -> u64 {
    let seed = match std::env::var("SOAKBOX_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos() as u64,
    };
    println!("SOAKBOX_SEED={seed}");
    seed
}

/// Numbers in 0..1 that are the same in every run and have no period.
pub(crate) fn scatter(i: usize, seed: usize) -> f64 {
    let mut z = ((i + 977 * seed) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// `n` values within 5% of `level`.
pub(crate) fn values(n: usize, level: f64, seed: usize) -> Vec<f64> {
    (0..n)
        .map(|i| level * (0.95 + 0.1 * scatter(i, seed)))
        .collect()
}

/// A run of 300 windows within 5% of `level`.
pub(crate) fn run(metric: Metric, level: f64, seed: usize) -> Run {
    Run::new(0.0)
        .unwrap()
        .with(metric, values(300, level, seed))
        .unwrap()
}

/// A history of one metric of all operations.
pub(crate) fn of_all(metric: Metric, variance: RunVariance) -> History {
    History {
        operation: None,
        metric,
        variance,
    }
}

/// The only effect of a comparison.
pub(crate) fn one(base: &[Run], candidate: &[Run], options: &Options) -> Effect {
    let mut effects = compare(base, candidate, options).unwrap().effects;
    assert_eq!(effects.len(), 1, "{effects:?}");
    effects.remove(0)
}

/// `n` windows of 300 recorded and `lost` lost operations. Durations are `slow` times 1 to 3 ms.
pub(crate) fn windows(n: usize, slow: f64, lost: u64, seed: usize) -> Vec<Option<Window>> {
    let operation = |t: usize, i: usize| {
        let u = scatter(1000 * t + i, seed);
        (1e6 * slow * (1.0 + 2.0 * u * u)) as u64
    };
    (0..n)
        .map(|t| {
            let durations: Vec<u64> = (0..300).map(|i| operation(t, i)).collect();
            Some(Window {
                count: 300,
                lost,
                cpu_ns: Some(300.0 * 1e5 * slow * (0.9 + 0.2 * scatter(t, seed + 1))),
                memory_bytes: Some(1e8),
                durations: Some(Histogram::from_values(&durations)),
                ..Window::default()
            })
        })
        .collect()
}

/// A run whose windows are one second long.
pub(crate) fn observed(windows: &[Option<Window>]) -> Run {
    Run::from_windows(Duration::from_secs(1), windows).unwrap()
}

/// A run of one column of CPU time.
pub(crate) fn cpu_run(values: Vec<f64>) -> Run {
    let run = Run::new(0.0).unwrap();
    run.with(Metric::Cpu, values).unwrap()
}

/// Every order of the items.
pub(crate) fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in items.iter().enumerate() {
        let mut rest = items.to_vec();
        rest.remove(index);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}
