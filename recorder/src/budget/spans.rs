//! The times in which operations were observed and were not, for as long as somebody may ask. Pure.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// How long a time is kept after its end, ns: longer than counts of intervals are kept apart.
const KEPT_NS: u64 = 120_000_000_000;
/// Most times in which the host was suspended that are kept: those of intervals that are yet to be read.
const MOST_SUSPENDS: usize = 64;
/// The end of a time that has not ended.
const OPEN: u64 = u64::MAX;

/// Moments are those of the boot clock, ns.
#[derive(Debug)]
pub struct Spans {
    interval_ns: u64,
    /// By operation, one after the other.
    spans: Vec<VecDeque<Span>>,
    /// There is nothing to observe from this moment on.
    end_ns: u64,
    /// From when to when the host was suspended.
    suspended: VecDeque<(u64, u64)>,
}

/// A time in which nothing changed.
#[derive(Clone, Copy, Debug)]
struct Span {
    from_ns: u64,
    until_ns: u64,
    /// How much time each part of it stands for; 0 where the operation was not observed.
    weight: f64,
}

impl Span {
    /// The part of it that lies between two moments, ns.
    fn within(&self, start_ns: u64, end_ns: u64) -> u64 {
        let until_ns = self.until_ns.min(end_ns);
        until_ns.saturating_sub(self.from_ns.max(start_ns))
    }
}

/// What is known of an interval, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The part in which the operation was observed.
    pub observed_ns: u64,
    /// The part in which it was not.
    pub unobserved_ns: u64,
    /// The time that the observed part stands for.
    pub represented_ns: u64,
}

/// When an operation is observed from now on. Moments are those of the boot clock, ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Change {
    /// Not any more from a moment on.
    Off {
        /// That moment.
        at_ns: u64,
    },
    /// All the time from a moment on.
    On {
        /// That moment.
        from_ns: u64,
    },
    /// For a time, which stands for a longer one.
    OnFor {
        /// Its begin.
        from_ns: u64,
        /// Its end.
        until_ns: u64,
        /// Length of the time that it stands for.
        length_ns: u64,
    },
}

impl Spans {
    /// Applies a change; one of an operation that there is not is ignored.
    pub fn apply(&mut self, operation: usize, change: Change) {
        if operation >= self.spans.len() {
            return;
        }
        match change {
            Change::Off { at_ns } => self.off(operation, at_ns),
            Change::On { from_ns } => self.on(operation, from_ns),
            Change::OnFor {
                from_ns,
                until_ns,
                length_ns,
            } => self.on_for(operation, from_ns, until_ns, length_ns),
        }
    }

    /// All operations are observed from `start_ns` on. `interval_ns`: the length of an interval.
    pub fn new(operations: usize, interval_ns: u64, start_ns: u64) -> Self {
        let always = Span {
            from_ns: start_ns,
            until_ns: OPEN,
            weight: 1.0,
        };
        Self {
            interval_ns,
            spans: vec![VecDeque::from([always]); operations],
            end_ns: OPEN,
            suspended: VecDeque::new(),
        }
    }

    /// Where nothing has changed yet: all operations are observed from `start_ns` on, which is later
    /// than it was.
    pub fn begin(&mut self, start_ns: u64) {
        for spans in &mut self.spans {
            if let [first] = spans.make_contiguous() {
                first.from_ns = start_ns.max(first.from_ns);
            }
        }
    }

    /// What comes after `end_ns` is neither time that is observed nor time that is not.
    pub fn end(&mut self, end_ns: u64) {
        self.end_ns = end_ns;
    }

    /// The host was suspended, ns of the boot clock: that is neither as well.
    pub fn suspended(&mut self, from_ns: u64, until_ns: u64) {
        self.suspended.push_back((from_ns, until_ns));
        while self.suspended.len() > MOST_SUSPENDS {
            self.suspended.pop_front();
        }
    }

    /// The operation is not observed from `at_ns` on.
    fn off(&mut self, operation: usize, at_ns: u64) {
        self.change(operation, at_ns, 0.0);
    }

    /// The operation is observed from `at_ns` on, all the time.
    fn on(&mut self, operation: usize, at_ns: u64) {
        self.change(operation, at_ns, 1.0);
    }

    /// The operation is observed from `from_ns` to `until_ns`, and this stands for `length_ns`.
    fn on_for(&mut self, operation: usize, from_ns: u64, until_ns: u64, length_ns: u64) {
        let weight = length_ns as f64 / until_ns.saturating_sub(from_ns).max(1) as f64;
        self.change(operation, from_ns, weight);
        self.change(operation, until_ns, 0.0);
    }

    fn change(&mut self, operation: usize, at_ns: u64, weight: f64) {
        let spans = &mut self.spans[operation];
        if let Some(last) = spans.back_mut() {
            if last.weight == weight {
                return;
            }
            last.until_ns = at_ns;
        }
        spans.push_back(Span {
            from_ns: at_ns,
            until_ns: OPEN,
            weight,
        });
        while spans
            .front()
            .is_some_and(|first| first.until_ns.saturating_add(KEPT_NS) < at_ns)
        {
            spans.pop_front();
        }
    }

