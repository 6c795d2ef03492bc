//! No input causes a panic, options outside their range are refused, and results do not depend on
//! the unit.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use proptest::prelude::*;
use soakbox_statistics::{Effect, Histogram, Metric, Options, Run, Window, compare};
use support::{observed, one, run};

#[test]
fn options_out_of_range_are_refused() {
    let side = [run(Metric::Cpu, 1.0, 1)];
    for threshold in [-0.1, 1.0, f64::NAN] {
        assert!(
            compare(
                &side,
                &side,
                &Options {
                    threshold,
                    ..Options::default()
                }
            )
            .is_err()
        );
    }
    assert!(
        compare(
            &side,
            &side,
            &Options {
                q: 0.0,
                ..Options::default()
            }
        )
        .is_err()
    );
    assert!(compare(&[], &side, &Options::default()).is_err());
}

/// Numbers at the limits of floating point, and some ordinary ones.
fn odd() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-1.0),
        Just(1e18),
        Just(f64::MAX),
        Just(1e-300),
        any::<f64>(),
        0.0..100.0f64
    ]
}

/// Windows with numbers from [`odd`].
fn odd_window() -> impl Strategy<Value = Option<Window>> {
    let histogram = proptest::option::of(proptest::collection::vec(
        (0usize..4000, any::<u64>()),
        0..6,
    ));
    let counts = (any::<u64>(), any::<u64>(), 0u64..5);
    let sums = (
        proptest::option::of(odd()),
        proptest::option::of(odd()),
        proptest::option::of(odd()),
        proptest::option::of(odd()),
    );
    proptest::option::of(
        (counts, sums, histogram).prop_map(|(counts, sums, pairs)| Window {
            count: counts.0,
            failures: counts.1,
            lost: counts.2,
            cpu_ns: sums.0,
            memory_bytes: sums.1,
            bytes: sums.2,
            duration_ns: sums.3,
            durations: pairs.map(|pairs| Histogram::from_counts(&pairs)),
        }),
    )
}

/// Every number is finite, the verdict has a reason, and no interval has its lower end above its
/// upper end.
fn sound(effect: &Effect) {
    let known = [
        effect.base,
        effect.candidate,
        effect.change,
        effect.low,
        effect.high,
        effect.p,
        effect.q,
    ];
    assert!(known.iter().flatten().all(|v| v.is_finite()), "{effect:?}");
    assert!(!effect.reason.is_empty(), "{effect:?}");
    if let (Some(low), Some(high)) = (effect.low, effect.high) {
        assert!(low <= high, "{effect:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn odd_windows_never_panic(
        base in proptest::collection::vec(proptest::collection::vec(odd_window(), 0..40), 1..3),
        candidate in proptest::collection::vec(proptest::collection::vec(odd_window(), 0..40), 1..3),
        paired in any::<bool>(), threshold in 0.0..0.2f64
    ) {
        let runs = |side: &[Vec<Option<Window>>]| -> Vec<Run> {
            side.iter().map(|windows| observed(windows)).collect()
        };
        let options = Options { threshold, paired, ..Options::default() };
        if let Ok(result) = compare(&runs(&base), &runs(&candidate), &options) {
            result.effects.iter().for_each(sound);
        }
    }

    #[test]
    fn odd_values_never_panic(
        base in proptest::collection::vec(odd(), 0..60), candidate in proptest::collection::vec(odd(), 0..60)
    ) {
        for metric in Metric::ALL {
            let run = |values: &[f64]| Run::new(0.01).unwrap().with(metric.clone(), values.to_vec()).unwrap();
            let result = compare(&[run(&base)], &[run(&candidate)], &Options::default()).unwrap();
            result.effects.iter().for_each(sound);
        }
    }

    #[test]
    fn results_do_not_depend_on_the_unit(scale in 1e-6..1e6f64, seed in 0usize..1000) {
        let effect = |scale: f64| {
            let side = |level, seed| [run(Metric::Cpu, level * scale, seed)];
            one(&side(100.0, seed), &side(103.0, seed + 1), &Options::default())
        };
        let (plain, scaled) = (effect(1.0), effect(scale));
        prop_assert_eq!(plain.verdict, scaled.verdict);
        prop_assert!((plain.low.unwrap() - scaled.low.unwrap()).abs() < 1e-9);
    }
}
