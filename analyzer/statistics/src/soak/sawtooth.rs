//! A garbage collector's sawtooth: the time and the value of each trough.
//!
//! It finds troughs in any series that swings. `leak` decides whether the troughs rise.

use crate::soak::trend::trend;

/// The smallest swing, in deviations of the point-to-point noise.
const SWING_OVER_NOISE: f64 = 5.0;
/// A swing below this share of the largest value is a rounding error.
const ROUNDING: f64 = 1e-12;

/// A sawtooth by its troughs.
pub(crate) struct Sawtooth {
    /// When each trough began.
    pub(crate) times: Vec<f64>,
    /// The value of each trough, in the data's unit.
    pub(crate) troughs: Vec<f64>,
    /// Median distance from a trough to the next peak, in the data's unit.
    pub(crate) height: f64,
    /// Number of periods; the last one may be incomplete.
    pub(crate) periods: f64,
}

/// The sawtooth of a series of finite values; `None` when it has none. A swing is half of the range
/// of the series without its trend (5th to 95th percentile), and must be clearly larger than the
/// point-to-point noise.
pub(crate) fn sawtooth(times: &[f64], values: &[f64]) -> Option<Sawtooth> {
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
    // The rounding errors of a straight line are no swing.
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    if swing <= ROUNDING * largest || swing < SWING_OVER_NOISE * noise {
        return None;
    }
    // A fall is complete when the series is a swing below its last peak; a rise is complete when it
    // is a swing above its last trough.
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
    // The length of the series and the number of falls both limit the number of periods.
    let periods = (values.len() as f64 / spacing).min(falls.len() as f64 + 0.999);
    let (mut troughs, mut when, mut heights) = (Vec::new(), Vec::new(), Vec::new());
    for (i, &fall) in falls.iter().enumerate() {
        let end = falls.get(i + 1).copied().unwrap_or(values.len());
        // The trough is the mean of the lowest tenth of the period.
        let mut part: Vec<f64> = values[fall..end].to_vec();
        part.sort_by(f64::total_cmp);
        let bottom = (part.len() / 10).max(1);
        let trough = part[..bottom].iter().sum::<f64>() / bottom as f64;
        if end - fall >= (spacing / 2.0) as usize || i + 1 < falls.len() {
            troughs.push(trough);
            when.push(times[fall]);
            heights.push(part[part.len() - 1] - trough);
        }
    }
    let height = quantile(&heights, 0.5);
    Some(Sawtooth {
        times: when,
        troughs,
        height,
        periods,
    })
}

/// The sample quantile by nearest rank; 0 when there are no values.
fn quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (p * sorted.len() as f64) as usize;
    sorted
        .get(rank.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_line_is_no_sawtooth() {
        for points in [12, 100, 2000, 50_000] {
            for start in [0.0, 1e9, -0.3] {
                for slope in [1.0 / 3.0, -0.7, 4096.0, 1e-3] {
                    let times: Vec<f64> = (0..points).map(|i| 10.0 * f64::from(i)).collect();
                    let values: Vec<f64> = times.iter().map(|t| start + slope * t).collect();
                    let found = sawtooth(&times, &values);
                    assert!(found.is_none(), "{points} {start} {slope}");
                }
            }
        }
    }
}
