//! A simulated service, cut into the windows into which the program cuts a recording of it. The
//! model is that of the simulation of `soakbox-statistics` (`trials/service.rs`), with durations as
//! whole nanoseconds.

use rand_distr::{Distribution, Poisson, StandardNormal};
use soakbox_analyzer::windows::{Series, Window, WindowLength};
use soakbox_schemas::histogram::{BUCKETS, bucket};
use soakbox_schemas::tables::histogram::encode;
use soakbox_statistics::window_length;
use std::time::Duration;

use super::Noise;
use super::process::Random;

/// The load and the noise of a service. The noise has a new value each second.
#[derive(Clone, Copy)]
pub(crate) struct Service {
    pub(crate) noise: Noise,
    /// Relative standard deviation of the noise.
    pub(crate) size: f64,
    /// Operations per second on average.
    pub(crate) operations: u64,
    /// Whether their number varies; otherwise it is the same each second.
    pub(crate) random_load: bool,
    /// Share of the operations that fail.
    pub(crate) failures: f64,
}

/// A build of the service.
#[derive(Clone, Copy)]
pub(crate) struct Build {
    /// Factor of all durations and CPU times.
    pub(crate) all: f64,
    /// Factor of the durations above p98, besides.
    pub(crate) tail: f64,
}

/// The build that others are compared with.
pub(crate) const BASE: Build = Build {
    all: 1.0,
    tail: 1.0,
};

/// How runs are cut into windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// As `baseline create` and `compare` cut a recording.
    AsRecorded,
    /// A window is a second: each has a noise of its own.
    Seconds,
}

impl Cut {
    /// As the rows have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Cut::AsRecorded => "as recordings",
            Cut::Seconds => "in seconds",
        }
    }
}

/// The standard deviation of the logarithm of a duration.
const SIGMA: f64 = 0.5;
/// The standard normal's p98.
const P98: f64 = 2.053_748_910_631_823;
const MEDIAN_NS: f64 = 1e6;

impl Service {
    /// The windows of one run.
    pub(crate) fn run(
        &self,
        seconds: usize,
        cut: Cut,
        build: Build,
        random: &mut Random,
    ) -> Series {
        let length = match cut {
            Cut::Seconds => WindowLength::SECOND,
            Cut::AsRecorded => {
                let span = Duration::from_secs(seconds as u64);
                WindowLength::at_most(window_length(span, self.operations * seconds as u64))
            }
        };
        let parts = length.parts_of(WindowLength::SECOND) as u64;
        let mut path = || (self.noise)(seconds, random);
        let (slow, memory, load, errors) = (path(), path(), path(), path());
        let mut scratch = Scratch::new();
        let mut windows = Vec::with_capacity(seconds * parts as usize);
        for second in 0..seconds {
            let moment = Moment {
                factor: (self.size * slow[second]).clamp(-1.5, 3.0),
                memory: 1e8 * (self.size * memory[second]).clamp(-1.5, 3.0).exp(),
                failures: self.failures * (6.0 * self.size * errors[second]).clamp(-3.0, 3.0).exp(),
            };
            for part in 0..parts {
                let count = if self.random_load {
                    let mean = self.operations as f64 * (1.0 + self.size * load[second]);
                    poisson(mean / parts as f64, random)
                } else {
                    self.operations * (part + 1) / parts - self.operations * part / parts
                };
                windows.push(Some(window(count, moment, build, &mut scratch, random)));
            }
        }
        Series { length, windows }
    }
}

/// The state of the service in one second.
#[derive(Clone, Copy)]
struct Moment {
    /// Logarithm of the factor of durations and CPU times.
    factor: f64,
    memory: f64,
    failures: f64,
}

/// The counts of the buckets of one window, reused.
struct Scratch(Vec<u64>);

impl Scratch {
    fn new() -> Self {
        Self(vec![0; BUCKETS])
    }
}

fn window(
    count: u64,
    moment: Moment,
    build: Build,
    scratch: &mut Scratch,
    random: &mut Random,
) -> Window {
    let centre = (MEDIAN_NS * build.all).ln() + moment.factor;
    let tail = build.tail.ln();
    let counts = &mut scratch.0;
    let (mut min, mut max, mut sum) = (u64::MAX, 0, 0);
    for _ in 0..count {
        let z: f64 = StandardNormal.sample(random);
        let duration = (centre + SIGMA * z + if z > P98 { tail } else { 0.0 }).exp() as u64;
        counts[bucket(duration)] += 1;
        (min, max, sum) = (min.min(duration), max.max(duration), sum + duration);
    }
    let mut durations = Vec::new();
    if count > 0 {
        let used = bucket(min)..=bucket(max);
        let filled = used.clone().filter(|index| counts[*index] > 0);
        let pairs = filled.map(|index| (index as i16, counts[index]));
        encode(Some((min as i64, max as i64)), pairs, &mut durations);
        counts[used].fill(0);
    }
    let scatter: f64 = StandardNormal.sample(random);
    let cpu = 5e5 * build.all * moment.factor.exp() * (1.0 + 0.02 * scatter);
    Window {
        count,
        duration_ns: sum,
        with_outcome: count,
        failures: poisson(moment.failures * count as f64, random).min(count),
        with_cpu: count,
        cpu_ns: (cpu * count as f64) as u64,
        with_memory: count,
        memory_bytes: (moment.memory * count as f64) as u64,
        durations,
        ..Window::default()
    }
}

fn poisson(mean: f64, random: &mut Random) -> u64 {
    Poisson::new(mean).map_or(0, |poisson| poisson.sample(random) as u64)
}
