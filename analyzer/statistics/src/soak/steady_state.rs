//! Whether a run reached a steady state, and from which window on.
//!
//! It combines the results of `warm_up`, `changes` and `mean_of_windows`.

use crate::error::Error;
use crate::math::distributions::t_upper_quantile;
use crate::math::long_run_variance::mean_of_windows;
use crate::series::change::{Change, ChangeKind};
use crate::series::changes::changes;
use crate::series::warm_up::warm_up;

/// Smallest effective sample size at which a series without a change is evidence of a steady state.
pub const MIN_EFFECTIVE_SIZE: f64 = 15.0;

/// As many independent places a step can have, for the size that would be seen, by simulation.
const PLACES: f64 = 200.0;
/// The standard error of the difference between the first three quarters and the last, over that of
/// the mean of the whole: √(1 / ¾ + 1 / ¼).
const PARTS_OVER_WHOLE: f64 = 2.309;

/// The answer of [`steady_state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Steadiness {
    /// The level is steady from [`SteadyState::from`] on.
    Steady,
    /// The level still moved in the second half, or drifts.
    Moving,
    /// There are too few data.
    Inconclusive,
}

/// Whether the level of a run is steady.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SteadyState {
    /// The answer.
    pub steadiness: Steadiness,
    /// First window of the last level, 0-based.
    pub from: usize,
    /// Number of steps and drifts after the warm-up.
    pub changes: usize,
    /// A step of this size at three quarters of the last level would be seen in 80% of such series,
    /// in the data's unit; `None` where too few windows are known.
    pub detectable: Option<f64>,
    /// Effective sample size of the last level: the number of independent windows whose mean has
    /// the same standard error.
    pub effective_size: f64,
}

/// Judges one series of windows, of which NaN and infinite ones are missing, at the familywise rate
/// `false_alarm`.
///
/// The run is steady if nothing drifts after the warm-up, if at least half of the run comes after
/// the last step, and if the effective sample size of those windows is at least 15. It is moving if
/// a drift was found or the last step lies in the second half. Assumes what
/// [`changes`](crate::changes()) assumes.
///
/// # Errors
/// A rate outside 0..=0.5.
pub fn steady_state(values: &[f64], false_alarm: f64) -> Result<SteadyState, Error> {
    let cut = warm_up(values);
    let found = changes(&values[cut..], None, false_alarm)?;
    let levels = || {
        found
            .iter()
            .filter(|c: &&Change| !matches!(c.kind, ChangeKind::Outlier | ChangeKind::New))
    };
    let last = levels().map(|c| c.index + cut).max();
    let from = last.unwrap_or(cut);
    let level = mean_of_windows(&values[from..]);
    let effective_size = level.as_ref().map_or(0.0, |m| m.effective_size);
    let detectable = level.map(|m| {
        let beyond = |level: f64| t_upper_quantile(level, m.degrees_of_freedom);
        let deviations = beyond(0.5 * false_alarm / PLACES) + beyond(0.2);
        deviations * m.standard_error * PARTS_OVER_WHOLE
    });
    let drifts = levels().any(|c| c.kind == ChangeKind::Drift);
    let steadiness = if drifts || 2 * from > values.len() {
        Steadiness::Moving
    } else if effective_size >= MIN_EFFECTIVE_SIZE {
        Steadiness::Steady
    } else {
        Steadiness::Inconclusive
    };
    Ok(SteadyState {
        steadiness,
        from,
        changes: levels().count(),
        detectable,
        effective_size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        ((i * 7919) % 101) as f64 / 101.0 + ((i * 104_729) % 97) as f64 / 97.0
    }

    #[test]
    fn flat_moving_and_short_are_distinguished() {
        let flat: Vec<f64> = (0..600).map(noise).collect();
        assert_eq!(
            steady_state(&flat, 0.05).unwrap().steadiness,
            Steadiness::Steady
        );
        let drift: Vec<f64> = (0..600).map(|i| noise(i) + i as f64 / 100.0).collect();
        assert_eq!(
            steady_state(&drift, 0.05).unwrap().steadiness,
            Steadiness::Moving
        );
        assert_eq!(
            steady_state(&flat[..10], 0.05).unwrap().steadiness,
            Steadiness::Inconclusive
        );
        assert_eq!(
            steady_state(&[], 0.05).unwrap().steadiness,
            Steadiness::Inconclusive
        );
        assert!(steady_state(&[], 2.0).is_err());
    }

    #[test]
    fn the_first_steady_window_is_reported() {
        let step: Vec<f64> = (0..600)
            .map(|i| noise(i) + if i < 150 { 4.0 } else { 0.0 })
            .collect();
        let found = steady_state(&step, 0.05).unwrap();
        assert_eq!(found.steadiness, Steadiness::Steady);
        assert!(found.from.abs_diff(150) <= 2, "{found:?}");
    }
}
