//! Simulated loads: whether the limit is held, and whether what is seen is what there is.

use proptest::prelude::*;

use super::*;

const SECOND_NS: u64 = 1_000_000_000;
/// What a simulated call costs, ns.
const COST_NS: f64 = 2_500.0;
/// Time with probes besides the observed one, and CPU time to switch, ns.
const BEFORE_AND_AFTER_NS: u64 = 30_000_000;
const SWITCHING_NS: u64 = 500_000;

/// What a simulation has seen.
#[derive(Debug, Default)]
struct Outcome {
    cost_ns: f64,
    cpu_ns: f64,
    /// By operation.
    seen: Vec<f64>,
    observed_ns: Vec<f64>,
    happened: Vec<f64>,
    /// By operation: estimates of the calls of all cycles, …
    estimated: Vec<f64>,
    /// … and sums of the squares of their errors.
    squares: Vec<f64>,
    switched_cycles: u32,
    now_ns: u64,
}

impl Outcome {
    fn overhead(&self) -> f64 {
        self.cost_ns / self.cpu_ns
    }

    /// The error of the estimated number of calls, in standard errors. Each cycle's own is as often too
    /// large as too small, whatever happened before.
    fn z(&self, operation: usize) -> f64 {
        (self.estimated[operation] - self.happened[operation]) / self.squares[operation].sqrt()
    }

    /// Rate for observed time ÷ true rate.
    fn rate(&self, operation: usize) -> f64 {
        let seen = self.seen[operation] / self.observed_ns[operation];
        seen / (self.happened[operation] / self.now_ns as f64)
    }
}

/// Runs a control on a load: `calls` gives the calls of each operation per second at a moment, ns.
fn simulate(
    share: f64,
    seconds: u64,
    seed: u64,
    cpus: f64,
    calls: impl Fn(u64) -> Vec<f64>,
) -> Outcome {
    simulate_with(share, seconds, seed, cpus, calls, |cycle| cycle)
}

