//! The variance of a mean of autocorrelated windows, and the degrees of freedom of that variance.
//!
//! It owns the long-run variance and nothing else: it has no thresholds and no verdicts.
//!
//! The series is cut into blocks at several time scales: single windows, then 6, 8, 12, 16, 32 …
//! blocks. At each scale the variance of the block means gives one variance of the overall mean. It
//! is multiplied by (1 + ρ) / (1 − ρ), where ρ is the lag-one correlation of the block means,
//! corrected for its bias. The largest of these variances is used. The fine scales describe
//! autoregressive noise well. The coarse scales see bursts, cycles and everything slow. A negative
//! ρ is set to 0, so that a periodic series never makes a mean look more certain than independent
//! windows would.
//!
//! Sources: batch means, Conway 1963, Flegal and Jones 2010; the first-order autoregressive form
//! and the bias (1 + 3ρ) / n, Kendall 1954; degrees of freedom, Welch 1947 and Satterthwaite 1946,
//! with m (1 − ρ) / (1 + ρ) effective blocks. To use the largest scale is our own choice
//! (`docs/decisions/long-run-variance.md`). It is conservative for short memory. It is not enough
//! for long memory (fractional d ≥ 0.2), which no single run can reveal.

use crate::math::time_scales::{Scale, TimeScales};

/// From this many blocks on, the variance of block means is corrected by their correlation. With
/// fewer blocks the correlation is too uncertain.
const CORRECTED_BLOCKS: usize = 16;
/// A run shorter than this many windows may show little noise by chance. Below this length each
/// side keeps its own correlation, the correction begins at [`CORRECTED_BLOCKS_OF_SHORT_RUN`]
/// blocks, and the larger variance of the two sides is used for both.
const SHORT_RUN: usize = 400;
/// [`CORRECTED_BLOCKS`] for runs below [`SHORT_RUN`].
const CORRECTED_BLOCKS_OF_SHORT_RUN: usize = 8;
/// A comparison of two sides gets at most one degree of freedom per this many windows, since noise
/// may stay at one level that long.
const WINDOWS_PER_DEGREE: f64 = 20.0;
/// The scale whose correlation limits the degrees of freedom of a comparison: sixteenths of a run.
const SLOW_BLOCKS: usize = 16;
/// Largest correlation of block means that is used.
const MAX_CORRELATION: f64 = 0.97;
/// Most degrees of freedom of a variance.
const MAX_DEGREES: f64 = 12.0;
/// [`MAX_DEGREES`] for residuals of a fitted series.
const MAX_DEGREES_OF_RESIDUALS: f64 = 30.0;

/// Variances of the means of several series, all from the same time scale: the one at which their
/// weighted sum is largest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Combined {
    /// One per series, in the square of its unit.
    pub(crate) variances: Vec<f64>,
    /// Degrees of freedom of the weighted sum.
    pub(crate) degrees: f64,
}

/// The mean of a series of windows and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanOfWindows {
    /// Number of windows that are not missing.
    pub windows: usize,
    /// Their mean, in the data's unit.
    pub mean: f64,
    /// Standard error of the mean under autocorrelation, in the data's unit.
    pub standard_error: f64,
    /// Degrees of freedom of that standard error, at most 12.
    pub degrees_of_freedom: f64,
    /// Effective sample size: the number of independent windows whose mean has the same standard
    /// error; at most `windows`.
    pub effective_size: f64,
}

/// Mean, standard error and effective size of one series. NaN and infinite windows are missing.
///
/// Assumes that the series is stationary and that its memory is short compared to its length. The
/// windows before and after a missing one are treated as neighbours. `None` when fewer than
/// [`MIN_WINDOWS`](crate::MIN_WINDOWS) are present. Method and sources are in
/// `docs/decisions/long-run-variance.md`.
pub fn mean_of_windows(values: &[f64]) -> Option<MeanOfWindows> {
    let present: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let scales = TimeScales::new(&present)?;
    let combined = combine(&[(&scales, 1.0)])?;
    let variance = combined.variances[0];
    let single = scales.scales[0].squares / (present.len() - 1) as f64;
    let effective = if variance > 0.0 {
        single / variance
    } else {
        present.len() as f64
    };
    Some(MeanOfWindows {
        windows: present.len(),
        mean: scales.mean,
        standard_error: variance.sqrt(),
        degrees_of_freedom: combined.degrees,
        effective_size: effective.min(present.len() as f64),
    })
}

