//! The teeth of a garbage collector's sawtooth: when each began and how low it was.
//!
//! It finds them in any swinging series; whether their lows rise is judged in `leak`.

use crate::trend::trend;

/// A tooth is at least so many deviations of the point-to-point noise high.
const NOISE: f64 = 5.0;

/// A sawtooth: one low per tooth.
pub(crate) struct Teeth {
    pub(crate) times: Vec<f64>,
    pub(crate) lows: Vec<f64>,
    /// Typical height of a tooth.
    pub(crate) height: f64,
    pub(crate) periods: f64,
}

/// The teeth of a series of finite values, `None` when it has none: swings of half the detrended series' range (5th to
/// 95th percentile) that stand out of the point-to-point noise.
pub(crate) fn teeth(times: &[f64], values: &[f64]) -> Option<Teeth> {
    if values.len() < 12 {
        return None;
    }
    let line = trend(times, values)?;
    let flat: Vec<f64> = times
        .iter()
        .zip(values)
        .map(|(t, v)| v - line.slope * (t - times[0]))
        .collect();
    let steps: Vec<f64> = flat.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    let noise = 1.4826 * quantile(&steps, 0.5) / std::f64::consts::SQRT_2;
    let swing = 0.5 * (quantile(&flat, 0.95) - quantile(&flat, 0.05));
    if swing <= 0.0 || swing < NOISE * noise {
        return None;
    }
    // A fall is complete once the series has come down from its peak by a swing; a rise likewise from its low.
    let mut falls: Vec<usize> = Vec::new();
    let (mut falling, mut extreme, mut at) = (false, flat[0], 0);
    for (index, &value) in flat.iter().enumerate() {
        if falling {
            if value < extreme {
                (extreme, at) = (value, index);
            } else if value - extreme >= swing {
                falls.push(at);
                (falling, extreme) = (false, value);
            }
        } else {
            if value > extreme {
                extreme = value;
            } else if extreme - value >= swing {
                (falling, extreme, at) = (true, value, index);
            }
        }
    }
    if falling {
        falls.push(at);
    }
    if falls.is_empty() {
        return None;
    }
    let gaps: Vec<f64> = falls.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
    let spacing = if gaps.is_empty() {
        values.len() as f64
    } else {
        quantile(&gaps, 0.5)
    };
    // Both ways of counting must agree that enough was seen.
    let periods = (values.len() as f64 / spacing).min(falls.len() as f64 + 0.999);
    let (mut lows, mut when, mut heights) = (Vec::new(), Vec::new(), Vec::new());
    for (i, &fall) in falls.iter().enumerate() {
        let end = falls.get(i + 1).copied().unwrap_or(values.len());
        // The bottom of the tooth: the lowest tenth of it.
        let mut part: Vec<f64> = values[fall..end].to_vec();
        part.sort_by(f64::total_cmp);
        let bottom = (part.len() / 10).max(1);
        let low = part[..bottom].iter().sum::<f64>() / bottom as f64;
        if end - fall >= (spacing / 2.0) as usize || i + 1 < falls.len() {
            lows.push(low);
            when.push(times[fall]);
            heights.push(part[part.len() - 1] - low);
        }
    }
    let height = quantile(&heights, 0.5);
    Some(Teeth {
        times: when,
        lows,
        height,
        periods,
    })
}

/// A sample quantile by nearest rank; 0 of nothing.
fn quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (p * sorted.len() as f64) as usize;
    sorted
        .get(rank.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}
