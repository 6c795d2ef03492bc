//! The service: threads that follow their schedule and call the two operations.

use std::thread;
use std::time::Instant;

use soakbox_schemas::marker;

use crate::counts::Totals;
use crate::random::Random;
use crate::rules::{self, RuleTable};
use crate::schedule::{Limits, Operation, Schedule};
use crate::traffic::{self, Batch, PACKET_BYTES};

marker!(RULE_REFRESH = "rule_refresh");

/// Rules of a refresh: median, and standard deviation of the logarithm. The median takes about 2 ms
/// on a machine of 2026.
const RULES: f64 = 10_000.0;
const RULES_SIGMA: f64 = 0.3;
/// Packets of a batch, likewise. The median takes about 130 µs.
const PACKETS: f64 = 450.0;
const PACKETS_SIGMA: f64 = 0.4;
/// The largest multiple of the median that is drawn. The smallest is its inverse.
const LARGEST: f64 = 4.0;

/// How healthy the service is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    /// Work of each operation, relative to a healthy service.
    pub(crate) work: f64,
    /// Bytes that each rule_refresh leaks.
    pub(crate) leak_bytes: usize,
    /// Share of operations that fail.
    pub(crate) failure_share: f64,
}

/// Runs the service up to its limits and adds up the counts of its threads.
pub(crate) fn run(threads: u64, limits: Limits, behaviour: Behaviour, seed: u64) -> Totals {
    let start = Instant::now();
    let mut totals = Totals::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                let limits = limits.share(number, threads);
                scope.spawn(move || Worker::new(behaviour, seed, number).run(start, limits))
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(done) => totals.merge(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    totals
}

/// The data of one thread. Threads share nothing, so that no thread changes another one's
/// durations.
struct Worker {
    behaviour: Behaviour,
    random: Random,
    text: String,
    bad_text: String,
    table: RuleTable,
    batch: Batch,
    leaked: Vec<Vec<u8>>,
    totals: Totals,
}

impl Worker {
    fn new(behaviour: Behaviour, seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed, number);
        let most = |median: f64| (median * LARGEST * behaviour.work).ceil() as usize;
        let text = rules::text(&mut random, most(RULES));
        let table = RuleTable::refresh(&text, RULES as usize).unwrap_or_default();
        Self {
            bad_text: with_bad_line(&text, (RULES / LARGEST) as usize - 1),
            text,
            table,
            batch: Batch::new(&mut random, most(PACKETS)),
            random,
            behaviour,
            leaked: Vec::new(),
            totals: Totals::default(),
        }
    }

    fn run(mut self, start: Instant, limits: Limits) -> Totals {
        for (at, operation) in Schedule::new(limits) {
            if limits.paced {
                thread::sleep((start + at).saturating_duration_since(Instant::now()));
            }
            if limits.time.is_some_and(|time| start.elapsed() >= time) {
                break;
            }
            match operation {
                Operation::RuleRefresh => self.rule_refresh(),
                Operation::TrafficControl => self.traffic_control(),
            }
        }
        self.totals
    }

    fn rule_refresh(&mut self) {
        let lines = self.draw(RULES, RULES_SIGMA);
        let fails = self.random.chance(self.behaviour.failure_share);
        let text = if fails { &self.bad_text } else { &self.text };

        let operation = RULE_REFRESH.begin();
        let refreshed = RuleTable::refresh(text, lines);
        if self.behaviour.leak_bytes > 0 {
            self.leaked.push(vec![1; self.behaviour.leak_bytes]);
            self.totals.leaked_bytes += self.behaviour.leak_bytes as u64;
        }
        let success = refreshed.is_ok();
        match refreshed {
            Ok(table) => {
                self.table = table;
                operation.finish(self.table.len() as i64, true);
            }
            Err(bad) => operation.finish(-1 - bad.0 as i64, false),
        }
        self.totals.rule_refresh.add(success);
    }

    fn traffic_control(&mut self) {
        let length = self.draw(PACKETS, PACKETS_SIGMA) * PACKET_BYTES;
        let fails = self.random.chance(self.behaviour.failure_share);
        self.batch.set_malformed(fails);
        let length = length.min(self.batch.len());
        let allowed = traffic::traffic_control(&self.table, &self.batch, length);
        self.totals.traffic_control.add(allowed >= 0);
        self.totals.traffic_bytes += length as u64;
    }

    /// An amount of work around `median`.
    fn draw(&mut self, median: f64, sigma: f64) -> usize {
        let drawn = self.random.lognormal(median, sigma);
        let drawn = drawn.clamp(median / LARGEST, median * LARGEST);
        (drawn * self.behaviour.work) as usize
    }
}

/// `text` with line `number` broken: every refresh fails at that line.
fn with_bad_line(text: &str, number: usize) -> String {
    text.lines()
        .enumerate()
        .map(|(at, line)| {
            let broken = if at == number { "?" } else { "" };
            format!("{broken}{line}\n")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNPACED: Limits = Limits {
        time: None,
        operations: Some(120),
        refresh_rate: 10.0,
        traffic_rate: 110.0,
        paced: false,
    };

    #[test]
    fn the_service_does_exactly_the_given_number_of_operations() {
        let behaviour = Behaviour {
            work: 1.0,
            leak_bytes: 100,
            failure_share: 0.0,
        };
        let totals = run(3, UNPACED, behaviour, 1);
        assert_eq!(totals.rule_refresh.finished, 12);
        assert_eq!(totals.traffic_control.finished, 108);
        assert_eq!(totals.leaked_bytes, 1_200);
        assert_eq!(
            totals.rule_refresh.failed + totals.traffic_control.failed,
            0
        );
        assert_eq!(totals, run(3, UNPACED, behaviour, 1));
    }

    #[test]
    fn with_a_failure_share_of_one_all_operations_fail() {
        let behaviour = Behaviour {
            work: 1.0,
            leak_bytes: 0,
            failure_share: 1.0,
        };
        let totals = run(1, UNPACED, behaviour, 1);
        assert_eq!(totals.rule_refresh.failed, totals.rule_refresh.finished);
        assert_eq!(
            totals.traffic_control.failed,
            totals.traffic_control.finished
        );
    }
}
