//! A cycle of known length, such as that of a day, is subtracted before growth is judged.
//!
//! The line and the cycle are fitted together, so that a leak is not counted as a part of the
//! cycle. The line may bend: growth that begins within the series leaves a slow wave around a
//! straight line, which would be counted as a part of the cycle.

use crate::math::bent_line::BentLine;

/// A cycle is only known when the series covers it this many times.
const LEAST_REPEATS: f64 = 2.0;
/// Fewer points per cycle do not show its shape.
const LEAST_POINTS: f64 = 12.0;
/// A cycle that explains less of the variance around the line than this is left in.
const LEAST_SHARE: f64 = 0.1;
/// Deviations from the line below this share of the largest value are rounding errors.
const ROUNDING: f64 = 1e-10;

/// A cycle that a series has.
pub(crate) struct Cycle {
    line: BentLine,
    /// Seconds.
    pub(crate) length: f64,
}

impl Cycle {
    /// The cycle at `time`, also after the series: the distance from the line, in the data's unit.
    pub(crate) fn at(&self, time: f64) -> f64 {
        self.line.cycle(time)
    }
}

/// The values without their cycle of `length` seconds, and the cycle; `None` when they have none
/// that matters, or when the series is too short to know it.
pub(crate) fn without_cycle(
    times: &[f64],
    values: &[f64],
    length: f64,
) -> Option<(Vec<f64>, Cycle)> {
    let repeats = (*times.last()? - *times.first()?) / length;
    if repeats < LEAST_REPEATS || (values.len() as f64) < LEAST_POINTS * repeats {
        return None;
    }
    let line = BentLine::fit(times, values, Some(length))?;
    let pairs = || times.iter().zip(values);
    let left: Vec<f64> = pairs().map(|(t, v)| v - line.cycle(*t)).collect();
    let (mut with, mut without) = (0.0, 0.0);
    for ((time, value), flat) in pairs().zip(&left) {
        with += (value - line.at(*time)).powi(2);
        without += (flat - line.at(*time)).powi(2);
    }
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let exact = (with / values.len() as f64).sqrt() <= ROUNDING * largest;
    let matters = with.is_finite() && !exact && with - without > LEAST_SHARE * with;
    matters.then_some((left, Cycle { line, length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_under_a_cycle_comes_back() {
        let times: Vec<f64> = (0..500).map(|i| 600.0 * f64::from(i)).collect();
        let line = |t: f64| 50.0 + t / 1e4;
        let day = std::f64::consts::TAU / 86_400.0;
        let value = |t: &f64| line(*t) + 7.0 * (day * t + 1.0).sin() + 2.0 * (2.0 * day * t).cos();
        let values: Vec<f64> = times.iter().map(value).collect();
        let (left, cycle) = without_cycle(&times, &values, 86_400.0).unwrap();
        for (time, value) in times.iter().zip(&left) {
            assert!((value - line(*time)).abs() < 1e-8, "{time}: {value}");
        }
        let later = 1e6;
        assert!((cycle.at(later) - (value(&later) - line(later))).abs() < 1e-8);
    }

    #[test]
    fn growth_that_begins_on_the_way_is_no_part_of_the_cycle() {
        // Three days; the growth of the second half is far larger than the cycle.
        let times: Vec<f64> = (0..433).map(|i| 600.0 * f64::from(i)).collect();
        let line = |t: f64| 50.0 + (t - 129_600.0).max(0.0) / 1e3;
        let day = std::f64::consts::TAU / 86_400.0;
        let value = |t: &f64| line(*t) + 7.0 * (day * t + 1.0).sin();
        let values: Vec<f64> = times.iter().map(value).collect();
        let (left, _) = without_cycle(&times, &values, 86_400.0).unwrap();
        for (time, value) in times.iter().zip(&left) {
            assert!((value - line(*time)).abs() < 1e-6, "{time}: {value}");
        }
    }

    #[test]
    fn a_short_series_and_a_line_have_no_cycle() {
        let times: Vec<f64> = (0..500).map(|i| 600.0 * f64::from(i)).collect();
        for (times, values) in [
            (&times[..], &times[..]),
            (&times[..250], &times[..250]),
            (&[], &[]),
            (&times, &[3.0; 500]),
        ] {
            assert!(without_cycle(times, values, 86_400.0).is_none());
        }
    }
}
