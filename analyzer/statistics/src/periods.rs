//! What repeats every N windows.
//!
//! It reads the periodogram of one series and nothing else. A peak counts against its own neighbourhood of
//! frequencies, so that autocorrelated noise, whose spectrum is high at low frequencies, raises no alarm.

use crate::error::{Error, within};

/// Fewer repeats than this are no rhythm.
pub const MIN_REPEATS: f64 = 4.0;
/// Longest series that is looked at; a longer one is averaged down to it.
const LONGEST: usize = 1 << 17;
/// Harmonics that are summed for rhythms which are no sine.
const HARMONICS: usize = 4;
/// Frequencies on each side that make a peak's background.
const BESIDE: usize = 12;

/// A rhythm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    /// Windows from one repeat to the next.
    pub windows: f64,
    /// Share of the variance that a sine of this period explains, 0..=1.
    pub strength: f64,
    /// Height of that sine: half of peak to trough, in the data's unit.
    pub amplitude: f64,
    /// Chance that noise shows such a peak at any frequency.
    pub p: f64,
}

/// The strongest rhythm of `values` at the familywise rate `false_alarm`, if there is one.
///
/// Assumes evenly spaced windows and a noise spectrum that is smooth over two dozen neighbouring frequencies. NaN or
/// infinite windows are set to the mean. Needs at least 32 windows and 4 repeats. An ordinate over the median of its
/// neighbours is exponential (Brockwell and Davis 1991, section 10.2), the sum over 4 harmonics gamma. Time
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
    let power = periodogram(&series, padded);
    let lowest = (MIN_REPEATS * padded as f64 / series.len() as f64).ceil() as usize;
    let raised = over_background(&power, lowest);
    let tests = 2.0 * power.len() as f64;
    let mut best: Option<(f64, usize)> = None;
    for index in lowest..power.len() {
        let single = (-raised[index]).exp();
        let harmonics: f64 = (1..=HARMONICS)
            .map(|h| raised.get(h * index).copied().unwrap_or(0.0))
            .sum();
        let all = if HARMONICS * index < power.len() {
            gamma_upper(harmonics)
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
    let index = fundamental(&raised, index, lowest);
    let (frequency, height) = refined(&series, index as f64 / padded as f64, 1.0 / padded as f64);
    Ok(Some(Period {
        windows: stride as f64 / frequency,
        strength: (0.5 * height * height / variance).min(1.0),
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
        // Padding spreads a peak over the next ordinates: they are no background.
        let reach = BESIDE.min(index.saturating_sub(2));
        beside.clear();
        beside.extend_from_slice(&power[index - reach..index - 1.min(reach)]);
        beside.extend_from_slice(
            &power[(index + 2).min(power.len())..(index + 1 + BESIDE).min(power.len())],
        );
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

/// The lowest frequency of which `index` is a multiple and that rises from its background too: a short job repeats
/// with many harmonics, of which the strongest need not be the first.
fn fundamental(raised: &[f64], index: usize, lowest: usize) -> usize {
    let peak = |around: usize| {
        (around.saturating_sub(1)..=around + 1)
            .filter(|&i| i >= lowest && i < raised.len())
            .max_by(|&a, &b| raised[a].total_cmp(&raised[b]))
    };
    let parts = (2..=8)
        .rev()
        .filter_map(|part| peak((index + part / 2) / part));
    // Beyond 10 by chance: 3 ordinates, 7 tests, one in a thousand.
    parts
        .into_iter()
        .find(|&i| raised[i] > 10.0)
        .unwrap_or(index)
}

/// P(X > x) of the gamma distribution with shape 4 and rate 1.
fn gamma_upper(x: f64) -> f64 {
    (-x).exp() * (1.0 + x * (1.0 + x / 2.0 * (1.0 + x / 3.0)))
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
