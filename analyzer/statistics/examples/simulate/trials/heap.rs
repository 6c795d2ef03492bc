//! Leaks under a garbage collector's sawtooth.

use super::process::{Random, uniform};
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

/// What is unusual about a heap with even teeth of 24 hours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unusual {
    /// It leaks 2%/h from the middle on.
    LateLeak,
    /// Its teeth grow fourfold on a flat floor.
    GrowingTeeth,
}

/// How many of `trials` unusual heaps are found to leak.
pub(crate) fn unusual(unusual: Unusual, trials: usize, random: &mut Random) -> usize {
    const POINTS: usize = 8640;
    let leaks = |random: &mut Random| {
        let phase = uniform(random);
        let times: Vec<f64> = (0..POINTS).map(|i| i as f64 * POINT_INTERVAL).collect();
        let value = |(i, time): (usize, &f64)| {
            let noise: f64 = StandardNormal.sample(random);
            let tooth = 0.3 * (time / PERIOD + phase).fract();
            let share = i as f64 / POINTS as f64;
            let unusual = match unusual {
                Unusual::LateLeak => tooth + 0.02 * (24.0 * (share - 0.5)).max(0.0),
                Unusual::GrowingTeeth => tooth * (1.0 + 3.0 * share),
            };
            1e9 * (1.0 + unusual + 0.02 * noise)
        };
        let values: Vec<f64> = times.iter().enumerate().map(value).collect();
        let found = soak("heap", &times, &values, &SoakOptions::default());
        found.is_ok_and(|[leak, _]| leak.status == Status::Found)
    };
    (0..trials).filter(|_| leaks(random)).count()
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
