//! A cycle of known length, such as that of a day, is taken off before growth is judged.
//!
//! The line and the cycle are fitted together, so that a leak is not counted as a part of the
//! cycle.

/// A cycle is only known when the series covers it this many times.
const LEAST_REPEATS: f64 = 2.0;
/// Fewer points per cycle do not show its shape.
const LEAST_POINTS: f64 = 12.0;
/// A cycle that explains less of the variance around the line than this is left in.
const LEAST_SHARE: f64 = 0.1;
/// Coefficients: level, slope, and the cosine and sine of the cycle and of its half.
const TERMS: usize = 6;

/// The values without their cycle of `length` seconds; `None` when they have none that matters, or
/// when the series is too short to know it.
pub(crate) fn without_cycle(times: &[f64], values: &[f64], length: f64) -> Option<Vec<f64>> {
    let (first, last) = (*times.first()?, *times.last()?);
    let repeats = (last - first) / length;
    if repeats < LEAST_REPEATS || (values.len() as f64) < LEAST_POINTS * repeats {
        return None;
    }
    let terms = |time: f64| -> [f64; TERMS] {
        let turn = std::f64::consts::TAU * ((time - first) / length).fract();
        let share = 2.0 * (time - first) / (last - first) - 1.0;
        let (sine, cosine) = turn.sin_cos();
        let (sine2, cosine2) = (2.0 * turn).sin_cos();
        [1.0, share, cosine, sine, cosine2, sine2]
    };
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let mut system = [[0.0; TERMS + 1]; TERMS];
    for (time, value) in times.iter().zip(values) {
        let x = terms(*time);
        for (row, left) in system.iter_mut().zip(x) {
            for (cell, right) in row.iter_mut().zip(x) {
                *cell += left * right;
            }
            row[TERMS] += left * (value - mean);
        }
    }
    let fitted = solve(system)?;
    let cycle = |time: f64| -> f64 {
        let x = terms(time);
        (2..TERMS).map(|k| fitted[k] * x[k]).sum()
    };
    let (mut with, mut without) = (0.0, 0.0);
    let left: Vec<f64> = times
        .iter()
        .zip(values)
        .map(|(t, v)| v - cycle(*t))
        .collect();
    for ((time, value), flat) in times.iter().zip(values).zip(&left) {
        let x = terms(*time);
        let line = mean + fitted[0] + fitted[1] * x[1];
        with += (value - line).powi(2);
        without += (flat - line).powi(2);
    }
    (with.is_finite() && with - without > LEAST_SHARE * with).then_some(left)
}

/// The solution of a symmetric system, by Gaussian elimination with pivots; `None` when it has
/// none.
fn solve(mut system: [[f64; TERMS + 1]; TERMS]) -> Option<[f64; TERMS]> {
    for column in 0..TERMS {
        let size = |row: &usize| system[*row][column].abs();
        let pivot = (column..TERMS).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        system.swap(column, pivot);
        let top = system[column];
        if top[column].abs() < 1e-9 {
            return None;
        }
        for row in (0..TERMS).filter(|&row| row != column) {
            let factor = system[row][column] / top[column];
            for (cell, above) in system[row].iter_mut().zip(top) {
                *cell -= factor * above;
            }
        }
    }
    let solution: [f64; TERMS] = std::array::from_fn(|k| system[k][TERMS] / system[k][k]);
    solution.iter().all(|v| v.is_finite()).then_some(solution)
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
        let left = without_cycle(&times, &values, 86_400.0).unwrap();
        for (time, value) in times.iter().zip(&left) {
            assert!((value - line(*time)).abs() < 1e-8, "{time}: {value}");
        }
    }

    #[test]
    fn a_short_series_and_a_line_have_no_cycle() {
        let times: Vec<f64> = (0..500).map(|i| 600.0 * f64::from(i)).collect();
        assert_eq!(without_cycle(&times, &times, 86_400.0), None);
        assert_eq!(without_cycle(&times[..250], &times[..250], 86_400.0), None);
        assert_eq!(without_cycle(&[], &[], 86_400.0), None);
        assert_eq!(without_cycle(&times, &[3.0; 500], 86_400.0), None);
    }
}
