//! A garbage collector's sawtooth: the time and the value of each trough.
//!
//! It finds troughs in any series that swings. `leak` decides whether the troughs rise.

use crate::math::bent_line::BentLine;
use crate::soak::trend::trend;

/// With fewer periods of a sawtooth than this a finding is inconclusive.
pub const MIN_PERIODS: f64 = 5.0;

/// The smallest swing, in deviations of the point-to-point noise.
const SWING_OVER_NOISE: f64 = 5.0;
/// A sawtooth rises this many times more slowly than it falls. Noise and cycles rise and fall
/// alike.
const RISE_OVER_FALL: f64 = 2.5;
/// With fewer teeth than this nothing is decided.
const MANY: usize = 5;
/// [`RISE_OVER_FALL`] of fewer teeth than [`MANY`].
const FEW_TEETH: f64 = 1.0;
/// The noise of a short series is hardly known and may look larger than it is. A few teeth of this
/// swing, in deviations of the noise, count where they fall abruptly.
const SWING_OF_ABRUPT_TEETH: f64 = 3.0;
/// [`RISE_OVER_FALL`] of these. Correlated noise of the same swing falls more slowly.
const ABRUPT: f64 = 4.0;
/// The sawtooth around a line with a bend is used when it has this many times as many teeth as that
/// around a straight line.
const FAR_MORE: f64 = 2.0;
/// A fall of the series without its trend counts when the series itself falls by this share of a
/// swing.
const LEAST_DROP: f64 = 0.5;
/// A swing below this share of the largest value is a rounding error.
const ROUNDING: f64 = 1e-12;
/// A tooth begins up to this many points before its first one: its fall lies between two points, or
/// in the middle of a window, whose mean is then neither.
const BEFORE_FIRST: f64 = 1.5;

/// A sawtooth by its troughs.
pub(crate) struct Sawtooth {
    /// When each trough began.
    pub(crate) times: Vec<f64>,
    /// The value of each trough at its first point, in the data's unit.
    pub(crate) troughs: Vec<f64>,
    /// The value of each trough at the earliest moment at which the series may have fallen.
    pub(crate) earlier: Vec<f64>,
    /// Whether the teeth grow taller or shorter: only then a floor depends on where a tooth begins.
    pub(crate) changes_height: bool,
    /// Median distance from a trough to the next peak, in the data's unit.
    pub(crate) height: f64,
    /// Number of periods; the last one may be incomplete.
    pub(crate) periods: f64,
}

/// The sawtooth of a series of finite values; `None` when it has none. A swing is half of the range
/// of the series without its trend (5th to 95th percentile), and must be clearly larger than the
/// point-to-point noise. A sawtooth rises slowly and falls fast; whatever rises as fast as it falls
/// is a cycle or noise. Growth that begins within the series may hide the teeth around a straight
/// line: a line with a bend is then used. Such growth can also look like a few teeth around a
/// straight line: they count only if there are teeth around the bent line too.
pub(crate) fn sawtooth(times: &[f64], values: &[f64]) -> Option<Sawtooth> {
    if values.len() < 12 {
        return None;
    }
    let line = trend(times, values)?;
    let pairs = || times.iter().zip(values);
    let flat = pairs().map(|(t, v)| v - line.slope * (t - times[0]));
    let straight = around(times, values, &flat.collect::<Vec<f64>>());
    let line = BentLine::fit(times, values, None);
    let bent = line.as_ref().and_then(|line| {
        let flat: Vec<f64> = pairs().map(|(t, v)| v - line.at(*t)).collect();
        around(times, values, &flat)
    });
    let seen = straight.as_ref().map_or(0.0, |teeth| teeth.periods);
    if line.is_some() && bent.is_none() && seen < MIN_PERIODS {
        return None;
    }
    let least = MIN_PERIODS.max(FAR_MORE * seen);
    bent.filter(|teeth| teeth.periods >= least).or(straight)
}

