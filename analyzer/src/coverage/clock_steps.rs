//! Steps of UTC in a run, and what they make of its time: time that the clock skipped was never there, and
//! time that it showed twice lasted twice as long. Pure.

use super::ranges::{length_ns, merge};
use crate::recording::TimeRange;

/// UTC was set forward or back while a recorder ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockSteps {
    /// The times between two steps as the clock showed them, in the order in which they passed; at least
    /// two where there was a step.
    stretches: Vec<TimeRange>,
}

impl ClockSteps {
    /// Of the times between steps, in the order in which they passed.
    pub fn between(stretches: Vec<TimeRange>) -> Self {
        Self { stretches }
    }

    /// How many there were.
    pub fn number(&self) -> usize {
        self.stretches.len().saturating_sub(1)
    }

    /// What the clock showed before the first one and after it, ns UTC; `None` without any.
    pub fn first(&self) -> Option<(i64, i64)> {
        match self.stretches.as_slice() {
            [before, after, ..] => Some((before.last_ns, after.first_ns)),
            _ => None,
        }
    }

    /// The times that never were.
    pub fn skipped(&self) -> Vec<TimeRange> {
        let was = merge(self.stretches.clone());
        let between = was.windows(2).map(|two| TimeRange {
            first_ns: two[0].last_ns,
            last_ns: two[1].first_ns,
        });
        between.collect()
    }

    /// The times that the clock showed more than once.
    pub fn twice(&self) -> Vec<TimeRange> {
        let mut all = Vec::new();
        for (index, one) in self.stretches.iter().enumerate() {
            let earlier = self.stretches[..index].iter();
            all.extend(earlier.map(|other| one.common(*other)));
        }
        merge(all)
    }

    /// How much longer the time was that passed than the time that the clock showed, without what it
    /// skipped, ns.
    pub fn longer_ns(&self) -> i64 {
        length_ns(&self.stretches).saturating_sub(length_ns(&merge(self.stretches.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first_ns: i64, last_ns: i64) -> TimeRange {
        TimeRange { first_ns, last_ns }
    }

    #[test]
    fn what_steps_make_of_the_time_of_a_run() {
        let of = |stretches: &[(i64, i64)]| {
            let stretches = stretches.iter();
            let steps = ClockSteps::between(stretches.map(|one| range(one.0, one.1)).collect());
            let lengths = (steps.number(), steps.longer_ns());
            (lengths, steps.skipped(), steps.twice())
        };
        assert_eq!(of(&[(0, 100)]), ((0, 0), vec![], vec![]));
        let forward = of(&[(0, 100), (300, 400)]);
        assert_eq!(forward, ((1, 0), vec![range(100, 300)], vec![]));
        let back = of(&[(0, 100), (60, 160)]);
        assert_eq!(back, ((1, 40), vec![], vec![range(60, 100)]));
        // The run ended before the clock showed the moment of the step again, or began after it.
        let short = of(&[(0, 100), (60, 70)]);
        assert_eq!(short, ((1, 10), vec![], vec![range(60, 70)]));
        let far = of(&[(900, 1_000), (0, 100)]);
        assert_eq!(far, ((1, 0), vec![range(100, 900)], vec![]));
        let both = of(&[(0, 100), (200, 300), (250, 350)]);
        assert_eq!(
            both,
            ((2, 50), vec![range(100, 200)], vec![range(250, 300)])
        );
    }
}
