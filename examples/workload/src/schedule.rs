//! The order and the times of the operations of one thread. The order depends on the rates only,
//! never on the clock, so that a seed and a number of operations determine the work exactly.

use std::time::Duration;

/// The end of a run and its rates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) time: Option<Duration>,
    pub(crate) operations: Option<u64>,
    /// Operations per second, all threads together; likewise `traffic_rate`.
    pub(crate) refresh_rate: f64,
    pub(crate) traffic_rate: f64,
    /// Whether a thread waits for the time of an operation.
    pub(crate) paced: bool,
}

impl Limits {
    /// The share of thread `thread` of `threads`: its rates, and its number of operations if there
    /// is a limit.
    pub(crate) fn share(mut self, thread: u64, threads: u64) -> Self {
        self.refresh_rate /= threads as f64;
        self.traffic_rate /= threads as f64;
        self.operations = self
            .operations
            .map(|operations| operations / threads + u64::from(thread < operations % threads));
        self
    }
}

/// An operation of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    RuleRefresh,
    TrafficControl,
}

/// Two evenly spaced streams, merged by their times.
#[derive(Debug)]
pub(crate) struct Schedule {
    limits: Limits,
    refreshes: u64,
    traffic: u64,
}

impl Schedule {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            refreshes: 0,
            traffic: 0,
        }
    }
}

impl Iterator for Schedule {
    type Item = (Duration, Operation);

    /// The next operation, and its time since the start. Of two at the same time the refresh is
    /// first.
    fn next(&mut self) -> Option<Self::Item> {
        let limits = self.limits;
        if limits
            .operations
            .is_some_and(|limit| self.refreshes + self.traffic >= limit)
        {
            return None;
        }
        let refresh_at = self.refreshes as f64 / limits.refresh_rate;
        let traffic_at = self.traffic as f64 / limits.traffic_rate;
        let (at, operation) = if refresh_at <= traffic_at {
            self.refreshes += 1;
            (refresh_at, Operation::RuleRefresh)
        } else {
            self.traffic += 1;
            (traffic_at, Operation::TrafficControl)
        };
        Some((Duration::from_secs_f64(at), operation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        time: None,
        operations: Some(103),
        refresh_rate: 10.0,
        traffic_rate: 90.0,
        paced: true,
    };

    #[test]
    fn the_mix_follows_the_rates() {
        let schedule: Vec<_> = Schedule::new(LIMITS).collect();
        let refreshes = schedule
            .iter()
            .filter(|(_, operation)| *operation == Operation::RuleRefresh)
            .count();
        assert_eq!(schedule.len(), 103);
        assert!((10..=11).contains(&refreshes), "{refreshes}");
        assert!(schedule.is_sorted_by_key(|(at, _)| *at));
    }

    #[test]
    fn threads_share_without_remainder() {
        let shares = (0..4).map(|thread| LIMITS.share(thread, 4).operations.unwrap());
        assert_eq!(shares.sum::<u64>(), 103);
    }
}
