//! What repeats every N windows.
//!
//! It reads the periodogram of one series and nothing else. A peak counts against its own neighbourhood of
//! frequencies, so that autocorrelated noise, whose spectrum is high at low frequencies, raises no alarm.

use crate::error::{Error, within};
use statrs::function::beta;

/// Fewer repeats than this are no rhythm.
pub const MIN_REPEATS: f64 = 4.0;
/// Longest series that is looked at; a longer one is averaged down to it.
const LONGEST: usize = 1 << 17;
/// Harmonics that are summed for rhythms which are no sine.
const HARMONICS: usize = 4;
/// One harmonic counts no more than this in the sum: a lone sine must not vouch for its fractions.
const MOST_RAISED: f64 = 15.0;
/// Frequencies on each side that make a peak's background.
const BESIDE: usize = 40;
/// Ordinates next to a peak that belong to it: padding and fading widen it.
const LOBE: usize = 4;
/// Independent ordinates that the median of such a background is worth.
const WORTH: f64 = 20.0;

/// A rhythm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    /// Windows from one repeat to the next.
    pub windows: f64,
    /// Share of the variance that the mean course over one period explains, 0..=1.
    pub strength: f64,
    /// Height of the sine of this period: half of peak to trough, in the data's unit.
    pub amplitude: f64,
    /// Chance that noise shows such a peak at any frequency.
    pub p: f64,
}

/// The strongest rhythm of `values` at the familywise rate `false_alarm`, if there is one.
///
/// Assumes evenly spaced windows and a noise spectrum that is smooth over two dozen neighbouring frequencies. NaN or
/// infinite windows are set to the mean. Needs at least 32 windows and 4 repeats. The series is
/// prewhitened; an ordinate over the median of its neighbours is then F distributed with 2 degrees of freedom above
/// (Brockwell and Davis 1991, section 10.2), the mean over 4 harmonics with 8. Time
/// O(n log n).
///
/// # Errors
/// A rate outside 0..=0.5.
pub fn period(values: &[f64], false_alarm: f64) -> Result<Option<Period>, Error> {
    within("false_alarm", false_alarm, 0.0, 0.5, "between 0 and 0.5")?;
    let stride = values.len().div_ceil(LONGEST).max(1);
    let series = centred(values, stride);
    if series.len() < 32 {
        return Ok(None);
    }
    let variance = series.iter().map(|v| v * v).sum::<f64>() / series.len() as f64;
    if variance <= 0.0 || !variance.is_finite() {
        return Ok(None);
    }
    let padded = series.len().next_power_of_two();
    let power = periodogram(&whitened(&series), padded);
    let lowest = (MIN_REPEATS * padded as f64 / series.len() as f64).ceil() as usize;
    let raised = over_background(&power, lowest);
    let tests = 2.0 * power.len() as f64;
    let mut best: Option<(f64, usize)> = None;
    for index in lowest..power.len() {
        let single = (1.0 + raised[index] / WORTH).powf(-WORTH);
        let harmonics: f64 = (1..=HARMONICS)
            .map(|h| {
                raised
                    .get(h * index)
                    .copied()
                    .unwrap_or(0.0)
                    .min(MOST_RAISED)
            })
            .sum();
        let all = if HARMONICS * index < power.len() {
            f_upper(
                harmonics / HARMONICS as f64,
                2.0 * HARMONICS as f64,
                4.0 * WORTH,
            )
        } else {
            1.0
        };
        let p = tests * single.min(all);
        if best.is_none_or(|(least, _)| p < least) {
            best = Some((p, index));
        }
    }
    let Some((p, index)) = best.filter(|(p, _)| *p <= false_alarm) else {
        return Ok(None);
    };
    let step = 1.0 / padded as f64;
    let (peak, _) = refined(&series, index as f64 * step, step);
    let (frequency, height) = refined(&series, fundamental(&series, peak), 0.1 * step);
    Ok(Some(Period {
        windows: stride as f64 / frequency,
        strength: (1.0 - folded(&series, frequency) / variance).clamp(0.0, 1.0),
        amplitude: height,
        p: p.min(1.0),
    }))
}

