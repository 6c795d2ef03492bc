//! The small form of `examples/simulate`: the same trials with fixed seeds and few repetitions, so
//! that `cargo test` fails when a change breaks a figure. The bounds are wide, since
//! there are few repetitions. The example with `--full` is the measurement.
#![allow(dead_code, reason = "the example uses all of it")]

#[path = "../examples/simulate/table.rs"]
mod table;
#[path = "../examples/simulate/trials/mod.rs"]
mod trials;

use soakbox_statistics::Status;
use table::accepted_rate;
use trials::process::{Process, Random};
use trials::service::Simulator;
use trials::{builds, comparison, heap, series, steps};

fn random(seed: u128) -> Random {
    Random::new(seed << 64 | 1)
}

/// True when this number of alarms agrees with a rate of 5%.
fn rare(alarms: usize, trials: usize) -> bool {
    alarms as f64 / trials as f64 <= accepted_rate(0.05, trials)
}

#[test]
fn stationary_pairs_raise_few_alarms() {
    let mut simulator = Simulator::new();
    let processes = [
        (Process::Ar(0.0), 200),
        (Process::Ar(0.9), 200),
        (Process::Ar(0.7), 600),
        (Process::Bursts(0.02, 0.1), 200),
        (Process::Sawtooth(20.0), 200),
        (Process::Hidden, 200),
        (Process::Heavy(2.5), 200),
    ];
    for (seed, (process, n)) in (1..).zip(processes) {
        let service = comparison::healthy(process);
        let counts = comparison::false_alarms(&mut simulator, service, n, 40, &mut random(seed));
        assert!(
            counts.iter().all(|&c| rare(c, 40)),
            "{process:?} {n}: {counts:?} of 40"
        );
    }
}

#[test]
fn a_slower_tail_is_found_and_an_unshifted_one_passes() {
    let [found, passed] = comparison::power(&mut Simulator::new(), 0.7, 600, 12, &mut random(11));
    assert!(
        found >= 10 && passed >= 10,
        "{found} found, {passed} passed of 12"
    );
}

#[test]
fn runs_are_the_statistical_units() {
    let mut simulator = Simulator::new();
    let counts = builds::several(&mut simulator, 25, &mut random(12));
    assert!(
        rare(counts[0], 25) && rare(counts[1], 25) && counts[2] >= 22,
        "{counts:?} of 25"
    );
    for paired in [false, true] {
        let counts = builds::common_course(paired, 25, &mut random(14));
        assert!(
            rare(counts[0], 25) && rare(counts[1], 25) && counts[2] >= 22,
            "{counts:?} of 25"
        );
    }
    assert_eq!(builds::single(&mut simulator, 5, &mut random(13)), 5);
}

#[test]
fn rare_events_are_no_changes_and_more_frequent_ones_are() {
    for (seed, probability, n) in [(60, 0.03, 365), (61, 0.01, 1000), (62, 0.1, 365)] {
        let count = series::rare_changes(probability, n, 150, &mut random(seed));
        assert!(count <= 6, "{probability} of {n}: {count} of 150");
    }
    let found = series::rare_steps([0.03, 0.5], 365, 100, &mut random(63));
    assert!(found >= 80, "{found} of 100");
}

#[test]
fn changes_keep_their_rate_and_find_steps() {
    for (seed, phi) in (20..).zip([0.0, 0.7, 0.9]) {
        for n in [100, 600] {
            let count = series::false_changes(Process::Ar(phi), n, 150, &mut random(seed));
            assert!(rare(count, 150), "φ={phi} n={n}: {count} of 150");
        }
        let [found, placed] = series::steps(phi, 100, &mut random(seed + 10));
        assert!(
            found >= 89 && placed >= 75,
            "φ={phi}: {found} found, {placed} placed of 100"
        );
        assert_eq!(
            series::lone_points(phi, 100, &mut random(seed + 20))[0],
            0,
            "φ={phi}"
        );
    }
}

#[test]
fn several_steps_do_not_hide_each_other() {
    for (seed, (phi, least)) in (50..).zip([(0.0, 0.92), (0.5, 0.80)]) {
        for n in [365, 1000] {
            for count in [2, 3, 5, 8] {
                let process = Process::Ar(phi);
                let steps = steps::several(process, n, count, 40, &mut random(seed));
                let share = steps.found as f64 / steps.given as f64;
                assert!(share >= least, "φ={phi} n={n} {count} steps: {steps:?}");
                let true_share = steps.found as f64 / steps.reported as f64;
                assert!(true_share >= 0.95, "φ={phi} n={n} {count} steps: {steps:?}");
            }
        }
    }
}

#[test]
fn leaks_are_found_and_healthy_heaps_are_not() {
    let mut random = random(40);
    let mut count =
        |wanted, hours, growth, ragged| heap::count(wanted, hours, growth, ragged, 20, &mut random);
    assert!(count(Status::Found, 24.0, 0.01, false) >= 19);
    assert!(count(Status::Found, 24.0, 0.01, true) >= 19);
    assert!(rare(count(Status::Found, 24.0, 0.0, false), 20));
    assert_eq!(count(Status::Inconclusive, 0.6, 0.01, false), 20);
}
