//! Several steps in one series: the share that is found, and what is reported next to them.

use super::process::{Process, Random, uniform};
use super::series::RATE;
use soakbox_statistics::{ChangeKind, changes};

/// A step is found when a reported one lies within this number of points.
const NEAR: usize = 5;
/// Points of each level at least.
const LEAST_LEVEL: usize = 15;

/// What was reported in many series.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steps {
    /// Number of steps in the data.
    pub(crate) given: usize,
    /// Of these, found within 5 points.
    pub(crate) found: usize,
    /// Steps and drifts that were reported.
    pub(crate) reported: usize,
}

/// Series of `n` points with `count` steps of 5 to 20 deviations of the noise, up or down, at
/// random places that leave 15 points for each level.
pub(crate) fn several(
    process: Process,
    n: usize,
    count: usize,
    trials: usize,
    random: &mut Random,
) -> Steps {
    let mut sum = Steps::default();
    for _ in 0..trials {
        let mut values = process.series(n, random);
        let places = places(n, count, random);
        let mut level = 0.0;
        let mut next = places.iter().peekable();
        for (index, value) in values.iter_mut().enumerate() {
            if next.next_if(|place| **place == index).is_some() {
                let sign = if uniform(random) < 0.5 { -1.0 } else { 1.0 };
                level += sign * (5.0 + 15.0 * uniform(random));
            }
            *value += level;
        }
        let mut reported: Vec<usize> = changes(&values, None, RATE)
            .unwrap_or_default()
            .iter()
            .filter(|change| change.kind != ChangeKind::Outlier)
            .map(|change| change.index)
            .collect();
        sum.given += count;
        sum.reported += reported.len();
        for place in places {
            let near = reported.iter().position(|r| r.abs_diff(place) <= NEAR);
            if let Some(near) = near {
                reported.remove(near);
                sum.found += 1;
            }
        }
    }
    sum
}

/// `count` places in order, uniform among those that leave [`LEAST_LEVEL`] points for each level.
fn places(n: usize, count: usize, random: &mut Random) -> Vec<usize> {
    let free = (n - LEAST_LEVEL * (count + 1)) as f64;
    let mut places: Vec<f64> = (0..count).map(|_| free * uniform(random)).collect();
    places.sort_by(f64::total_cmp);
    let spread = |(i, place): (usize, &f64)| *place as usize + LEAST_LEVEL * (i + 1);
    places.iter().enumerate().map(spread).collect()
}
