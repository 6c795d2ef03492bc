//! Rates that are measured through the program: how often a verdict is a false alarm, and how often
//! a change is found. One table of figures, the same for a few hundred repetitions in `make test`
//! and for a thousand in `make endurance`.
//!
//! `rates_*.rs` decide what is measured; nothing here knows a verdict.

pub(crate) mod comparison;
pub(crate) mod noise;
pub(crate) mod series;
pub(crate) mod service;

// The noise is that of the simulation of `soakbox-statistics`.
#[path = "../../../statistics/examples/simulate/trials/process.rs"]
#[allow(dead_code, reason = "the simulation uses all of it")]
pub(crate) mod process;

use std::time::Instant;

use process::Random;

use crate::seed::drawn;

/// Stationary noise: a number of windows of it, with a mean near 0 and a deviation near 1.
pub(crate) type Noise = fn(usize, &mut Random) -> Vec<f64>;

/// Repetitions of a figure in `make endurance`.
const MEASUREMENT: usize = 1_000;
/// The probability that a figure is beyond what is accepted if its bound holds exactly.
const BY_CHANCE: f64 = 1e-5;

/// The figures of one test. Each is printed as soon as it is known.
pub(crate) struct Figures {
    /// Repetitions of each figure.
    pub(crate) repetitions: usize,
    seed: u64,
    missed: Vec<String>,
    started: Instant,
}

impl Figures {
    /// Figures of this number of repetitions. The seed is drawn.
    pub(crate) fn new(repetitions: usize) -> Self {
        let seed = drawn();
        println!("{repetitions} repetitions");
        Self {
            repetitions,
            seed,
            missed: Vec::new(),
            started: Instant::now(),
        }
    }

    /// All repetitions: 1,000, or as many as `SOAKBOX_REPETITIONS` states.
    pub(crate) fn all() -> Self {
        Self::new(number("SOAKBOX_REPETITIONS").map_or(MEASUREMENT, |n| n as usize))
    }

    /// Whether the figure is measured: `SOAKBOX_FIGURE` is a part of the names of those that are.
    pub(crate) fn wanted(&self, figure: &str) -> bool {
        std::env::var("SOAKBOX_FIGURE").map_or(true, |only| figure.contains(&only))
    }

    /// The random numbers of a figure. Each has its own, so that a figure alone is the same.
    pub(crate) fn random(&self, figure: &str) -> Random {
        let hash = figure
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Random::new(u128::from(self.seed) << 64 | u128::from(hash) | 1)
    }

    /// False alarms, of which there may be 5%, and those that chance adds.
    pub(crate) fn alarms(&mut self, figure: &str, alarms: usize) {
        let accepted = most(self.repetitions, 0.05);
        let bound = format!("≤ 5% (accepted {:.1}%)", self.percent(accepted));
        self.row(figure, &bound, alarms, Some(alarms <= accepted));
    }

    /// Hits of which there must be a share of `least`, without those that chance takes.
    pub(crate) fn found(&mut self, figure: &str, hits: usize, least: f64) {
        let accepted = self.repetitions - most(self.repetitions, 1.0 - least);
        let bound = format!(
            "≥ {:.0}% (accepted {:.1}%)",
            least * 100.0,
            self.percent(accepted)
        );
        self.row(figure, &bound, hits, Some(hits >= accepted));
    }

    /// What must never happen.
    pub(crate) fn never(&mut self, figure: &str, hits: usize) {
        self.row(figure, "0", hits, Some(hits == 0));
    }

    /// A figure without a bound.
    pub(crate) fn shown(&mut self, figure: &str, hits: usize) {
        self.row(figure, "", hits, None);
    }

    fn row(&mut self, figure: &str, bound: &str, hits: usize, holds: Option<bool>) {
        let share = self.percent(hits);
        let word = holds.map_or("shown", |holds| if holds { "yes" } else { "NO" });
        println!(
            "| {figure} | {bound} | {share:.1}% of {} | {word} |",
            self.repetitions
        );
        if holds == Some(false) {
            self.missed
                .push(format!("{figure}: {share:.1}%, bound {bound}"));
        }
    }

    fn percent(&self, hits: usize) -> f64 {
        hits as f64 / self.repetitions as f64 * 100.0
    }

    /// Fails if a bound was missed.
    pub(crate) fn end(self) {
        let took = self.started.elapsed().as_secs_f64();
        println!("{took:.1} s with SOAKBOX_SEED={}", self.seed);
        assert!(
            self.missed.is_empty(),
            "SOAKBOX_SEED={}: {:#?}",
            self.seed,
            self.missed
        );
    }
}

/// The most hits in `n` repetitions at this share of them: more come with a probability of at most
/// [`BY_CHANCE`].
fn most(n: usize, share: f64) -> usize {
    let mut exactly = (1.0 - share).powi(n as i32);
    let mut more = 1.0 - exactly;
    let mut hits = 0;
    while more > BY_CHANCE && hits < n {
        exactly *= (n - hits) as f64 / (hits + 1) as f64 * share / (1.0 - share);
        hits += 1;
        more -= exactly;
    }
    hits
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}: a number")),
    )
}
