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
