//! Swings that grow: teeth that are too short for the points of a series, and grow taller.
//!
//! Such teeth are not seen as teeth, and their mean rises on a flat floor. What gives them away is
//! that the points scatter more and more.

use crate::math::bent_line::BentLine;
use crate::math::distributions::t_upper_quantile;
use crate::soak::finding::{Finding, Status};

/// Blocks whose scatter is compared.
const BLOCKS: usize = 16;
/// Fewer points in a block do not show their scatter.
const LEAST_POINTS: usize = 4;
/// The false-alarm rate of growing scatter.
const LEVEL: f64 = 0.005;
/// Teeth of scatter s have a mean of about 2 s above their floor, and more where a point is a mean
/// over a large part of a tooth. A rise beyond this multiple is not theirs.
const RISE_OVER_SCATTER: f64 = 10.0;

/// The leak finding, inconclusive where it was found and the growth of the scatter may explain it.
pub(crate) fn of_growing_swings(leak: Finding, times: &[f64], values: &[f64]) -> Finding {
    if leak.status != Status::Found {
        return leak;
    }
    let fitted = growth(times, values).zip(BentLine::fit(times, values, None));
    let Some((grown, line)) = fitted else {
        return without_short_teeth(leak, times);
    };
    let ends = |edge: fn(&[f64]) -> Option<&f64>| edge(times).map_or(0.0, |time| line.at(*time));
    let rise = ends(<[f64]>::last) - ends(<[f64]>::first);
    if rise > RISE_OVER_SCATTER * grown {
        return without_short_teeth(leak, times);
    }
    Finding {
        status: Status::Inconclusive,
        time_to_limit_s: None,
        reason: "it swings more and more: teeth that are too short for these points may grow \
                 taller on a flat floor"
            .to_owned(),
        ..leak
    }
}

/// The finding with the limit of its points: teeth that are shorter than one are a part of its mean.
fn without_short_teeth(leak: Finding, times: &[f64]) -> Finding {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return leak;
    };
    let apart = (last - first) / (times.len() - 1).max(1) as f64;
    let reason = format!(
        "{}; teeth of less than {:.0} s would not be seen",
        leak.reason,
        2.0 * apart
    );
    Finding { reason, ..leak }
}

/// By how much the deviation of the points from the line of their block grows, in the data's unit;
/// `None` where it does not clearly grow.
fn growth(times: &[f64], values: &[f64]) -> Option<f64> {
    let size = values.len() / BLOCKS;
    if size < LEAST_POINTS {
        return None;
    }
    let blocks = times.chunks_exact(size).zip(values.chunks_exact(size));
    let scatter: Vec<f64> = blocks.take(BLOCKS).map(|(t, v)| deviation(t, v)).collect();
    let places: Vec<f64> = (0..BLOCKS).map(|block| block as f64).collect();
    let (slope, residual) = line(&places, &scatter);
    let degrees = BLOCKS as f64 - 2.0;
    let sxx: f64 = (BLOCKS * (BLOCKS * BLOCKS - 1)) as f64 / 12.0;
    let error = (residual / degrees / sxx).sqrt();
    (slope > t_upper_quantile(LEVEL, degrees) * error && slope > 0.0)
        .then_some(slope * BLOCKS as f64)
}

/// The standard deviation around the line.
fn deviation(times: &[f64], values: &[f64]) -> f64 {
    let (_, squares) = line(times, values);
    (squares / (values.len() as f64 - 2.0)).sqrt()
}

/// The slope of the least-squares line, and the sum of the squared residuals.
fn line(x: &[f64], y: &[f64]) -> (f64, f64) {
    let count = x.len() as f64;
    let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let pairs = || x.iter().zip(y).map(|(x, y)| (x - mean_x, y - mean_y));
    let sxx: f64 = pairs().map(|(x, _)| x * x).sum();
    let sxy: f64 = pairs().map(|(x, y)| x * y).sum();
    let slope = if sxx > 0.0 { sxy / sxx } else { 0.0 };
    (slope, pairs().map(|(x, y)| (y - slope * x).powi(2)).sum())
}