/// Settings of an estimate of variances.
#[derive(Debug, Clone, Copy)]
struct Settings {
    /// The series are short: each keeps its own correlation, and the largest variance is used for
    /// all of them.
    short: bool,
    /// Number of blocks from which on the correlation of their means is corrected for.
    corrected_from: usize,
    /// Upper limit of the degrees of freedom.
    most_degrees: f64,
}

/// The variance of each series' mean, at the scale where `Σ weight · variance` is largest.
///
/// `weight` turns a variance into the common scale of the comparison. `None` without series.
pub(crate) fn combine(sides: &[(&TimeScales, f64)]) -> Option<Combined> {
    let shortest = sides.iter().map(|(side, _)| side.length).min()?;
    let short = shortest < SHORT_RUN;
    let mut most_degrees = MAX_DEGREES;
    if sides.len() > 1 {
        most_degrees = most_degrees
            .min(shortest as f64 / WINDOWS_PER_DEGREE)
            .max(1.0);
    }
    let settings = Settings {
        short,
        corrected_from: if short {
            CORRECTED_BLOCKS_OF_SHORT_RUN
        } else {
            CORRECTED_BLOCKS
        },
        most_degrees,
    };
    largest(sides, settings)
}

/// `(variance of the mean, degrees of freedom)` of the residuals of one fitted series. Such
/// residuals are used to find large effects at a strict level, so that more degrees of freedom are
/// allowed than in [`combine`].
pub(crate) fn of_residuals(scales: &TimeScales) -> Option<(f64, f64)> {
    let settings = Settings {
        short: false,
        corrected_from: CORRECTED_BLOCKS,
        most_degrees: MAX_DEGREES_OF_RESIDUALS,
    };
    let combined = largest(&[(scales, 1.0)], settings)?;
    Some((combined.variances[0], combined.degrees))
}

fn largest(sides: &[(&TimeScales, f64)], settings: Settings) -> Option<Combined> {
    let common = sides.iter().map(|(side, _)| side.scales.len()).min()?;
    let mut best: Option<(f64, Combined)> = None;
    let mut effective = f64::INFINITY;
    for index in 0..common {
        let pooled = pooled_correlation(sides, index);
        let slow = |(side, _): &(&TimeScales, f64)| side.scales[index].blocks == SLOW_BLOCKS;
        if sides.len() > 1 && sides.iter().all(slow) {
            // If sixteenths of a run are still correlated, few of them are independent. This limits
            // the degrees of freedom at every scale.
            let correlation = pooled + (1.0 + 3.0 * pooled) / SLOW_BLOCKS as f64;
            let correlation = correlation.clamp(0.0, MAX_CORRELATION);
            effective = SLOW_BLOCKS as f64 * (1.0 - correlation) / (1.0 + correlation) - 1.0;
        }
        let (total, combined) = at_scale(sides, index, pooled, settings);
        if best.as_ref().is_none_or(|(largest, _)| total > *largest) {
            best = Some((total, combined));
        }
    }
    let (_, mut combined) = best?;
    combined.degrees = combined.degrees.min(effective.max(1.0));
    Some(combined)
}

/// Lag-one correlation of the block means of all series together, not yet corrected for its bias.
fn pooled_correlation(sides: &[(&TimeScales, f64)], index: usize) -> f64 {
    let weighted = |part: fn(&Scale) -> f64| -> f64 {
        let parts = sides
            .iter()
            .map(|(side, weight)| weight * part(&side.scales[index]));
        parts.sum()
    };
    ratio(weighted(|s| s.products), weighted(|s| s.squares))
}

