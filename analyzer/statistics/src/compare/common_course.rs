//! The noise of a run without what all runs of its side have in common: a leak that every run
//! repeats, or work that begins at the same moment of each, is no noise from run to run.

use crate::compare::estimate::Estimate;
use crate::math::time_scales::TimeScales;

/// At least this share of a run's windows must have been observed in another run too.
const LEAST_SHARE: f64 = 0.5;

/// Gives each of several runs of a side the noise that is its own. `runs` has the estimates with
/// their linearised series, one number per window from the same moment on, NaN where it is missing.
/// A run without enough windows that another one has too keeps all of its noise.
pub(super) fn take_off<'a>(runs: impl Iterator<Item = (&'a mut Estimate, &'a [f64])>) {
    let mut runs: Vec<(&mut Estimate, &[f64])> = runs.collect();
    if runs.len() < 2 {
        return;
    }
    let longest = runs.iter().map(|(_, series)| series.len()).max();
    let common: Vec<(f64, f64)> = (0..longest.unwrap_or(0))
        .map(|window| at(&runs, window))
        .collect();
    for (estimate, series) in &mut runs {
        // Each run is a part of the mean that is subtracted, which takes 1/n of its variance off.
        let own = series.iter().zip(&common).map(|(value, (mean, count))| {
            let share = (count - 1.0) / count;
            (value - mean) / share.sqrt()
        });
        let own: Vec<f64> = own.filter(|value| value.is_finite()).collect();
        let enough = own.len() as f64 >= LEAST_SHARE * estimate.scales.length as f64;
        estimate.own = TimeScales::new(&own).filter(|_| enough);
    }
}

/// The mean of the runs in a window, and the number of runs that have it.
fn at(runs: &[(&mut Estimate, &[f64])], window: usize) -> (f64, f64) {
    let values = runs.iter().filter_map(|(_, series)| series.get(window));
    let values = values.filter(|value| value.is_finite());
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (sum / count, count)
}
