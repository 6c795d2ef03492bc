//! The period of a periodic series.
//!
//! A peak of the spectrum is compared with the frequencies around it. Autocorrelated noise has a
//! high spectrum at low frequencies and raises no alarm.

use crate::error::{Error, within};
use crate::math::bent_line::BentLine;
use crate::math::spectrum::{INDEPENDENT_ORDINATES, backgrounds, periodogram, whitened};
use statrs::function::beta;

/// A period is found only when the series repeats it at least this many times.
const MIN_REPEATS: f64 = 4.0;
/// What is absent was repeated at least this many times: fewer repeats are often missed.
const SURE_REPEATS: f64 = 5.0;
/// With fewer windows than this no period is searched for.
pub const MIN_PERIOD_WINDOWS: usize = 32;
/// Most values that are analysed. A longer series is averaged in chunks to this length.
const LONGEST: usize = 1 << 17;
/// A period that explains a smaller share of the variance than this is not reported.
const LEAST_STRENGTH: f64 = 0.01;
/// Frequencies down to this share of that of a peak are compared with it.
const FLANK: f64 = 0.5;
/// A peak is the flank of a slow wave if more than this share of them is higher. On a flank nearly
/// all of them are; next to a peak only noise is.
const HIGHER_ON_A_FLANK: f64 = 1.0 / 3.0;
/// Number of harmonics that are summed, to find a period that is not a sine.
const HARMONICS: usize = 4;
/// The most periods of the strongest harmonic that are tried as one period.
const MOST_MULTIPLES: u32 = 64;
/// A longer period is better only if it explains this many standard errors more.
const CLEAR_GAIN: f64 = 4.0;
/// A period that was found may be this many periods.
const MOST_PARTS: u32 = 8;
/// A longer period may be rougher by this many errors of the roughness.
const ROUGHER: f64 = 4.0;
/// The amplitude of a sine between two frequencies of the spectrum, as a share of what it has at
/// one of them; the Hann window has 0.85.
const BETWEEN: f64 = 0.85;
/// A sine with this many deviations of the noise beyond the threshold is found with 80%
/// probability, by simulation: the normal quantile ÷ √2, since half of the noise is in its phase,
/// and what sines lose that look like the flank of a wave.
const FOUND: f64 = 1.0;
/// Deviations from the line below this share of the largest value are rounding errors.
const ROUNDING: f64 = 1e-10;
/// The most that one harmonic adds to the sum. Without this bound a single sine would also count
/// for the frequencies at 1/2, 1/3 and 1/4 of its own.
const MOST_OF_ONE_HARMONIC: f64 = 15.0;

/// The period of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    /// Windows from one repeat to the next.
    pub windows: f64,
    /// Share of the variance around the line that the average period explains, 0.01..=1.
    pub strength: f64,
    /// Half of the distance from peak to trough of the sine of this period, in the data's unit.
    pub amplitude: f64,
    /// P-value: the probability that noise has such a peak at any frequency.
    pub p: f64,
}

/// A search for a period, and what it could have found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeriodSearch {
    /// The clearest period.
    pub found: Option<Period>,
    /// Windows that are not missing; with fewer than [`MIN_PERIOD_WINDOWS`] nothing is searched.
    pub windows: usize,
    /// Periods up to this many windows are repeated often enough to be found.
    pub longest: f64,
    /// The amplitude (half of the distance from peak to trough) of a sine of any such period that
    /// is found with 80% probability, in the data's unit; `None` where nothing is searched, and in
    /// a constant series.
    pub detectable: Option<f64>,
}

/// The clearest period of `values`, if there is one. The probability to find one in a series
/// without a period is at most `false_alarm`.
///
/// Assumes evenly spaced windows and a noise spectrum that is smooth over two dozen neighbouring
/// frequencies. NaN and infinite windows are set to the line. Needs at least 32 windows and
/// 4 repeats.
///
/// A line that may bend once is subtracted first: growth is no period. The rest is prewhitened. The
/// ratio of an ordinate to the median of its neighbours then has an F distribution with 2 degrees
/// of freedom in the numerator (Brockwell and Davis 1991, section 10.2), the mean over 4 harmonics
/// with 8. Time O(n log n).
///
/// # Errors
/// A rate outside 0..=0.5.
pub fn period(values: &[f64], false_alarm: f64) -> Result<Option<Period>, Error> {
    Ok(search_period(values, false_alarm)?.found)
}

