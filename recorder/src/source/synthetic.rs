//! Synthetic operations for hosts without BPF rights and for tests: those of a healthy service or
//! of a degraded one. The same seed makes the same events; the clock decides how many seconds of
//! them there are.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::event::{OperationEvent, flags};
use soakbox_schemas::histogram::bucket;
use soakbox_schemas::tables::histogram::SparseHistogram;

use super::{Drained, Source};
use crate::clock::Clock;
use crate::random::SplitMix;

/// The operations of the synthetic service, with their types.
pub const OPERATIONS: [(&str, i64); 2] = [("rule_refresh", 1), ("traffic_control", 2)];

/// A second, which is the length of an interval of the synthetic counts.
pub const SECOND_NS: u64 = 1_000_000_000;

/// User and system time come in ticks, as most kernels count them: 250 a second.
const TICK_NS: f64 = 4e6;

/// The behaviour of the synthetic service.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Behaviour {
    per_second: u64,
    median_ns: f64,
    sigma: f64,
    failing: f64,
}

/// CPU time that is counted in ticks.
#[derive(Clone, Copy, Debug, Default)]
struct Ticked {
    /// Less than a tick.
    uncounted_ns: f64,
}

impl Ticked {
    /// What is counted once a thread has run for `ns` more.
    fn add(&mut self, ns: f64) -> u64 {
        let ns = self.uncounted_ns + ns;
        self.uncounted_ns = ns % TICK_NS;
        (ns - self.uncounted_ns) as u64
    }
}

/// Makes the events of one second after another.
#[derive(Clone, Debug)]
pub struct Synthetic {
    random: SplitMix,
    degraded: bool,
    memory_bytes: f64,
    /// User and system time, by operation: each has a thread.
    cpu: [[Ticked; 2]; OPERATIONS.len()],
}

impl Synthetic {
    /// A service that is `degraded` (slower, leaking, failing more often) or healthy.
    pub fn new(seed: u64, degraded: bool) -> Self {
        Self {
            random: SplitMix::new(seed),
            degraded,
            memory_bytes: 48e6,
            cpu: Default::default(),
        }
    }

    /// The events that finish in the second from `start_boot_ns` on, in order.
    pub fn second(&mut self, start_boot_ns: u64, interval_ns: u64) -> Vec<OperationEvent> {
        let mut events = Vec::new();
        for operation in 0..OPERATIONS.len() as u16 {
            let behaviour = self.behaviour(operation);
            for _ in 0..behaviour.per_second {
                events.push(self.event(operation, &behaviour, start_boot_ns));
            }
        }
        if self.degraded {
            self.memory_bytes += 256e3;
        }
        events.sort_by_key(|event| event.finished_boot_ns);
        for event in &mut events {
            event.interval = (event.finished_boot_ns / interval_ns) as u32;
        }
        events
    }

    fn behaviour(&self, operation: u16) -> Behaviour {
        let (per_second, median_ns, sigma) = if operation == 0 {
            (50, 2.0e6, 0.35)
        } else {
            (1_000, 90e3, 0.5)
        };
        let (slower, failing) = if self.degraded {
            (1.25, 0.02)
        } else {
            (1.0, 0.001)
        };
        Behaviour {
            per_second,
            median_ns: median_ns * slower,
            sigma,
            failing,
        }
    }

    fn event(
        &mut self,
        operation: u16,
        behaviour: &Behaviour,
        start_boot_ns: u64,
    ) -> OperationEvent {
        let duration_ns = behaviour.median_ns * (behaviour.sigma * self.random.normal()).exp();
        let cpu_ns = duration_ns * (0.7 + 0.25 * self.random.unit());
        let failed = self.random.unit() < behaviour.failing;
        let [user, system] = &mut self.cpu[usize::from(operation)];
        let known = flags::CPU | flags::CPU_SPLIT | flags::MEMORY | flags::MEMORY_DELTA;
        let success =
            flags::RETURN | flags::SUCCESS_KNOWN | if failed { 0 } else { flags::SUCCESS };
        OperationEvent {
            finished_boot_ns: start_boot_ns + (self.random.unit() * SECOND_NS as f64) as u64,
            duration_ns: duration_ns as u64,
            cpu_ns: cpu_ns as u64,
            cpu_user_ns: user.add(cpu_ns * 0.8),
            cpu_system_ns: system.add(cpu_ns * 0.2),
            memory_bytes: (self.memory_bytes + 2e6 * self.random.unit()) as u64 & !4095,
            return_value: if failed { -1 } else { 0 },
            pid: 4_242,
            tid: 4_242 + u32::from(operation),
            operation,
            flags: known | success,
            ..OperationEvent::default()
        }
    }
}

/// A synthetic service as a source: it gives the events of each second that has ended. A second
/// counts as ended in its last nanosecond.
#[derive(Debug)]
pub struct SyntheticSource {
    synthetic: Synthetic,
    clock: Arc<dyn Clock>,
    next_second: u64,
    made: VecDeque<OperationEvent>,
    counts: BTreeMap<u64, Vec<CounterValues>>,
    durations: BTreeMap<u64, Vec<SparseHistogram>>,
}