    /// What is known of neighbouring intervals together, of which the last may not be over at `now_ns`.
    pub fn of_intervals(
        &self,
        operation: usize,
        intervals: RangeInclusive<u64>,
        now_ns: u64,
    ) -> Observed {
        let start_ns = intervals.start() * self.interval_ns;
        let end_ns = (intervals.end() + 1) * self.interval_ns;
        let end_ns = end_ns.min(now_ns).min(self.end_ns);
        let mut observed = Observed::default();
        let mut represented_ns = 0.0;
        for span in self.spans.get(operation).into_iter().flatten() {
            let within = |&(from_ns, until_ns): &(u64, u64)| {
                span.within(start_ns.max(from_ns), end_ns.min(until_ns))
            };
            let asleep_ns: u64 = self.suspended.iter().map(within).sum();
            let within_ns = span.within(start_ns, end_ns).saturating_sub(asleep_ns);
            represented_ns += within_ns as f64 * span.weight;
            if span.weight == 0.0 {
                observed.unobserved_ns += within_ns;
            } else {
                observed.observed_ns += within_ns;
            }
        }
        observed.represented_ns = represented_ns.round() as u64;
        observed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Spans {
        fn of_interval(&self, operation: usize, interval: u64, now_ns: u64) -> Observed {
            self.of_intervals(operation, interval..=interval, now_ns)
        }
    }

    #[test]
    fn an_interval_has_the_times_that_lie_in_it() {
        let mut spans = Spans::new(2, 100, 230);
        let of = |spans: &Spans, now| -> Vec<(u64, u64)> {
            let of = |interval| spans.of_interval(0, interval, now);
            let all = (2..7).map(of);
            all.map(|one| (one.unobserved_ns, one.represented_ns))
                .collect()
        };
        assert_eq!(
            of(&spans, 450),
            [(0, 70), (0, 100), (0, 50), (0, 0), (0, 0)]
        );
        spans.off(0, 320);
        spans.off(0, 330);
        let none = (100, 0);
        assert_eq!(of(&spans, 1_000), [(0, 70), (80, 20), none, none, none]);
        assert_eq!(of(&spans, 410)[1..3], [(80, 20), (10, 0)], "it is 410 now");
        // 40 of a cycle of 160.
        spans.on_for(0, 480, 520, 160);
        assert_eq!(of(&spans, 1_000)[2..], [(80, 80), (80, 80), none]);
        spans.on(0, 640);
        assert_eq!(of(&spans, 1_000)[4], (40, 60));
        let observed = (3..7).map(|interval| spans.of_interval(0, interval, 1_000).observed_ns);
        assert_eq!(observed.collect::<Vec<_>>(), [20, 20, 20, 60]);
        let three = spans.of_intervals(0, 4..=6, 1_000);
        assert_eq!((three.observed_ns, three.represented_ns), (100, 220));
        let other = spans.of_interval(1, 4, 1_000);
        assert_eq!((other.unobserved_ns, other.represented_ns), (0, 100));
    }

    #[test]
    fn time_before_the_begin_is_neither_observed_nor_not() {
        let mut spans = Spans::new(2, 100, 130);
        spans.begin(250);
        let of = |spans: &Spans, operation| {
            [1, 2, 3].map(|interval| spans.of_interval(operation, interval, 1_000).observed_ns)
        };
        assert_eq!(of(&spans, 0), [0, 50, 100]);
        spans.begin(220);
        assert_eq!(of(&spans, 0), [0, 50, 100]);
        spans.off(0, 310);
        spans.begin(320);
        assert_eq!((of(&spans, 0), of(&spans, 1)), ([0, 50, 10], [0, 0, 80]));
        assert_eq!(spans.of_interval(0, 2, 1_000).unobserved_ns, 0);
    }

    #[test]
    fn nor_is_time_after_the_end() {
        let mut spans = Spans::new(1, 100, 0);
        spans.off(0, 0);
        spans.on_for(0, 120, 160, 200);
        spans.end(140);
        spans.off(0, 170);
        let of = |interval| {
            let of = spans.of_interval(0, interval, 1_000);
            (of.observed_ns, of.unobserved_ns, of.represented_ns)
        };
        assert_eq!([0, 1, 2].map(of), [(0, 100, 0), (20, 20, 100), (0, 0, 0)]);
    }

    #[test]
    fn nor_is_time_in_which_the_host_was_suspended() {
        let mut spans = Spans::new(1, 100, 0);
        spans.suspended(110, 130);
        spans.suspended(150, 390);
        spans.off(0, 440);
        let of = |interval| {
            let of = spans.of_interval(0, interval, 1_000);
            (of.observed_ns, of.unobserved_ns)
        };
        let all = [(100, 0), (30, 0), (0, 0), (10, 0), (40, 60)];
        assert_eq!([0, 1, 2, 3, 4].map(of), all);
        let together = spans.of_intervals(0, 0..=4, 1_000);
        assert_eq!(together.represented_ns, 180);
        for _ in 0..10 * MOST_SUSPENDS {
            spans.suspended(0, 0);
        }
        assert_eq!(spans.suspended.len(), MOST_SUSPENDS);
    }

    #[test]
    fn the_times_of_a_month_have_a_bound() {
        let second = 1_000_000_000;
        let mut spans = Spans::new(1, second, 0);
        spans.off(0, 0);
        for at in (1..100_000).map(|at| at * second) {
            spans.on_for(0, at, at + second / 50, second);
            let observed = spans.of_interval(0, at / second, at + second);
            assert_eq!(observed.unobserved_ns, second / 50 * 49);
            assert_eq!(observed.represented_ns, second);
        }
        assert!(spans.spans[0].len() < 300);
    }
}
