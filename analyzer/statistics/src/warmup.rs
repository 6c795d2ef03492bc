//! How many windows at the start are still warm-up.
//!
//! It finds a length; who cuts, and that both sides lose the same, is decided in `compare`.

use crate::distribution::t_upper_quantile;
use crate::longrun::{MIN_WINDOWS, Scales, combine, sum};

/// Share of a run that a warm-up may take.
pub(crate) const MAX_SHARE: f64 = 0.2;
const BATCH: usize = 5;
/// Two-sided level at which a start must differ from the rest to be called warm-up.
const LEVEL: f64 = 0.001;

/// Number of leading windows to cut, at most a fifth; 0 when the start does not differ from the rest.
///
/// The place is that of MSER-5 (White 1997; White, Cobb and Spratt 2000): the truncation that minimises the
/// standard error of what remains. It is taken only when the mean of the part before differs from the rest by more
/// than autocorrelated noise would at level 0.001, so that a stationary run keeps all its windows. NaN or infinite
/// values are skipped. Time O(n).
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
    // Back to the index among all windows, and never more than the share of those.
    let index = if cut == 0 { 0 } else { present[cut - 1] + 1 };
    index.min(most)
}

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
    // From the end backwards: sums of what remains after cutting at each batch.
    let (mut total, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for (index, mean) in means.iter().enumerate().rev() {
        total += mean;
        squares += mean * mean;
        if index <= most {
            let kept = (batches - index) as f64;
            let error = (squares - total * total / kept) / (kept * kept);
            // Ties go to the shorter cut, which is seen later here.
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

fn differs(start: &[f64], rest: &[f64]) -> bool {
    let mean = |part: &[f64]| sum(part) / part.len() as f64;
    let distance = (mean(start) - mean(rest)).abs();
    let Some(scales) = Scales::new(rest) else {
        return false;
    };
    let share = rest.len() as f64 / start.len() as f64;
    // The start is a shorter mean of the same noise. The independent form is the smaller one: a cheap first look.
    if distance * distance <= 10.0 * scales.naive() * (1.0 + share) {
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
    fn no_more_than_a_fifth_goes() {
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
