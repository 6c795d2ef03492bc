//! Stops of operations that come at random: the rate of false ones, and true ones that are found.
//! The seeds are drawn when the test runs.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use rand_distr::{Distribution, Poisson};
use rand_pcg::Pcg64;
use soakbox_statistics::stop;

fn drawn() -> (u64, Pcg64) {
    let seed = support::drawn();
    (seed, Pcg64::new(u128::from(seed) << 64 | 1, 1))
}

#[test]
fn a_steady_operation_rarely_stops_and_one_that_stopped_is_found() {
    let (seed, mut random) = drawn();
    for windows in [60, 240, 2000] {
        for rate in [0.05, 0.3, 2.0, 50.0] {
            let (mut long, mut alarms, mut found, mut absent) = (0, 0, 0, 0);
            for _ in 0..300 {
                let poisson = Poisson::new(rate).unwrap();
                let mut counts: Vec<f64> =
                    (0..windows).map(|_| poisson.sample(&mut random)).collect();
                if let Some(steady) = stop(&counts) {
                    long += usize::from(steady.is_long());
                    alarms += usize::from(steady.is_long() && steady.p <= 0.01);
                }
                counts[windows / 2..].fill(0.0);
                if let Some(stopped) = stop(&counts) {
                    found += usize::from(stopped.is_long() && stopped.p <= 0.01);
                    absent += usize::from(!stopped.is_long());
                }
            }
            let case = format!(
                "seed {seed}, {windows} windows of {rate}: {long} {alarms} {found} {absent}"
            );
            // 1% of 300, and what chance adds once in 100,000 times.
            assert!(alarms <= 13, "{case}");
            if rate * windows as f64 >= 60.0 {
                assert!(found >= 285, "{case}");
                assert!(absent <= 15, "{case}");
            }
        }
    }
}
