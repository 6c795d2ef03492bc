//! Leaks under a garbage collector's sawtooth.

use super::process::{Process, Random, uniform};
use rand_distr::{Distribution, StandardNormal};
use soakbox_statistics::{SoakOptions, Status, soak};

/// Seconds between points.
const POINT_INTERVAL: f64 = 10.0;
/// Seconds between collections.
const PERIOD: f64 = 600.0;

/// The status of the leak finding of one simulated heap. The time between collections varies if
/// `ragged`.
pub(crate) fn status(hours: f64, growth: f64, ragged: bool, random: &mut Random) -> Status {
    let points = (hours * 3600.0 / POINT_INTERVAL) as usize;
    let mut phase = uniform(random);
    let mut length = PERIOD;
    let mut times = Vec::with_capacity(points);
    let mut values = Vec::with_capacity(points);
    for index in 0..points {
        let time = index as f64 * POINT_INTERVAL;
        let noise: f64 = StandardNormal.sample(random);
        times.push(time);
        values.push(1e9 * (1.0 + growth * time / 3600.0 + 0.3 * phase + 0.02 * noise));
        phase += POINT_INTERVAL / length;
        if phase >= 1.0 {
            phase -= 1.0;
            if ragged {
                length = PERIOD * (0.6 + 0.8 * uniform(random));
            }
        }
    }
    let found = soak("heap", &times, &values, &SoakOptions::default());
    found.map_or(Status::Inconclusive, |[leak, _]| leak.status)
}

/// A heap with even teeth, and what else happens to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heap {
    pub(crate) hours: f64,
    /// Share of the level that is lost per hour.
    pub(crate) growth: f64,
    /// Share of the run after which the leak begins.
    pub(crate) begin: f64,
    /// Height of the teeth at the end over that at the start.
    pub(crate) taller: f64,
    /// Hours after which the process restarts.
    pub(crate) life: Option<f64>,
    /// Whether the restarts are given.
    pub(crate) restarts_given: bool,
    /// Height of the teeth, as a share of the level.
    pub(crate) teeth: f64,
    /// Height of a daily cycle, as a share of the level.
    pub(crate) day: f64,
}

/// 24 hours of even teeth, without a leak.
pub(crate) const HEALTHY: Heap = Heap {
    hours: 24.0,
    growth: 0.0,
    begin: 0.0,
    taller: 1.0,
    life: None,
    restarts_given: true,
    teeth: 0.3,
    day: 0.0,
};

impl Heap {
    /// `[found, absent]` of the leak findings of `trials` such heaps.
    pub(crate) fn statuses(self, trials: usize, random: &mut Random) -> [usize; 2] {
        let mut counts = [0, 0];
        for _ in 0..trials {
            match self.status(random) {
                Status::Found => counts[0] += 1,
                Status::Absent => counts[1] += 1,
                Status::Inconclusive => {}
            }
        }
        counts
    }

    fn status(self, random: &mut Random) -> Status {
        let points = (self.hours * 3600.0 / POINT_INTERVAL) as usize;
        let (phase, day_phase) = (uniform(random), uniform(random));
        let times: Vec<f64> = (0..points).map(|i| i as f64 * POINT_INTERVAL).collect();
        let life = self.life.unwrap_or(f64::INFINITY);
        let values: Vec<f64> = times
            .iter()
            .map(|time| {
                let noise: f64 = StandardNormal.sample(random);
                let (hour, share) = (time / 3600.0, time / 3600.0 / self.hours);
                let tooth = self.teeth * (time / PERIOD + phase).fract();
                let since = if life.is_finite() {
                    hour % life
                } else {
                    (hour - self.begin * self.hours).max(0.0)
                };
                let turn = std::f64::consts::TAU * (hour / 24.0 + day_phase);
                let tooth = tooth * (1.0 + (self.taller - 1.0) * share);
                1e9 * (1.0 + self.growth * since + tooth + self.day * turn.sin() + 0.02 * noise)
            })
            .collect();
        let mut options = SoakOptions::default();
        if life.is_finite() && self.restarts_given {
            let lives = (self.hours / life).ceil() as usize;
            options.restarts = (1..lives).map(|i| i as f64 * life * 3600.0).collect();
        }
        let found = soak("heap", &times, &values, &options);
        found.map_or(Status::Inconclusive, |[leak, _]| leak.status)
    }
}

/// How many of `trials` series of AR(`phi`) noise, without teeth, are found to leak at the rate
/// `false_alarm`.
pub(crate) fn noise_found(
    phi: f64,
    n: usize,
    false_alarm: f64,
    trials: usize,
    random: &mut Random,
) -> usize {
    let times: Vec<f64> = (0..n).map(|i| i as f64 * POINT_INTERVAL).collect();
    (0..trials)
        .filter(|_| {
            let mut values = Process::Ar(phi).series(n, random);
            values.iter_mut().for_each(|v| *v += 100.0);
            let options = SoakOptions {
                false_alarm,
                ..SoakOptions::default()
            };
            let found = soak("heap", &times, &values, &options);
            found.is_ok_and(|[leak, _]| leak.status == Status::Found)
        })
        .count()
}

/// How many of `trials` heaps have the status `wanted`.
pub(crate) fn count(
    wanted: Status,
    hours: f64,
    growth: f64,
    ragged: bool,
    trials: usize,
    random: &mut Random,
) -> usize {
    (0..trials)
        .filter(|_| status(hours, growth, ragged, random) == wanted)
        .count()
}
