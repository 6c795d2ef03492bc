//! The first and the last few points of a series: a new level that has just begun, or has just
//! ended.
//!
//! The search for steps needs more points on either side of a step than these are, and an outlier
//! is known by the points on both sides of it. The median of the last points is therefore compared
//! with that of the points before them, as it is at all other places of the series, on either side
//! of which nothing changed. In stationary noise of any correlation the end is a place like any
//! other.

use crate::math::median::{median, upper_median};
use crate::series::change_points::{MIN_CHANGE_POINTS, Series, deviations, min_segment};

/// Points before the last ones with which these are compared.
const BEFORE: usize = 5;
/// Most places of the series with which the end is compared.
const MOST_PLACES: usize = 1000;
/// With fewer places than this the noise is not known.
const FEWEST_PLACES: usize = 10;
/// The same where these places show no noise at all.
const FEWEST_EXACT_PLACES: usize = 5;
/// How much further off the end is than any of the other places.
const RATIO: f64 = 1.5;
/// Smallest tail index that is used, as for outliers.
const LEAST_TAIL_INDEX: f64 = 0.12;

/// The points at an end of the series that are far from those next to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct End {
    /// Their number.
    pub(crate) count: usize,
    /// Median of the points next to them.
    pub(crate) usual: f64,
    /// Their mean.
    pub(crate) level: f64,
    /// P-value: the probability that an end of the series is as far off.
    pub(crate) p: f64,
}

/// `[first points, last points]` that are far off, at the familywise rate `rate` for both.
pub(crate) fn ends(values: &[f64], rate: f64) -> [Option<End>; 2] {
    let length = values.len();
    if length < MIN_CHANGE_POINTS {
        return [None, None];
    }
    let most = min_segment(length) - 1;
    // Known steps are no noise. Those of a process that moves between states are.
    let inner = Series::new(
        values[most..length - most].to_vec(),
        (most..length - most).map(|i| i as f64).collect(),
    );
    let jumps = inner.jumps(rate);
    let splits: Vec<usize> = jumps.splits.iter().map(|at| at + most).collect();
    let reversed: Vec<f64> = values.iter().rev().copied().collect();
    let mirrored: Vec<usize> = splits.iter().rev().map(|at| length - at).collect();
    [
        last(&reversed, &mirrored, most, rate),
        last(values, &splits, most, rate),
    ]
}

/// The last points, at most `most`.
fn last(values: &[f64], splits: &[usize], most: usize, rate: f64) -> Option<End> {
    let length = values.len();
    let previous = splits.last().copied().unwrap_or(0);
    let count = best_count(values, previous, most)?;
    let there = length - count;
    let difference = |at: usize| median(&values[at..at + count]) - median(&values[at - BEFORE..at]);
    let undisturbed = |at: &usize| {
        let next = splits.partition_point(|split| *split <= at - BEFORE);
        splits.get(next).is_none_or(|split| *split >= at + count)
    };
    let places = BEFORE..(length - most + 1).saturating_sub(count).max(BEFORE);
    let stride = places.len().div_ceil(MOST_PLACES).max(1);
    let all = places.step_by(stride).filter(undisturbed);
    let usual: Vec<f64> = all.map(difference).collect();
    let exact = usual.iter().all(|difference| *difference == 0.0);
    if usual.len()
        < if exact {
            FEWEST_EXACT_PLACES
        } else {
            FEWEST_PLACES
        }
    {
        return None;
    }
    // A drift moves all places alike.
    let centre = median(&usual);
    let mut noise: Vec<f64> = usual.iter().map(|d| (d - centre).abs()).collect();
    let here = difference(there) - centre;
    let far = here.abs();
    // Of one or two points each must be far off.
    let before = median(&values[there - BEFORE..there]);
    let agree = |value: &f64| (value - before) * here.signum() > 0.5 * far;
    if count <= 2 && !values[there..].iter().all(agree) {
        return None;
    }
    let tests = 2.0 * most as f64;
    let p = tests * chance(&mut noise, far, length)?;
    let size = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    (p <= rate && far > 1e-9 * size).then(|| End {
        count,
        usual: before,
        level: values[there..].iter().sum::<f64>() / count as f64,
        p: p.min(1.0),
    })
}

/// How many of the last points differ most from those before, back to the step at `previous`.
/// `None` if they are more than `most`: enough for the search for steps.
fn best_count(values: &[f64], previous: usize, most: usize) -> Option<usize> {
    let length = values.len();
    let mut best = (0.0, 0);
    let mut right = 0.0;
    for count in 1..=2 * most {
        let Some(at) = length.checked_sub(count) else {
            break;
        };
        right += values[at];
        let start = at.saturating_sub(4 * most).max(previous);
        if at < start + BEFORE {
            break;
        }
        let (r, l) = (count as f64, (at - start) as f64);
        let left = values[start..at].iter().sum::<f64>() / l;
        let size = (right / r - left).abs() * (l * r / (l + r)).sqrt();
        if size > best.0 {
            best = (size, count);
        }
    }
    (1..=most).contains(&best.1).then_some(best.1)
}

/// The probability that one more place is as far off, by the tail of the places that are known
/// (Hill 1975). `None` where it is no further off than noise may be.
fn chance(noise: &mut [f64], far: f64, length: usize) -> Option<f64> {
    noise.sort_by(|a, b| b.total_cmp(a));
    let scale = upper_median(noise.to_vec()) / 0.6745;
    if far <= deviations(length) * scale || far <= RATIO * noise[0] {
        return None;
    }
    let tail = (noise.len() / 20).max(10).min(noise.len() / 2);
    let edge = noise[tail - 1];
    if noise[0] <= 0.0 {
        return Some(0.0);
    }
    if edge <= 0.0 {
        return None;
    }
    let logs = noise[..tail].iter().map(|d| (d / edge).ln());
    let index = (logs.sum::<f64>() / tail as f64).max(LEAST_TAIL_INDEX);
    Some(tail as f64 / noise.len() as f64 * (far / edge).powf(-1.0 / index))
}