fn centred(values: &[f64], stride: usize) -> Vec<f64> {
    let usable = |v: &&f64| v.abs() < 1e140;
    let present = values.iter().filter(usable).count();
    let mean = values.iter().filter(usable).sum::<f64>() / present.max(1) as f64;
    let centre = |v: &f64| if v.abs() < 1e140 { v - mean } else { 0.0 };
    values
        .chunks(stride)
        .map(|c| c.iter().map(centre).sum::<f64>() / c.len() as f64)
        .collect()
}

/// Power at frequencies `0, 1/padded, …` below one half.
fn periodogram(series: &[f64], padded: usize) -> Vec<f64> {
    let mut real = series.to_vec();
    real.resize(padded, 0.0);
    let mut imaginary = vec![0.0; padded];
    transform(&mut real, &mut imaginary);
    (0..padded / 2)
        .map(|i| real[i] * real[i] + imaginary[i] * imaginary[i])
        .collect()
}

/// The fast Fourier transform in place; the length is a power of two (Cooley and Tukey 1965).
fn transform(real: &mut [f64], imaginary: &mut [f64]) {
    let length = real.len();
    let bits = length.trailing_zeros();
    for index in 0..length {
        let mirrored = index.reverse_bits() >> (usize::BITS - bits);
        if index < mirrored {
            real.swap(index, mirrored);
            imaginary.swap(index, mirrored);
        }
    }
    let mut half = 1;
    while half < length {
        let step = -std::f64::consts::PI / half as f64;
        for offset in 0..half {
            let (sine, cosine) = (step * offset as f64).sin_cos();
            for low in (offset..length).step_by(2 * half) {
                let high = low + half;
                let turned = (
                    real[high] * cosine - imaginary[high] * sine,
                    real[high] * sine + imaginary[high] * cosine,
                );
                (real[high], imaginary[high]) = (real[low] - turned.0, imaginary[low] - turned.1);
                real[low] += turned.0;
                imaginary[low] += turned.1;
            }
        }
        half *= 2;
    }
}

/// Each ordinate over the mean that its neighbours' median implies; 0 below `lowest`.
fn over_background(power: &[f64], lowest: usize) -> Vec<f64> {
    let mut raised = vec![0.0; power.len()];
    let mut beside = Vec::with_capacity(2 * BESIDE);
    for index in lowest..power.len() {
        beside.clear();
        let (from, to) = (
            index.saturating_sub(BESIDE),
            (index + 1 + BESIDE).min(power.len()),
        );
        beside.extend_from_slice(&power[from.max(1)..index.saturating_sub(LOBE).max(from.max(1))]);
        beside.extend_from_slice(&power[(index + 1 + LOBE).min(to)..to]);
        if beside.len() < 8 {
            continue;
        }
        let middle = beside.len() / 2;
        let (_, median, _) = beside.select_nth_unstable_by(middle, f64::total_cmp);
        if *median > 0.0 {
            raised[index] = power[index] / (*median / std::f64::consts::LN_2);
        }
    }
    raised
}

/// The multiple of a found period by which the series folds best: a short job repeats with many harmonics, of which the
/// strongest need not be the first. Folding as in Larsson 1996 (epoch folding), its gain adjusted for the bins.
fn fundamental(series: &[f64], frequency: f64) -> f64 {
    let longest = series.len() as f64 / MIN_REPEATS;
    let total = series.iter().map(|v| v * v).sum::<f64>() / series.len() as f64;
    let mut best = (frequency, folded(series, frequency));
    for multiple in (2..=16).map(f64::from) {
        if multiple / frequency > longest {
            break;
        }
        let left = folded(series, frequency / multiple);
        // A multiple of the true period folds as well as it does: only a clear gain counts.
        if best.1 - left > 0.25 * (total - best.1) {
            best = (frequency / multiple, left);
        }
    }
    best.0
}

/// Variance that the mean profile over one period leaves, per degree of freedom.
fn folded(series: &[f64], frequency: f64) -> f64 {
    let bins = (1.0 / frequency).round().clamp(2.0, 256.0) as usize;
    let mut sums = vec![(0.0, 0.0); bins];
    let mut squares = 0.0;
    for (index, value) in series.iter().enumerate() {
        let phase = (index as f64 * frequency).fract();
        let bin = &mut sums[((phase * bins as f64) as usize).min(bins - 1)];
        bin.0 += value;
        bin.1 += 1.0;
        squares += value * value;
    }
    let explained: f64 = sums
        .iter()
        .filter(|b| b.1 > 0.0)
        .map(|b| b.0 * b.0 / b.1)
        .sum();
    (squares - explained) / (series.len() as f64 - bins as f64).max(1.0)
}

