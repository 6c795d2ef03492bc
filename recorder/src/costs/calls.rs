//! Calls of the measured functions, with and without probes, and their typical times.

use std::arch::x86_64::_rdtsc;

use super::ways::Way;
use crate::clock::Stopwatch;
use crate::kernel::Ring;

/// How often a function is called.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Rounds of calls; the median of them counts.
    rounds: usize,
    /// Calls in a round.
    calls: usize,
}

/// Size of the ring, bytes: it holds the events of all calls, because a lost event costs less.
pub(super) const RING: u32 = 4 << 20;
/// Records that are read at once.
const MOST_RECORDS: usize = 4096;

/// The time of a call before and after the middle of the function, µs.
#[derive(Clone, Copy)]
pub(super) struct Halves {
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Effort {
    pub(super) const THOROUGH: Self = Self {
        rounds: 7,
        calls: 300,
    };
    /// Takes some milliseconds, or some ten where the kernel single-steps.
    pub(super) const QUICK: Self = Self {
        rounds: 3,
        calls: 100,
    };

    /// The time of a call. It is made of medians, which an interruption of the thread does not
    /// change.
    pub(super) fn typical(self, way: &Way) -> Halves {
        let rounds = self.rounds(way);
        Halves {
            before: median(rounds.iter().map(|round| round.before).collect()),
            after: median(rounds.iter().map(|round| round.after).collect()),
        }
    }

    /// The median of the calls of each round, µs.
    fn rounds(self, way: &Way) -> Vec<Halves> {
        // The first call of a function reads its page.
        way.call();
        let round = |_| {
            let mut begins = Vec::with_capacity(self.calls);
            let mut finishes = Vec::with_capacity(self.calls);
            let (watch, started) = (Stopwatch::start(), ticks());
            for _ in 0..self.calls {
                let before = ticks();
                let inside = way.call();
                let after = ticks();
                begins.push(inside.saturating_sub(before) as f64);
                finishes.push(after.saturating_sub(inside) as f64);
            }
            let elapsed_us = watch.elapsed().as_secs_f64() * 1e6;
            let us_per_tick = elapsed_us / ticks().saturating_sub(started).max(1) as f64;
            Halves {
                before: median(begins) * us_per_tick,
                after: median(finishes) * us_per_tick,
            }
        };
        (0..self.rounds).map(round).collect()
    }
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; it reads a counter and nothing else.
    unsafe { _rdtsc() }
}

/// The median of the recorded durations of each way, µs; `None` where none was recorded.
pub(super) fn recorded_us(ring: &mut Ring, ways: usize) -> Vec<Option<f64>> {
    let mut events = Vec::new();
    while ring.drain(&mut events, MOST_RECORDS).records > 0 {}
    let typical = |way| {
        let of_way = events.iter();
        let of_way = of_way.filter(|event| usize::from(event.operation) == way);
        let durations: Vec<f64> = of_way
            .map(|event| event.duration_ns as f64 / 1000.0)
            .collect();
        (!durations.is_empty()).then(|| median(durations))
    };
    (0..ways).map(typical).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
