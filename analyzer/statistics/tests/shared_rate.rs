//! Many searches of one answer share one false-alarm rate. The seeds are drawn when the test runs.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;
use soakbox_statistics::{SoakOptions, Status, Steadiness, period, soak, steady_state};

const SERIES: usize = 12;
const ANSWERS: usize = 60;

/// Which of growth, a period and an unsteady level are found.
fn found(values: &[f64], false_alarm: f64) -> [bool; 3] {
    let times: Vec<f64> = (0..values.len()).map(|i| 0.25 * i as f64).collect();
    let options = SoakOptions {
        false_alarm,
        ..SoakOptions::default()
    };
    let [_, drift] = soak("x", &times, values, &options).unwrap();
    [
        drift.status == Status::Found,
        period(values, false_alarm).unwrap().is_some(),
        steady_state(values, false_alarm).unwrap().steadiness == Steadiness::Moving,
    ]
}

#[test]
fn a_healthy_run_has_few_findings_in_all_its_series_together() {
    let seed = support::drawn();
    let mut random = Pcg64::new(u128::from(seed) << 64 | 1, 1);
    let share = 0.05 / (3 * SERIES) as f64;
    for phi in [0.0, 0.5, 0.8] {
        let (mut alarms, mut missed) = (0, [0; 3]);
        for _ in 0..ANSWERS {
            let mut any = false;
            for index in 0..SERIES {
                let mut level = 0.0;
                let scale = f64::sqrt(1.0 - phi * phi);
                let noise: Vec<f64> = (0..240)
                    .map(|_| {
                        let shock: f64 = StandardNormal.sample(&mut random);
                        level = phi * level + scale * shock;
                        100.0 + level
                    })
                    .collect();
                any |= found(&noise, share).contains(&true);
                if index == 0 {
                    // What is there is found at the same share.
                    let with = |add: &dyn Fn(f64) -> f64| -> Vec<f64> {
                        let values = noise.iter().enumerate();
                        values.map(|(i, v)| v + add(i as f64)).collect()
                    };
                    let shown = [
                        found(&with(&|i| 0.1 * i), share)[0],
                        found(&with(&|i| 6.0 * (i / 3.0).sin()), share)[1],
                        found(&with(&|i| if i < 160.0 { 0.0 } else { 12.0 }), share)[2],
                    ];
                    for (missed, shown) in missed.iter_mut().zip(shown) {
                        *missed += usize::from(!shown);
                    }
                }
            }
            alarms += usize::from(any);
        }
        // 5% of 60 at most, and what chance adds once in 100,000 times.
        assert!(alarms <= 12, "seed {seed}, φ={phi}: {alarms} of {ANSWERS}");
        assert!(
            missed.iter().all(|n| *n <= ANSWERS / 6),
            "seed {seed}, φ={phi}: {missed:?}"
        );
    }
}