/// The weighted sum of the variances at one time scale, and the variances.
fn at_scale(
    sides: &[(&TimeScales, f64)],
    index: usize,
    pooled: f64,
    settings: Settings,
) -> (f64, Combined) {
    let (mut total, mut spread) = (0.0, 0.0);
    let mut variances = Vec::with_capacity(sides.len());
    for (side, weight) in sides {
        let scale = &side.scales[index];
        let blocks = scale.blocks as f64;
        let mut correlation = if settings.short {
            ratio(scale.products, scale.squares)
        } else {
            pooled
        };
        correlation += (1.0 + 3.0 * correlation) / blocks;
        correlation = correlation.clamp(0.0, MAX_CORRELATION);
        if scale.blocks < settings.corrected_from {
            correlation = 0.0;
        }
        let inflation = (1.0 + correlation) / (1.0 - correlation);
        let variance = scale.squares / (blocks - 1.0) / blocks * inflation;
        let degrees = (blocks / inflation - 1.0).max(1.0);
        total += weight * variance;
        spread += (weight * variance).powi(2) / degrees;
        variances.push(variance);
    }
    let degrees = if spread > 0.0 {
        (total * total / spread).min(settings.most_degrees)
    } else {
        settings.most_degrees
    };
    if settings.short && sides.len() > 1 {
        total = use_largest_for_all(sides, &mut variances);
    }
    (total, Combined { variances, degrees })
}

/// Gives all series the largest variance per window among them: a short series alone does not
/// show its slow noise. Returns the new weighted sum.
fn use_largest_for_all(sides: &[(&TimeScales, f64)], variances: &mut [f64]) -> f64 {
    let largest = sides
        .iter()
        .zip(variances.iter())
        .map(|((side, weight), variance)| weight * variance * side.length as f64);
    let largest = largest.fold(0.0, f64::max);
    let mut total = 0.0;
    for ((side, weight), variance) in sides.iter().zip(variances) {
        let equal = largest / side.length as f64;
        total += equal;
        if *weight > 0.0 {
            *variance = equal / weight;
        }
    }
    total
}

fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 {
        numerator / denominator
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::time_scales::MIN_WINDOWS;
    use proptest::prelude::*;

    #[test]
    fn a_constant_has_no_variance() {
        let known = mean_of_windows(&[0.1; 100]).unwrap();
        assert!((known.mean - 0.1).abs() < 1e-15);
        assert_eq!(known.standard_error, 0.0);
        assert_eq!(known.effective_size, 100.0);
    }

    #[test]
    fn too_few_windows_are_none() {
        assert_eq!(mean_of_windows(&[1.0; MIN_WINDOWS - 1]), None);
        assert_eq!(mean_of_windows(&[f64::NAN; 100]), None);
        assert_eq!(mean_of_windows(&[]), None);
    }

    #[test]
    fn the_error_is_never_below_the_independent_one() {
        // An alternating series: the error of its mean is much smaller than that of independent
        // windows, which is used nevertheless.
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let known = mean_of_windows(&values).unwrap();
        assert!(known.standard_error >= (0.25 / 400.0_f64).sqrt());
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec(any::<f64>(), 0..80)) {
            let _ = mean_of_windows(&values);
        }

        #[test]
        fn scale_and_shift_carry_over(values in proptest::collection::vec(-1.0..1.0f64, 60..80)) {
            let plain = mean_of_windows(&values).unwrap();
            let moved: Vec<f64> = values.iter().map(|v| 3.0 * v + 5.0).collect();
            let moved = mean_of_windows(&moved).unwrap();
            prop_assert!((moved.mean - (3.0 * plain.mean + 5.0)).abs() < 1e-9);
            prop_assert!((moved.standard_error - 3.0 * plain.standard_error).abs() < 1e-9);
        }
    }
}
