//! The time in which an operation was observed, where its probes were switched off and on to hold a
//! limit of overhead (`--max-overhead`). Pure.

/// The observed time of an interval, or the sum over some, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ObservedTime {
    /// In which operations that began were counted.
    pub(super) observed_ns: u64,
    /// In which the probes were off.
    pub(super) unobserved_ns: u64,
    /// What the observed time stands for.
    pub(super) represented_ns: u64,
}

impl ObservedTime {
    /// How many operations `begun` ones stand for; `None` where nothing was observed.
    pub(super) fn operations(self, begun: u64) -> Option<u64> {
        let all = u128::from(begun) * u128::from(self.represented_ns);
        let all = all.checked_div(u128::from(self.observed_ns))?;
        Some(u64::try_from(all).unwrap_or(u64::MAX))
    }

    fn add(&mut self, more: Self) {
        for (sum, more) in [
            (&mut self.observed_ns, more.observed_ns),
            (&mut self.unobserved_ns, more.unobserved_ns),
            (&mut self.represented_ns, more.represented_ns),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// The operations that began in the observed time of intervals, and how many these stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Switched {
    times: ObservedTime,
    begun: u64,
    all: u64,
}

impl Switched {
    /// Adds an interval. The share of time that was observed may differ between intervals with much
    /// and with little load: each one stands for its own time.
    pub(super) fn add(&mut self, times: ObservedTime, begun: u64) {
        self.times.add(times);
        if let Some(all) = times.operations(begun) {
            self.begun = self.begun.saturating_add(begun);
            self.all = self.all.saturating_add(all);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.times.add(other.times);
        self.begun = self.begun.saturating_add(other.begun);
        self.all = self.all.saturating_add(other.all);
    }

    /// The time in which the probes were off, ns; `None` where they never were.
    pub(super) fn unobserved_ns(&self) -> Option<u64> {
        Some(self.times.unobserved_ns).filter(|&ns| ns > 0)
    }

    /// The part of the time in which they were on; `None` where that was always so. In `always_ns`
    /// more they were not switched.
    pub(super) fn share(&self, always_ns: i64) -> Option<f64> {
        let off = self.unobserved_ns()? as f64;
        let on = self.times.observed_ns as f64 + always_ns.max(0) as f64;
        Some(on / (on + off))
    }

    /// Whether they were switched, or could have been.
    pub(super) fn is_known(&self) -> bool {
        self.times != ObservedTime::default()
    }

    /// Whether they were never on.
    pub(super) fn is_blind(&self) -> bool {
        self.times.unobserved_ns > 0 && self.times.represented_ns == 0
    }

    /// Operations per second for each one that was counted in all; `None` where the operation was
    /// observed all the time, or nothing is known.
    pub(super) fn per_second(&self) -> Option<f64> {
        let seconds = self.times.represented_ns as f64 / 1e9;
        let is_part = self.times.unobserved_ns > 0 && self.begun > 0 && seconds > 0.0;
        is_part.then(|| self.all as f64 / self.begun as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interval_stands_for_its_own_time() {
        let times = |observed_ns, represented_ns| ObservedTime {
            observed_ns,
            unobserved_ns: represented_ns - observed_ns,
            represented_ns,
        };
        let second = 1_000_000_000;
        let (mut one, mut other) = (Switched::default(), Switched::default());
        assert_eq!(one.per_second(), None);
        // Little load, all of which is observed: 100 per second for 9 seconds.
        for _ in 0..9 {
            one.add(times(second, second), 100);
        }
        assert_eq!((one.per_second(), one.share(0)), (None, None), "always on");
        // Much load, a hundredth of which is: 100,000 per second for a second.
        other.add(times(second / 100, second), 1_000);
        // Its finishes may be counted in the next interval.
        other.add(times(0, 0), 0);
        one.merge(other);
        let (counted, all) = (900.0 + 1_000.0, 900.0 + 100_000.0);
        let rate = one.per_second().map(|rate| rate * counted);
        assert!(rate.is_some_and(|rate| (rate - all / 10.0).abs() < 1e-6));
        assert_eq!(one.share(0), Some(0.901));
        assert_eq!(one.share(10 * second as i64), Some(0.9505));
    }
}
