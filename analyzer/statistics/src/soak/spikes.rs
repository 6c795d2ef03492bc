//! Single points far from all around them, which a line would follow.
//!
//! They are left out before growth is judged. `series::outliers` is for `changes`, which reports
//! them.

use crate::math::median::median;

/// The median of this many points on each side, and of the point itself, is where a point should
/// be. A step, a tooth and a line stay.
const EACH_SIDE: usize = 3;
/// A spike is this many deviations away.
const FAR: f64 = 20.0;
/// With more spikes than one in this many points they are a part of the series.
const POINTS_PER_SPIKE: usize = 500;
/// With fewer points than this every point counts.
const FEWEST: usize = 100;

/// The points without spikes, and the number of spikes. Nothing is left out where spikes are more
/// than 1 in 500 points (one in fewer points).
pub(crate) fn without_spikes(times: &[f64], values: &[f64]) -> (Vec<f64>, Vec<f64>, usize) {
    let all = || (times.to_vec(), values.to_vec(), 0);
    if values.len() < FEWEST {
        return all();
    }
    let distance = |index: usize| {
        let from = index.saturating_sub(EACH_SIDE);
        let around = &values[from..(index + EACH_SIDE + 1).min(values.len())];
        (values[index] - median(around)).abs()
    };
    let distances: Vec<f64> = (0..values.len()).map(distance).collect();
    let far = FAR * 1.4826 * median(&distances);
    let is_spike = |index: usize| distances[index] > far;
    let spikes = (0..values.len()).filter(|index| is_spike(*index)).count();
    if spikes == 0 || spikes > (values.len() / POINTS_PER_SPIKE).max(1) {
        return all();
    }
    let kept = (0..values.len()).filter(|index| !is_spike(*index));
    let (times, values) = kept.map(|index| (times[index], values[index])).unzip();
    (times, values, spikes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_left_out_and_a_step_is_not() {
        let times: Vec<f64> = (0..1000).map(f64::from).collect();
        let level = |i: usize| 100.0 + (i * 7919 % 101) as f64 / 50.0;
        let mut values: Vec<f64> = (0..1000).map(level).collect();
        assert_eq!(without_spikes(&times, &values).2, 0);
        values[700] = 1000.0;
        let (kept_times, kept, spikes) = without_spikes(&times, &values);
        assert_eq!((spikes, kept.len(), kept_times[700]), (1, 999, 701.0));
        values[800..].iter_mut().for_each(|value| *value += 500.0);
        assert_eq!(without_spikes(&times, &values).2, 1);
        for i in 0..20 {
            values[40 * i + 5] = 1000.0;
        }
        assert_eq!(
            without_spikes(&times, &values).2,
            0,
            "they are a part of it"
        );
    }
}
