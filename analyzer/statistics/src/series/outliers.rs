//! Single points that lie far from the points before them and from the points after them.
//!
//! Outliers are removed from the series before the search for steps, so that no outlier is reported
//! as a step.

use crate::math::median::median;

/// Number of points on each side with which a point is compared.
const NEIGHBOURS: usize = 3;
/// Smallest tail index that is used. Normal noise has about this tail index here; a smaller
/// estimate is due to chance.
const LEAST_TAIL_INDEX: f64 = 0.12;
/// A point whose deviation exceeds the 90th percentile of all deviations by this factor is left out
/// of the search for steps, even if it is not an outlier.
const DOUBTFUL: f64 = 3.5;

/// A point that is reported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outlier {
    pub(crate) index: usize,
    /// Median of the points around it.
    pub(crate) usual: f64,
    /// P-value: the probability that any point of the series deviates as far.
    pub(crate) p: f64,
}

/// The outliers of a finite series, in order, at a familywise rate of about `rate`. Also, in order,
/// the indices of all points that are not used to estimate levels: the outliers and the points that
/// may be outliers.
///
/// The deviation of a point is the smaller of two distances: to the median of the points before it
/// and to the median of the points after it. The first point of a new level is far from one side
/// only, so that its deviation is small. The probability of a deviation comes from the tail of all
/// deviations in the series (Hill 1975), so that heavy tails cause few alarms. Slow noise does not
/// matter. At most one point in 50 can be an outlier.
pub(crate) fn outliers(values: &[f64], rate: f64) -> (Vec<Outlier>, Vec<usize>) {
    let length = values.len();
    if length < 20 {
        return (Vec::new(), Vec::new());
    }
    let deviations: Vec<f64> = (0..length).map(|i| deviation(values, i)).collect();
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|&a, &b| deviations[b].total_cmp(&deviations[a]));
    // The first and the last point have neighbours on one side only. They may be a level, so that
    // they can be doubtful, but no outliers; `ends` judges them.
    let inner: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&i| i > 0 && i + 1 < length)
        .collect();
    let tail = (length / 20).max(10).min(length / 2);
    let most = (length / 50).max(1);
    let mut found = Vec::new();
    // The largest set of top points whose smallest deviation is still improbable by the tail of the
    // deviations below it.
    for count in (1..=most).rev() {
        let least = deviations[inner[count - 1]];
        let below = &inner[count..(count + tail).min(inner.len())];
        let Some(&edge) = below.last() else { continue };
        let edge = deviations[edge];
        if edge <= 0.0 || !least.is_finite() {
            continue;
        }
        let logs = below.iter().map(|&i| (deviations[i] / edge).ln());
        let index = (logs.sum::<f64>() / below.len() as f64).max(LEAST_TAIL_INDEX);
        let chance = |deviation: f64| tail as f64 * (deviation / edge).powf(-1.0 / index);
        if chance(least) < rate {
            found = inner[..count]
                .iter()
                .map(|&index| Outlier {
                    index,
                    usual: around(values, index),
                    p: chance(deviations[index]).min(1.0),
                })
                .collect();
            break;
        }
    }
    let usual = deviations[order[length / 10]];
    let apart = order
        .iter()
        .take(most)
        .filter(|&&i| usual > 0.0 && deviations[i] > DOUBTFUL * usual);
    let mut doubtful: Vec<usize> = apart.copied().collect();
    doubtful.extend(found.iter().map(|outlier: &Outlier| outlier.index));
    doubtful.sort_unstable();
    doubtful.dedup();
    found.sort_by_key(|outlier| outlier.index);
    (found, doubtful)
}

/// The neighbours before and after the point at `index`.
fn sides(values: &[f64], index: usize) -> (&[f64], &[f64]) {
    let start = index.saturating_sub(NEIGHBOURS);
    let end = (index + 1 + NEIGHBOURS).min(values.len());
    (&values[start..index], &values[index + 1..end])
}

/// See [`outliers`]; 0 where the point lies between the two medians.
fn deviation(values: &[f64], index: usize) -> f64 {
    let (before, after) = sides(values, index);
    let distance = |side: &[f64]| {
        // With fewer than three neighbours the median is not robust: the nearest one counts.
        if side.len() >= NEIGHBOURS {
            return Some(values[index] - median(side));
        }
        let all = side.iter().map(|value| values[index] - value);
        all.min_by(|a, b| a.abs().total_cmp(&b.abs()))
    };
    match (distance(before), distance(after)) {
        (Some(a), Some(b)) if a * b > 0.0 => a.abs().min(b.abs()),
        (Some(_), Some(_)) | (None, None) => 0.0,
        (Some(one), None) | (None, Some(one)) => one.abs(),
    }
}

/// The median of the neighbours on both sides.
fn around(values: &[f64], index: usize) -> f64 {
    let (before, after) = sides(values, index);
    median(&[before, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        ((i * 7919) % 101) as f64 / 101.0 + ((i * 104_729) % 97) as f64 / 97.0
    }

    #[test]
    fn a_spike_is_an_outlier_and_an_edge_is_not() {
        let mut values: Vec<f64> = (0..200)
            .map(|i| noise(i) + if i >= 120 { 9.0 } else { 0.0 })
            .collect();
        assert_eq!(outliers(&values, 0.005).0, []);
        values[50] += 12.0;
        let found: Vec<usize> = outliers(&values, 0.005).0.iter().map(|o| o.index).collect();
        assert_eq!(found, [50]);
    }
}
