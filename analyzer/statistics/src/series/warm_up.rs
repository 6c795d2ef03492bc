//! How many windows at the start of a run are warm-up.
//!
//! It finds this number. `compare` cuts the windows, the same number on both sides.

use crate::math::distributions::t_upper_quantile;
use crate::math::long_run_variance::combine;
use crate::math::time_scales::{MIN_WINDOWS, TimeScales, sum};

/// The largest share of a run that can be warm-up.
pub(crate) const MAX_SHARE: f64 = 0.2;
/// Number of windows that are averaged: the 5 of MSER-5.
const BATCH: usize = 5;
/// Two-sided level at which the start must differ from the rest to be warm-up.
const LEVEL: f64 = 0.001;

/// Number of leading windows to cut: at most a fifth, and 0 when the start does not differ from the
/// rest.
///
/// The cut is that of MSER-5 (White 1997; White, Cobb and Spratt 2000): the one that minimises
/// the standard error of the mean of the remaining windows. Windows are cut only when their mean
/// differs from the mean of the rest at level 0.001 under autocorrelation, so that a stationary run
/// keeps all of its windows. NaN and infinite values are skipped. Time O(n).
pub fn warm_up(values: &[f64]) -> usize {
    let most = (values.len() as f64 * MAX_SHARE) as usize;
    let total = sum(values);
    if total.is_finite() {
        return find(values, total).min(most);
    }
    let present: Vec<usize> = (0..values.len())
        .filter(|&i| values[i].is_finite())
        .collect();
    let series: Vec<f64> = present.iter().map(|&i| values[i]).collect();
    let cut = find(&series, sum(&series));
    // The index among all windows, missing ones included, and at most their allowed share.
    let index = if cut == 0 { 0 } else { present[cut - 1] + 1 };
    index.min(most)
}

/// The cut among windows that are all present. `total` is their sum.
fn find(series: &[f64], total: f64) -> usize {
    let batches = series.len() / BATCH;
    let most = (batches as f64 * MAX_SHARE) as usize;
    if most == 0 || series.len() < 2 * MIN_WINDOWS {
        return 0;
    }
    let centre = total / series.len() as f64;
    let means: Vec<f64> = series
        .chunks_exact(BATCH)
        .map(|batch| batch.iter().sum::<f64>() * (1.0 / BATCH as f64) - centre)
        .collect();
    // From the end backwards: `total` and `squares` are sums over the batches that remain.
    let (mut total, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for (index, mean) in means.iter().enumerate().rev() {
        total += mean;
        squares += mean * mean;
        if index <= most {
            let kept = (batches - index) as f64;
            let error = (squares - total * total / kept) / (kept * kept);
            // Of two equal errors the shorter cut is preferred; it comes later in this loop.
            if error <= best.0 {
                best = (error, index);
            }
        }
    }
    let cut = best.1 * BATCH;
    if cut == 0 || !differs(&series[..cut], &series[cut..]) {
        return 0;
    }
    cut
}

/// True when the means of the two parts differ at [`LEVEL`].
fn differs(start: &[f64], rest: &[f64]) -> bool {
    let mean = |part: &[f64]| sum(part) / part.len() as f64;
    let distance = (mean(start) - mean(rest)).abs();
    let Some(scales) = TimeScales::new(rest) else {
        return false;
    };
    let share = rest.len() as f64 / start.len() as f64;
    // The start is a mean over fewer windows of the same noise. The variance of independent windows
    // is a lower bound that is cheap to compute, so that it is tested first.
    if distance * distance <= 10.0 * scales.independent_variance() * (1.0 + share) {
        return false;
    }
    let Some(known) = combine(&[(&scales, 1.0)]) else {
        return false;
    };
    let error = (known.variances[0] * (1.0 + share)).sqrt();
    distance > t_upper_quantile(LEVEL / 2.0, known.degrees) * error
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_exponential_start_is_cut_and_a_flat_one_is_not() {
        let noise = |i: usize| ((i * 7919) % 101) as f64 / 101.0 - 0.5;
        let warm: Vec<f64> = (0..600)
            .map(|i| 10.0 + 8.0 * (-(i as f64) / 20.0).exp() + noise(i))
            .collect();
        let cut = warm_up(&warm);
        assert!((20..=120).contains(&cut), "{cut}");
        let flat: Vec<f64> = (0..600).map(|i| 10.0 + noise(i)).collect();
        assert_eq!(warm_up(&flat), 0);
    }

    #[test]
    fn at_most_a_fifth_is_cut() {
        let ramp: Vec<f64> = (0..100).map(|i| if i < 50 { 100.0 } else { 1.0 }).collect();
        assert!(warm_up(&ramp) <= 20);
        assert_eq!(warm_up(&[]), 0);
        assert_eq!(warm_up(&[3.0; 200]), 0);
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec(any::<f64>(), 0..200)) {
            prop_assert!(warm_up(&values) * 5 <= values.len());
        }
    }
}
