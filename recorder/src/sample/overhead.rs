//! What the probes cost the observed threads, from the counts of an interval and the costs that were
//! measured at the start. Pure.

use soakbox_schemas::counters::CounterValues;

use crate::costs::PairCost;

/// The time that the probes of an operation took, ns.
pub(super) fn of_counts(counted: &CounterValues, cost: &PairCost) -> u64 {
    let (observed_ns, unobserved_ns) = cost_of(counted, cost);
    observed_ns + unobserved_ns
}

/// The same, of operations that are observed, and of the others. Each begin and each finish ran a
/// probe; a begin that could not be kept is counted as finished too, and its finish as one without a
/// begin. A finish whose probe was gone ran none.
pub(crate) fn cost_of(counted: &CounterValues, cost: &PairCost) -> (u64, u64) {
    let finishes = counted.finished + counted.unmatched;
    let without = counted.lost_no_memory + counted.lost_switched_off;
    let ns = |begins: u64, finishes: u64| {
        nanoseconds(begins as f64 * cost.begin_us + finishes as f64 * cost.finish_us)
    };
    let observed_ns = ns(counted.begun, finishes.saturating_sub(without));
    let unobserved_ns = ns(counted.begun_unobserved, counted.finished_unobserved);
    (observed_ns, unobserved_ns)
}

/// The part of each duration that comes from its own probes, ns.
pub(super) fn of_duration(cost: &PairCost) -> u64 {
    nanoseconds(cost.inside_us)
}

/// The nearest number; a conversion of a float has the bounds of its type.
fn nanoseconds(us: f64) -> u64 {
    (us * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_begin_and_each_finish_that_ran_a_probe_has_its_cost() {
        let cost = PairCost {
            begin_us: 0.5,
            finish_us: 2.0,
            inside_us: 0.4321,
        };
        let counted = CounterValues {
            begun: 10,
            finished: 8,
            unmatched: 3,
            lost_no_memory: 2,
            abandoned: 1,
            ..CounterValues::default()
        };
        assert_eq!(of_counts(&counted, &cost), 10 * 500 + 9 * 2_000);
        assert_eq!(of_counts(&CounterValues::default(), &cost), 0);
        let switched = CounterValues {
            finished: 12,
            lost_switched_off: 4,
            begun_unobserved: 3,
            finished_unobserved: 5,
            ..counted
        };
        let aside = 3 * 500 + 5 * 2_000;
        assert_eq!(cost_of(&switched, &cost), (10 * 500 + 9 * 2_000, aside));
        assert_eq!(of_counts(&switched, &cost), 10 * 500 + 9 * 2_000 + aside);
        assert_eq!(of_duration(&cost), 432);
    }
}
