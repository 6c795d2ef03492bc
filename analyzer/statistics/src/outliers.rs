//! Single points that belong neither to what came before nor to what comes after.
//!
//! An outlier is never itself a step: it is taken out before steps are looked for.

/// Points on each side that a point is held against.
const BESIDE: usize = 3;
/// Tail index below which a tail is not believed to be lighter: the normal's own looks like this here.
const LEAST_TAIL: f64 = 0.12;

/// A point that deviates by so many times the deviation that one in ten exceeds is left out of the search for steps,
/// outlier or not.
const DOUBTFUL: f64 = 3.5;

/// An outlying point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outlier {
    pub(crate) index: usize,
    /// Median of the points around it.
    pub(crate) usual: f64,
    pub(crate) p: f64,
}

/// Outliers of a finite series at a familywise rate of about `rate`, in order.
///
/// A point's deviation is the smaller of its distances to the medians of its neighbours before and behind, so that
/// the first point of a new level deviates from one side only and does not count. How rare a deviation is comes from
/// the tail of the series' own deviations (Hill 1975), so that heavy tails alarm little. Independent of order and
/// slow noise; no more than one point in 50 can be an outlier. Also gives the indices, in order, of all points that are
/// no evidence for a level: the outliers and those that may be.
pub(crate) fn outliers(values: &[f64], rate: f64) -> (Vec<Outlier>, Vec<usize>) {
    let length = values.len();
    if length < 20 {
        return (Vec::new(), Vec::new());
    }
    let deviations: Vec<f64> = (0..length).map(|i| deviation(values, i)).collect();
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|&a, &b| deviations[b].total_cmp(&deviations[a]));
    // At either end a point has one side only: it may begin or end a level, so it is doubtful at most.
    let inner: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&i| i >= BESIDE && i + BESIDE < length)
        .collect();
    let tail = (length / 20).max(10).min(length / 2);
    let most = (length / 50).max(1);
    let mut found = Vec::new();
    // The largest set of top points of which the least is still rare against those below it.
    for count in (1..=most).rev() {
        let least = deviations[inner[count - 1]];
        let below = &inner[count..(count + tail).min(inner.len())];
        let Some(&edge) = below.last() else { continue };
        let edge = deviations[edge];
        if edge <= 0.0 || !least.is_finite() {
            continue;
        }
        let logs = below.iter().map(|&i| (deviations[i] / edge).ln());
        let index = (logs.sum::<f64>() / below.len() as f64).max(LEAST_TAIL);
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

fn sides(values: &[f64], index: usize) -> (&[f64], &[f64]) {
    let start = index.saturating_sub(BESIDE);
    let end = (index + 1 + BESIDE).min(values.len());
    (&values[start..index], &values[index + 1..end])
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        0.5 * (sorted[middle - 1] + sorted[middle])
    }
}

fn deviation(values: &[f64], index: usize) -> f64 {
    let (before, behind) = sides(values, index);
    let distance = |side: &[f64]| {
        // Fewer than three beside it cannot outvote each other.
        if side.len() < BESIDE {
            None
        } else {
            Some(values[index] - median(side))
        }
    };
    match (distance(before), distance(behind)) {
        (Some(a), Some(b)) if a * b > 0.0 => a.abs().min(b.abs()),
        (Some(_), Some(_)) | (None, None) => 0.0,
        (Some(one), None) | (None, Some(one)) => one.abs(),
    }
}

fn around(values: &[f64], index: usize) -> f64 {
    let (before, behind) = sides(values, index);
    median(&[before, behind].concat())
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