/// As [`period`], with what could have been found.
///
/// # Errors
/// A rate outside 0..=0.5.
pub fn search_period(values: &[f64], false_alarm: f64) -> Result<PeriodSearch, Error> {
    within("false_alarm", false_alarm, 0.0, 0.5, "between 0 and 0.5")?;
    let stride = values.len().div_ceil(LONGEST).max(1);
    let series = centred(values, stride);
    let mut search = PeriodSearch {
        found: None,
        windows: values.iter().filter(|v| v.abs() < 1e140).count(),
        longest: values.len() as f64 / SURE_REPEATS,
        detectable: None,
    };
    if search.windows < MIN_PERIOD_WINDOWS || series.len() < MIN_PERIOD_WINDOWS {
        return Ok(search);
    }
    let variance = series.iter().map(|v| v * v).sum::<f64>() / series.len() as f64;
    if variance <= 0.0 || !variance.is_finite() {
        return Ok(search);
    }
    let padded = series.len().next_power_of_two();
    let (white, correlation) = whitened(&series);
    let power = periodogram(&white, padded);
    let at_least = |repeats: f64| (repeats * padded as f64 / series.len() as f64).ceil() as usize;
    let lowest = at_least(MIN_REPEATS);
    let background = backgrounds(&power, lowest);
    let over = |(power, background): (&f64, &f64)| match *background > 0.0 {
        true => power / background,
        false => 0.0,
    };
    let raised: Vec<f64> = power.iter().zip(&background).map(over).collect();
    let tests = 2.0 * power.len() as f64;
    // The sine of each frequency whose ordinate reaches the threshold, in the data's unit.
    let threshold =
        INDEPENDENT_ORDINATES * ((tests / false_alarm).powf(1.0 / INDEPENDENT_ORDINATES) - 1.0);
    let sine = |index: usize| {
        let turn = std::f64::consts::TAU * index as f64 / padded as f64;
        let kept = (1.0 + correlation * (correlation - 2.0 * turn.cos())).sqrt();
        let of_one = BETWEEN * kept * series.len() as f64 / 4.0;
        background[index].sqrt() * (threshold.sqrt() + FOUND) / of_one
    };
    let sines = (at_least(SURE_REPEATS)..power.len()).map(sine);
    let largest = sines.fold((2.0 * LEAST_STRENGTH * variance).sqrt(), f64::max);
    search.detectable = largest.is_finite().then_some(largest);
    let mut best: Option<(f64, usize)> = None;
    for index in lowest..power.len() {
        // The flank of a slow wave rises above its background too, without a peak. The neighbour
        // below may belong to the peak.
        let below = ((FLANK * index as f64) as usize).max(1)..index - 1;
        let frequencies = below.len() as f64;
        let higher = power[below].iter().filter(|one| **one > power[index]);
        if higher.count() as f64 > HIGHER_ON_A_FLANK * frequencies {
            continue;
        }
        let single = (1.0 + raised[index] / INDEPENDENT_ORDINATES).powf(-INDEPENDENT_ORDINATES);
        let harmonics: f64 = (1..=HARMONICS)
            .map(|h| {
                raised
                    .get(h * index)
                    .copied()
                    .unwrap_or(0.0)
                    .min(MOST_OF_ONE_HARMONIC)
            })
            .sum();
        let all = if HARMONICS * index < power.len() {
            f_upper(
                harmonics / HARMONICS as f64,
                2.0 * HARMONICS as f64,
                4.0 * INDEPENDENT_ORDINATES,
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
        return Ok(search);
    };
    let step = 1.0 / padded as f64;
    let least = MIN_REPEATS / series.len() as f64;
    let peak = sharpened(&white, index as f64 * step, step, least);
    let frequency = fundamental(&series, peak);
    let strength = 1.0 - folded(&series, frequency) / variance;
    search.found = (strength >= LEAST_STRENGTH).then_some(Period {
        windows: stride as f64 / frequency,
        strength: strength.min(1.0),
        amplitude: height(&series, frequency),
        p: p.min(1.0),
    });
    Ok(search)
}

/// The values less their line, averaged over chunks of `stride`; 0 where they are missing, and
/// where the rest is a rounding error.
fn centred(values: &[f64], stride: usize) -> Vec<f64> {
    let chunks = values.chunks(stride).enumerate();
    let means = chunks.filter_map(|(index, chunk)| {
        let usable = || chunk.iter().filter(|v| v.abs() < 1e140);
        let count = usable().count() as f64;
        (count > 0.0).then(|| (index, usable().sum::<f64>() / count))
    });
    let (places, means): (Vec<usize>, Vec<f64>) = means.unzip();
    let times: Vec<f64> = places.iter().map(|place| *place as f64).collect();
    let mean = means.iter().sum::<f64>() / means.len().max(1) as f64;
    let largest = means.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let line = BentLine::fit(&times, &means, None);
    let mut series = vec![0.0; values.len().div_ceil(stride)];
    for ((place, time), value) in places.into_iter().zip(times).zip(means) {
        let left = value - line.as_ref().map_or(mean, |line| line.at(time));
        series[place] = if left.abs() <= ROUNDING * largest {
            0.0
        } else {
            left
        };
    }
    series
}

/// The frequency whose period is the best multiple of the period of `frequency`. A short periodic
/// job has many harmonics, and the strongest of them may be far from the first. Periods are compared
/// by epoch folding (Larsson 1996), adjusted for the number of bins. A period of few windows folds
/// badly if it is no whole number of them, and its multiples better: they are rougher.
fn fundamental(series: &[f64], frequency: f64) -> f64 {
    let length = series.len() as f64;
    let longest = length / MIN_REPEATS;
    let total = series.iter().map(|v| v * v).sum::<f64>() / length;
    let rougher = 1.0 + ROUGHER / length.sqrt();
    let mut best = (frequency, folded(series, frequency));
    for multiple in (2..=MOST_MULTIPLES).map(f64::from) {
        if multiple / frequency > longest {
            break;
        }
        let one = frequency / multiple;
        let left = folded(series, one);
        let gain = best.1 - left;
        // A multiple of the true period folds as well as the true one, and one of many folds well by
        // chance: only a clear gain counts.
        let by_chance = CLEAR_GAIN * left * (2.0 * bins(one) as f64).sqrt() / length;
        if gain > 0.25 * (total - best.1)
            && gain > by_chance
            && roughness(series, one) <= rougher * roughness(series, best.0)
        {
            best = (one, left);
        }
    }
    // A multiple of a period that is no whole number of windows folds better too.
    let mut smoothest = (best.0, roughness(series, best.0));
    for divided in (2..=MOST_PARTS).map(|parts| best.0 * f64::from(parts)) {
        if divided >= 0.5 {
            break;
        }
        let one = roughness(series, divided);
        if one * rougher < smoothest.1 {
            smoothest = (divided, one);
        }
    }
    smoothest.0
}

/// Parts of a period into which a series is folded.
fn bins(frequency: f64) -> usize {
    (1.0 / frequency).round().clamp(2.0, 256.0) as usize
}

/// The mean square of the steps between values that are neighbours in their phase (Lafler and
/// Kinman 1965). It is smallest for the period of a curve, whose phases the windows show one by one
/// if it is no whole number of windows; a multiple of it that is one mixes them no more.
fn roughness(series: &[f64], frequency: f64) -> f64 {
    let phase = |index: usize| (index as f64 * frequency).fract();
    let phases = series.iter().enumerate();
    let mut phases: Vec<(f64, f64)> = phases.map(|(index, v)| (phase(index), *v)).collect();
    phases.sort_by(|a, b| a.0.total_cmp(&b.0));
    let steps = phases.windows(2).map(|two| (two[1].1 - two[0].1).powi(2));
    steps.sum::<f64>() / series.len() as f64
}

/// The variance around the average period, per degree of freedom.
fn folded(series: &[f64], frequency: f64) -> f64 {
    let bins = bins(frequency);
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
fn f_upper(x: f64, numerator_df: f64, denominator_df: f64) -> f64 {
    let ratio = denominator_df / (denominator_df + numerator_df * x);
    beta::checked_beta_reg(denominator_df / 2.0, numerator_df / 2.0, ratio).unwrap_or(1.0)
}

/// The frequency within one `step` of `frequency`, and at least `least`, at which sines of it and
/// its harmonics explain most. Of a short job each harmonic alone is weak; the higher ones place the
/// frequency more exactly. `white` is without the slow noise that would pull it.
fn sharpened(white: &[f64], frequency: f64, step: f64, least: f64) -> f64 {
    let explained = |frequency: f64| -> f64 {
        let harmonics = (1..=HARMONICS).map(|h| frequency * h as f64);
        let seen = harmonics.take_while(|harmonic| *harmonic < 0.5);
        seen.map(|harmonic| height(white, harmonic).powi(2)).sum()
    };
    let mut best = frequency.max(least);
    for step in [step, step / 8.0] {
        let around = (-8..=8).map(|i| best + step * f64::from(i) / 8.0);
        let around = around.filter(|one| *one >= least * (1.0 - 1e-9));
        let explained = around.map(|one| (one, explained(one)));
        best = explained
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(best, |(one, _)| one);
    }
    best
}

/// The amplitude of the sine of this frequency that explains most.
fn height(series: &[f64], frequency: f64) -> f64 {
    let (sine, cosine) = (std::f64::consts::TAU * frequency).sin_cos();
    let (mut real, mut imaginary) = (0.0, 0.0);
    // A unit vector that turns from window to window.
    let (mut x, mut y) = (1.0, 0.0);
    for value in series {
        real += value * x;
        imaginary += value * y;
        (x, y) = (x * cosine - y * sine, x * sine + y * cosine);
    }
    2.0 * f64::hypot(real, imaginary) / series.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Uniform on −1..1 from a hash (Steele, Lea and Flood 2014): a lattice would be periodic.
    fn noise(i: usize) -> f64 {
        let mut z = (i as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(0x1234_5678_9abc);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
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
    fn an_empty_or_constant_series_has_no_period() {
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