impl SyntheticSource {
    /// Begins with second `first_second` of the boot clock of `clock`.
    pub fn new(seed: u64, degraded: bool, first_second: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            synthetic: Synthetic::new(seed, degraded),
            clock,
            next_second: first_second,
            made: VecDeque::new(),
            counts: BTreeMap::new(),
            durations: BTreeMap::new(),
        }
    }

    fn make(&mut self) {
        let events = self
            .synthetic
            .second(self.next_second * SECOND_NS, SECOND_NS);
        let mut counted = vec![CounterValues::default(); OPERATIONS.len()];
        let mut buckets = vec![Vec::new(); OPERATIONS.len()];
        for event in &events {
            let values = &mut counted[usize::from(event.operation)];
            values.begun += 1;
            values.finished += 1;
            values.recorded += 1;
            values.failures += u64::from(event.flags & flags::SUCCESS == 0);
            values.duration_sum_ns += event.duration_ns;
            values.cpu_sum_ns += event.cpu_ns;
            buckets[usize::from(event.operation)].push((bucket(event.duration_ns), 1));
        }
        self.counts.insert(self.next_second, counted);
        let durations = buckets.into_iter().map(SparseHistogram::of_buckets);
        self.durations.insert(self.next_second, durations.collect());
        self.made.extend(events);
        self.next_second += 1;
    }
}

impl Source for SyntheticSource {
    fn wait(&mut self, timeout: Duration) {
        std::thread::sleep(timeout);
    }

    fn drain(&mut self, batch: &mut Vec<OperationEvent>, limit: usize) -> Drained {
        let now_ns = self.clock.now().boot_ns;
        while self.made.len() < limit && now_ns + 1 >= (self.next_second + 1) * SECOND_NS {
            self.make();
        }
        let records = limit.min(self.made.len());
        batch.extend(self.made.drain(..records));
        Drained {
            records,
            unreadable: 0,
        }
    }

    fn take_counts(&mut self, interval: u64) -> Vec<CounterValues> {
        let none = || vec![CounterValues::default(); OPERATIONS.len()];
        self.counts.remove(&interval).unwrap_or_else(none)
    }

    fn take_durations(&mut self, interval: u64) -> Vec<SparseHistogram> {
        let none = || vec![SparseHistogram::default(); OPERATIONS.len()];
        self.durations.remove(&interval).unwrap_or_else(none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ClockPair, ManualClock};

    #[test]
    fn a_source_gives_each_second_once_and_its_counts_are_of_the_same_events() {
        let clock = Arc::new(ManualClock::new(ClockPair {
            boot_ns: 7 * SECOND_NS,
            utc_ns: 0,
        }));
        let mut source = SyntheticSource::new(1, false, 7, clock.clone());
        let mut batch = Vec::new();
        assert_eq!(source.drain(&mut batch, 100).records, 0, "not over yet");
        clock.advance(3 * SECOND_NS - 1);
        while source.drain(&mut batch, 100).records == 100 {}
        let mut counted = 0;
        for interval in 7..10 {
            let of_interval = |event: &&OperationEvent| u64::from(event.interval) == interval;
            let events = batch.iter().filter(of_interval).count() as u64;
            let durations = source.take_durations(interval);
            let timed: u64 = durations.iter().map(SparseHistogram::total).sum();
            assert_eq!(timed, events);
            let counts = source.take_counts(interval);
            assert_eq!(
                counts.iter().map(|counts| counts.recorded).sum::<u64>(),
                events
            );
            assert_eq!(source.take_counts(interval)[0].begun, 0, "taken once");
            counted += events;
        }
        assert_eq!(counted, batch.len() as u64);
        assert!(batch.is_sorted_by_key(|event| event.finished_boot_ns));
    }

    #[test]
    fn a_seed_makes_the_same_events_and_degraded_ones_are_slower() {
        let sum = |seed, degraded| {
            let events = Synthetic::new(seed, degraded).second(5 * SECOND_NS, SECOND_NS);
            assert!(events.is_sorted_by_key(|event| event.finished_boot_ns));
            assert!(events.iter().all(|event| event.interval == 5));
            events.iter().map(|event| event.duration_ns).sum::<u64>()
        };
        assert_eq!(sum(7, false), sum(7, false));
        assert_ne!(sum(7, false), sum(8, false));
        assert!(sum(7, true) > sum(7, false));
    }

    #[test]
    fn user_and_system_time_come_in_ticks_and_nothing_of_them_is_lost() {
        let mut synthetic = Synthetic::new(3, false);
        let events: Vec<_> = (0..20)
            .flat_map(|second| synthetic.second(second * SECOND_NS, SECOND_NS))
            .collect();
        let ticks = |ns: u64| ns.is_multiple_of(TICK_NS as u64);
        assert!(
            events
                .iter()
                .all(|one| ticks(one.cpu_user_ns) && ticks(one.cpu_system_ns))
        );
        let sum = |time: fn(&OperationEvent) -> u64| events.iter().map(time).sum::<u64>() as f64;
        let all = sum(|one| one.cpu_ns);
        let (user, system) = (sum(|one| one.cpu_user_ns), sum(|one| one.cpu_system_ns));
        for (counted, ran) in [(user, all * 0.8), (system, all * 0.2)] {
            // Less than a tick of each of the two threads is left.
            assert!(
                (0.0..2.0 * TICK_NS).contains(&(ran - counted)),
                "{counted} of {ran}"
            );
        }
    }
}