/// The same with other cycles than the control chose.
fn simulate_with(
    share: f64,
    seconds: u64,
    seed: u64,
    cpus: f64,
    calls: impl Fn(u64) -> Vec<f64>,
    change: impl Fn(Cycle) -> Cycle,
) -> Outcome {
    const STEP_NS: u64 = 1_000_000;
    let operations = calls(0).len();
    let mut outcome = Outcome {
        seen: vec![0.0; operations],
        observed_ns: vec![0.0; operations],
        happened: vec![0.0; operations],
        estimated: vec![0.0; operations],
        squares: vec![0.0; operations],
        ..Outcome::default()
    };
    let mut control = Control::new(share, operations);
    let mut random = SplitMix::new(seed);
    while outcome.now_ns < seconds * SECOND_NS {
        let (length_ns, on, switched) = match control.next(&mut random) {
            Next::On => (50_000_000, (0, 50_000_000), vec![false; operations]),
            Next::Switched(cycle) => {
                let cycle = change(cycle);
                assert!(cycle.on_after_ns + cycle.on_ns <= cycle.length_ns);
                outcome.switched_cycles += 1;
                let on = (cycle.on_after_ns, cycle.on_after_ns + cycle.on_ns);
                (cycle.length_ns, on, cycle.switched)
            }
        };
        let is_any = switched.contains(&true);
        let mut spent = Spent {
            elapsed_ns: length_ns,
            cpu_ns: (cpus * length_ns as f64) as u64,
            switching_ns: if is_any { SWITCHING_NS } else { 0 },
            operations: vec![Seen::default(); operations],
        };
        let before = outcome.happened.clone();
        let mut seen_now = vec![0.0; operations];
        let mut at_ns = 0;
        while at_ns < length_ns {
            let step_ns = STEP_NS.min(length_ns - at_ns);
            let rates = calls(outcome.now_ns + at_ns);
            for (operation, rate) in rates.into_iter().enumerate() {
                let number = rate * step_ns as f64 / SECOND;
                outcome.happened[operation] += number;
                let is_observed = !switched[operation] || (on.0..on.1).contains(&at_ns);
                let is_aside =
                    switched[operation] && (on.1..on.1 + BEFORE_AND_AFTER_NS).contains(&at_ns);
                let seen = &mut spent.operations[operation];
                let cost_ns = (number * COST_NS) as u64;
                if is_observed {
                    outcome.seen[operation] += number;
                    seen_now[operation] += number;
                    seen.observed_ns += step_ns;
                    seen.cost_ns += cost_ns;
                } else if is_aside {
                    seen.aside_ns += cost_ns;
                }
            }
            at_ns += step_ns;
        }
        for (operation, seen) in spent.operations.iter().enumerate() {
            outcome.observed_ns[operation] += seen.observed_ns as f64;
            outcome.cost_ns += (seen.cost_ns + seen.aside_ns) as f64;
            let weight = length_ns as f64 / seen.observed_ns as f64;
            let error = seen_now[operation] * weight;
            outcome.estimated[operation] += error;
            let error = error - (outcome.happened[operation] - before[operation]);
            outcome.squares[operation] += error * error;
        }
        outcome.cost_ns += spent.switching_ns as f64;
        outcome.cpu_ns += spent.cpu_ns as f64;
        outcome.now_ns += length_ns;
        control.add(&spent);
    }
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// 200,000 calls of 2.5 µs take half of a CPU.
    #[test]
    fn a_constant_load_costs_at_most_the_limit_and_is_seen_as_it_is(
        seed: u64,
        share in 0.005..0.1f64,
        rate in 50_000.0..400_000.0f64,
        cpus in 0.5..4.0f64,
    ) {
        prop_assume!(rate * COST_NS / SECOND > 1.5 * share * cpus);
        let outcome = simulate(share, 300, seed, cpus, |_| vec![rate]);
        prop_assert!(outcome.overhead() <= share * 1.02, "{outcome:?}");
        prop_assert!(outcome.overhead() >= share * 0.5, "{outcome:?}");
        prop_assert!((outcome.rate(0) - 1.0).abs() < 1e-3, "{outcome:?}");
    }

    #[test]
    fn a_load_whose_cost_is_below_the_limit_is_never_switched(
        seed: u64,
        part in 0.0..0.9f64,
        noise in 0.0..0.5f64,
    ) {
        let full = 0.01 * SECOND / COST_NS;
        let calls = |at_ns: u64| {
            let up = if (at_ns / 10_000_000).is_multiple_of(2) { noise } else { -noise };
            vec![full * part * (1.0 + up)]
        };
        let outcome = simulate(0.01, 120, seed, 1.0, calls);
        prop_assert_eq!(outcome.switched_cycles, 0);
        prop_assert!((outcome.rate(0) - 1.0).abs() < 1e-9);
    }

    /// Also where the period is that of a second, of intervals and of cycles.
    #[test]
    fn a_load_in_bursts_is_seen_as_it_is(
        seed: u64,
        period_ms in prop_oneof![Just(100u64), Just(1_000), Just(4_000), 50u64..5_000],
        busy in 0.1..0.5f64,
    ) {
        let period_ns = period_ms * 1_000_000;
        let calls = |at_ns: u64| {
            let is_busy = ((at_ns % period_ns) as f64) < busy * period_ns as f64;
            vec![if is_busy { 200_000.0 } else { 0.0 }]
        };
        let outcome = simulate(0.02, 3_600, seed, 1.0, calls);
        prop_assert!(outcome.overhead() <= 0.02 * 1.05, "{outcome:?}");
        prop_assert!(outcome.z(0).abs() < 5.0, "{}", outcome.z(0));
    }

    #[test]
    fn ten_times_the_load_is_within_the_limit_again_after_seconds(seed: u64) {
        let calls = |at_ns: u64| {
            vec![if at_ns < 100 * SECOND_NS { 20_000.0 } else { 200_000.0 }]
        };
        let outcome = simulate(0.01, 200, seed, 1.0, calls);
        prop_assert!(outcome.overhead() <= 0.01 * 1.05, "{outcome:?}");
    }

    #[test]
    fn rare_operations_stay_on_next_to_frequent_ones(seed: u64, rare in 1.0..500.0f64) {
        let outcome = simulate(0.01, 120, seed, 1.0, |_| vec![200_000.0, rare]);
        prop_assert!(outcome.overhead() <= 0.0105, "{outcome:?}");
        let seen = outcome.seen[1] / outcome.happened[1];
        prop_assert!(seen > 0.98, "{outcome:?}");
        prop_assert!(outcome.observed_ns[0] < 0.1 * outcome.now_ns as f64, "{outcome:?}");
    }
}

/// What the test of bursts would find.
#[test]
fn the_same_place_in_each_cycle_would_be_wrong() {
    let in_phase = |cycle: Cycle| Cycle {
        length_ns: cycle.length_ns.div_ceil(SECOND_NS) * SECOND_NS,
        on_after_ns: 0,
        ..cycle
    };
    let calls = |at_ns: u64| {
        let is_busy = at_ns % SECOND_NS < 300_000_000;
        vec![if is_busy { 200_000.0 } else { 0.0 }]
    };
    let outcome = simulate_with(0.02, 3_600, 1, 1.0, calls, in_phase);
    assert!(outcome.z(0).abs() > 10.0, "{}", outcome.z(0));
    let outcome = simulate(0.02, 3_600, 1, 1.0, calls);
    assert!(outcome.z(0).abs() < 5.0, "{}", outcome.z(0));
}

#[test]
fn probes_are_on_again_when_the_load_is_over() {
    let calls = |at_ns: u64| {
        vec![if at_ns < 60 * SECOND_NS {
            200_000.0
        } else {
            100.0
        }]
    };
    let first = simulate(0.01, 60, 1, 1.0, calls);
    let all = simulate(0.01, 600, 1, 1.0, calls);
    let later = (all.observed_ns[0] - first.observed_ns[0]) / (all.now_ns - first.now_ns) as f64;
    assert!(later > 0.8, "{later}");
}

#[test]
fn a_target_that_does_nothing_is_not_switched() {
    let outcome = simulate(0.01, 60, 1, 0.0, |_| vec![0.0, 1.0]);
    assert_eq!(outcome.switched_cycles, 0);
}
