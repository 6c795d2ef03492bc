//! Looks for the triggers of a recording that keeps its last minutes, in the counts of each interval.
//! Pure.

use crate::plan::{Condition, Trigger};
use crate::sample::{IntervalCounts, Tick};
use soakbox_schemas::tables::histogram::key;

/// The triggers, and which of them were there at the last look.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    triggers: Vec<Trigger>,
    was_stuck: Vec<bool>,
}

impl Triggers {
    pub(super) fn new(triggers: Vec<Trigger>) -> Self {
        let was_stuck = vec![false; triggers.len()];
        Self {
            triggers,
            was_stuck,
        }
    }

    /// The texts of those that the tick sets off.
    pub(super) fn fired(&mut self, tick: &Tick) -> Vec<String> {
        let mut texts = Vec::new();
        for (trigger, was_stuck) in self.triggers.iter().zip(&mut self.was_stuck) {
            let is_there = |counts: &IntervalCounts| holds(trigger.condition, counts);
            let fires = match trigger.condition {
                Condition::Slow(..) | Condition::Failures(..) => tick.counts.iter().any(is_there),
                Condition::Stuck(_) => {
                    // What is stuck would otherwise be a trigger in each interval, for ever.
                    let mut ages = tick.counts.iter();
                    let last = ages.rfind(|counts| !counts.oldest_in_flight_ns.is_empty());
                    last.map(is_there).is_some_and(|is_stuck| {
                        let before = std::mem::replace(was_stuck, is_stuck);
                        is_stuck && !before
                    })
                }
            };
            if fires {
                texts.push(trigger.text.clone());
            }
        }
        texts
    }
}

fn holds(condition: Condition, counts: &IntervalCounts) -> bool {
    match condition {
        Condition::Slow(operation, least_ns) => {
            // The buckets are narrower than 1/64 of their values: within that, it is as slow.
            let least = key(i64::try_from(least_ns).unwrap_or(i64::MAX));
            let durations = counts.durations.get(operation);
            let last = durations.and_then(|durations| durations.buckets().last());
            last.is_some_and(|(slowest, _)| *slowest >= least)
        }
        Condition::Failures(operation, share) => {
            counts.counted.get(operation).is_some_and(|counted| {
                counted.failures > 0 && counted.failures as f64 >= share * counted.finished as f64
            })
        }
        Condition::Stuck(least_ns) => {
            let mut ages = counts.oldest_in_flight_ns.iter().flatten();
            ages.any(|age| *age >= least_ns)
        }
    }
}

#[cfg(test)]
mod tests {
    use soakbox_schemas::counters::CounterValues;
    use soakbox_schemas::tables::histogram::SparseHistogram;

    use super::*;

    fn tick(durations: &[i64], failures: u64, oldest: Option<u64>) -> Tick {
        let counted = CounterValues {
            finished: durations.len() as u64,
            failures,
            ..CounterValues::default()
        };
        Tick {
            counts: vec![IntervalCounts {
                interval: 0,
                at_ns: 0,
                counted: vec![CounterValues::default(), counted],
                durations: vec![
                    SparseHistogram::default(),
                    SparseHistogram::of(durations.iter().copied()),
                ],
                oldest_in_flight_ns: vec![None, oldest],
                is_late: false,
            }],
            ..Tick::default()
        }
    }

    fn triggers(condition: Condition) -> Triggers {
        let text = "it".to_owned();
        Triggers::new(vec![Trigger { text, condition }])
    }

    #[test]
    fn a_slow_operation_and_a_share_of_failures_fire_in_each_interval() {
        let mut slow = triggers(Condition::Slow(1, 50_000));
        let found = [&[][..], &[49_000], &[10, 50_000], &[10_000_000]]
            .map(|durations| slow.fired(&tick(durations, 0, None)).len());
        assert_eq!(found, [0, 0, 1, 1]);
        let mut other = triggers(Condition::Slow(0, 1));
        assert!(other.fired(&tick(&[50_000], 0, None)).is_empty());
        let mut failures = triggers(Condition::Failures(1, 0.25));
        let found = [0, 1, 2].map(|failed| failures.fired(&tick(&[1; 8], failed, None)).len());
        assert_eq!(found, [0, 0, 1]);
        assert!(failures.fired(&tick(&[], 0, None)).is_empty());
    }

    #[test]
    fn what_is_stuck_fires_once_until_it_goes_on() {
        let mut stuck = triggers(Condition::Stuck(5));
        let found = [None, Some(4), Some(5), Some(6), Some(7), Some(2), Some(9)]
            .map(|age| stuck.fired(&tick(&[], 0, age)).len());
        assert_eq!(found, [0, 0, 1, 0, 0, 0, 1]);
    }
}