/// P(X > x) of the F distribution.
fn f_upper(x: f64, above: f64, below: f64) -> f64 {
    beta::checked_beta_reg(below / 2.0, above / 2.0, below / (below + above * x)).unwrap_or(1.0)
}

/// The series less its own first-order prediction, so that its spectrum is flat enough for a background, and faded in
/// and out (Hann), so that a strong peak does not leak into distant frequencies.
fn whitened(series: &[f64]) -> Vec<f64> {
    let squares: f64 = series.iter().map(|v| v * v).sum();
    let products: f64 = series.windows(2).map(|w| w[0] * w[1]).sum();
    let correlation = (products / squares).clamp(0.0, 0.97);
    let left: Vec<f64> = series
        .windows(2)
        .map(|w| w[1] - correlation * w[0])
        .collect();
    let mean = left.iter().sum::<f64>() / left.len() as f64;
    let turn = std::f64::consts::TAU / left.len() as f64;
    let fade = |i: usize| 0.5 - 0.5 * (turn * (i as f64 + 0.5)).cos();
    left.iter()
        .enumerate()
        .map(|(i, v)| (v - mean) * fade(i))
        .collect()
}

/// The frequency within one step at which a sine explains most, and that sine's height.
fn refined(series: &[f64], frequency: f64, step: f64) -> (f64, f64) {
    let height = |frequency: f64| {
        let turn = std::f64::consts::TAU * frequency;
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (index, value) in series.iter().enumerate() {
            let (sine, cosine) = (turn * index as f64).sin_cos();
            real += value * cosine;
            imaginary += value * sine;
        }
        2.0 * f64::hypot(real, imaginary) / series.len() as f64
    };
    let around = (-8..=8)
        .map(|i| frequency + step * f64::from(i) / 8.0)
        .filter(|f| *f > 0.0);
    let heights = around.map(|f| (f, height(f)));
    heights
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((frequency, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Uniform on −1..1 from a hash (Steele, Lea and Flood 2014): a lattice would have rhythms of its own.
    fn noise(i: usize) -> f64 {
        let mut z = (i as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(0x1234_5678_9abc);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    #[test]
    fn the_transform_is_numpys() {
        // numpy.fft.fft([1, 2, 0, -1, 3, 0.5, 0, 1])[1] and [3].
        let mut real = vec![1.0, 2.0, 0.0, -1.0, 3.0, 0.5, 0.0, 1.0];
        let mut imaginary = vec![0.0; 8];
        transform(&mut real, &mut imaginary);
        let want = [
            (0.47487373415291634, 0.3535533905932738),
            (-4.474873734152917, 0.3535533905932738),
        ];
        for (index, (re, im)) in [1, 3].into_iter().zip(want) {
            assert!((real[index] - re).abs() < 1e-12 && (imaginary[index] - im).abs() < 1e-12);
        }
    }

    #[test]
    fn a_job_every_sixty_windows_is_found() {
        let values: Vec<f64> = (0..3600)
            .map(|i| noise(i) + if i % 60 < 3 { 3.0 } else { 0.0 })
            .collect();
        let found = period(&values, 0.05).unwrap().unwrap();
        assert!((found.windows - 60.0).abs() < 0.5, "{found:?}");
    }

    #[test]
    fn a_sine_has_its_period_and_height() {
        let value = |i: usize| 2.0 * (std::f64::consts::TAU * i as f64 / 37.0).sin() + noise(i);
        let values: Vec<f64> = (0..1000).map(value).collect();
        let found = period(&values, 0.05).unwrap().unwrap();
        assert!((found.windows - 37.0).abs() < 0.3, "{found:?}");
        assert!((found.amplitude - 2.0).abs() < 0.15, "{found:?}");
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        assert_eq!(period(&[], 0.05).unwrap(), None);
        assert_eq!(period(&[4.0; 1000], 0.05).unwrap(), None);
        assert!(period(&[], f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec(any::<f64>(), 0..200)) {
            let _ = period(&values, 0.05);
        }
    }
}