/// The sawtooth of `values`, of which `flat` are the values without their trend.
fn around(times: &[f64], values: &[f64], flat: &[f64]) -> Option<Sawtooth> {
    // Around the usual step: of teeth with few points it is large, and no noise.
    let steps: Vec<f64> = flat.windows(2).map(|w| w[1] - w[0]).collect();
    let usual = quantile(&steps, 0.5);
    let steps: Vec<f64> = steps.iter().map(|step| (step - usual).abs()).collect();
    let noise = 1.4826 * quantile(&steps, 0.5) / std::f64::consts::SQRT_2;
    let swing = 0.5 * (quantile(flat, 0.95) - quantile(flat, 0.05));
    // The rounding errors of a straight line are no swing.
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    if swing <= ROUNDING * largest || swing < SWING_OF_ABRUPT_TEETH * noise {
        return None;
    }
    let (mut falls, last_rise) = zigzag(flat, swing);
    let all = falls.len();
    falls.retain(|fall| drop_of(values, fall) >= LEAST_DROP * swing);
    // Of many short bumps a few look like teeth.
    if falls.len() < MANY && all >= MANY.max(2 * falls.len()) {
        return None;
    }
    let slow = last_rise + falls.iter().map(|fall| fall.slow).sum::<usize>();
    let fast: usize = falls.iter().map(|fall| fall.fast).sum();
    let falls: Vec<usize> = falls.iter().map(|fall| fall.bottom).collect();
    let stands_out = swing >= SWING_OVER_NOISE * noise;
    let least = match (falls.len() < MANY, stands_out) {
        (true, true) => FEW_TEETH,
        (true, false) => ABRUPT,
        (false, true) => RISE_OVER_FALL,
        (false, false) => return None,
    };
    if falls.is_empty() || fast as f64 * least > slow as f64 {
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
    let (mut troughs, mut earlier) = (Vec::new(), Vec::new());
    let (mut when, mut heights) = (Vec::new(), Vec::new());
    for (i, &fall) in falls.iter().enumerate() {
        let end = falls.get(i + 1).copied().unwrap_or(values.len());
        if end - fall < (spacing / 2.0) as usize && i + 1 == falls.len() {
            continue;
        }
        let tooth = &values[fall..end];
        let (floor, before) = floor(&times[fall..end], tooth);
        troughs.push(floor);
        earlier.push(before);
        when.push(times[fall]);
        heights.push(tooth.iter().copied().fold(f64::MIN, f64::max) - floor);
    }
    let height = quantile(&heights, 0.5);
    let heights = trend(&when, &heights).map(|line| line.interval(0.025));
    Some(Sawtooth {
        changes_height: heights.is_some_and(|(low, high)| low > 0.0 || high < 0.0),
        times: when,
        troughs,
        earlier,
        height,
        periods,
    })
}

/// The sawtooth of a process that restarted at the ascending `restarts`: that of its lives
/// together. `None` unless the lives that have one hold most of the points.
pub(crate) fn sawtooth_of_lives(
    times: &[f64],
    values: &[f64],
    restarts: &[f64],
) -> Option<Sawtooth> {
    let mut edges: Vec<usize> = restarts
        .iter()
        .map(|restart| times.partition_point(|time| time < restart))
        .collect();
    edges.insert(0, 0);
    edges.push(times.len());
    let (mut all, mut points): (Option<Sawtooth>, usize) = (None, 0);
    for edge in edges.windows(2) {
        let Some(one) = sawtooth(&times[edge[0]..edge[1]], &values[edge[0]..edge[1]]) else {
            continue;
        };
        points += edge[1] - edge[0];
        all = Some(match all {
            None => one,
            Some(mut all) => {
                all.times.extend(one.times);
                all.troughs.extend(one.troughs);
                all.earlier.extend(one.earlier);
                all.changes_height |= one.changes_height;
                all.height = all.height.max(one.height);
                all.periods += one.periods;
                all
            }
        });
    }
    all.filter(|_| 2 * points > times.len())
}

/// One fall of a series.
struct Fall {
    /// The last peak before it.
    peak: usize,
    /// First point at its bottom.
    bottom: usize,
    /// Points from the trough before it until the series is a swing higher; 0 where it did not
    /// rise before.
    slow: usize,
    /// Points from the peak until the series is a swing lower.
    fast: usize,
}

/// A fall is complete when the series is a swing below its last peak; a rise is complete when it is
/// a swing above its last trough. The second number is the length of the rise after the last fall:
/// until it is complete, or else to the end of the series.
fn zigzag(flat: &[f64], swing: f64) -> (Vec<Fall>, usize) {
    let mut falls: Vec<Fall> = Vec::new();
    // The first rise begins at the start.
    let (mut low, mut low_at, mut rising) = (flat[0], 0, true);
    let (mut high, mut high_at) = (flat[0], 0);
    let mut falling = false;
    let (mut dropped, mut slow, mut fast) = (0, 0, 0);
    let fall = |dropped: usize, low_at: usize, low: f64, peak, slow, fast| {
        let bottom = flat[dropped..=low_at].iter();
        let at = bottom.take_while(|v| **v > low + 0.25 * swing).count();
        Fall {
            peak,
            bottom: dropped + at,
            slow,
            fast,
        }
    };
    for (index, &value) in flat.iter().enumerate() {
        if falling {
            if value < low {
                (low, low_at) = (value, index);
            } else if value - low >= swing {
                falls.push(fall(dropped, low_at, low, high_at, slow, fast));
                slow = index - low_at;
                (falling, rising, high, high_at) = (false, false, value, index);
            }
            continue;
        }
        if rising && value < low {
            (low, low_at) = (value, index);
        }
        if rising && value - low >= swing {
            slow = index - low_at;
            rising = false;
        }
        if value > high {
            (high, high_at) = (value, index);
        } else if high - value >= swing {
            fast = index - high_at;
            (falling, low, low_at, dropped) = (true, value, index, index);
        }
    }
    if falling {
        falls.push(fall(dropped, low_at, low, high_at, slow, fast));
        // The last rise is not complete: it lasts at least as long as this.
        return (falls, flat.len() - 1 - low_at);
    }
    (falls, slow)
}

/// How far the values themselves fall: the medians of three points at the peak and at the bottom.
/// A series that stays level while its line rises falls only in its distance from the line.
fn drop_of(values: &[f64], fall: &Fall) -> f64 {
    let peak = &values[fall.peak.saturating_sub(2)..=fall.peak];
    let bottom = &values[fall.bottom..(fall.bottom + 3).min(values.len())];
    quantile(peak, 0.5) - quantile(bottom, 0.5)
}

/// The level from which a tooth rises: the line through its first third, at its first point and at
/// the earliest moment of its begin. The mean of its lowest points would grow with the height of
/// the tooth.
fn floor(times: &[f64], tooth: &[f64]) -> (f64, f64) {
    let third = (tooth.len() / 3).max(6).min(tooth.len());
    let lowest = || tooth.iter().copied().fold(f64::MAX, f64::min);
    trend(&times[..third], &tooth[..third]).map_or_else(
        || (lowest(), lowest()),
        |line| {
            let apart = (times[third - 1] - times[0]) / (third - 1) as f64;
            (line.start, line.start - BEFORE_FIRST * apart * line.slope)
        },
    )
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
