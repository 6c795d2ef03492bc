//! The least-squares line with one bend, for series whose growth begins or changes within them.
//!
//! The residuals of a straight line through such a series are a slow wave, which looks like a cycle
//! and hides a sawtooth or a period. The bend is placed where the sum of squared residuals is
//! smallest, on a grid. Intervals are not computed here: `soak::trend` has those of a straight
//! line.

/// The series is divided into this many parts, and a bend is tried between each two.
const PARTS: usize = 16;
/// Then a bend is tried at this many places on each side of the best one, in [`ROUNDS`] rounds,
/// each on a finer grid. Otherwise a bend inside a part would leave a wave far above a small noise.
const FINER: i32 = 8;
const ROUNDS: i32 = 2;
/// Coefficients: level, slope, and the cosine and sine of the cycle and of its half.
const TERMS: usize = 6;
/// [`TERMS`], and the change of the slope at the bend.
const BENT: usize = TERMS + 1;

/// A line with one bend, and a cycle of known length around it.
pub(crate) struct BentLine {
    first: f64,
    last: f64,
    /// Length of the cycle in seconds.
    cycle: Option<f64>,
    mean: f64,
    /// Where the slope changes, as a share of the time span, 0..=1.
    bend: f64,
    fitted: [f64; BENT],
}

impl BentLine {
    /// Fits the line, and a cycle of `cycle` seconds with its second harmonic. `None` when times
    /// are too few or equal.
    pub(crate) fn fit(times: &[f64], values: &[f64], cycle: Option<f64>) -> Option<BentLine> {
        let (first, last) = (*times.first()?, *times.last()?);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mut line = BentLine {
            first,
            last,
            cycle,
            mean,
            bend: 0.0,
            fitted: [0.0; BENT],
        };
        let used = if cycle.is_some() { TERMS } else { 2 };
        let rows: Vec<[f64; TERMS]> = times.iter().map(|time| line.terms(*time)).collect();
        let mut system = [[0.0; BENT + 1]; BENT];
        for (x, value) in rows.iter().zip(values) {
            for (row, left) in system.iter_mut().zip(x).take(used) {
                for (cell, right) in row.iter_mut().zip(x) {
                    *cell += left * right;
                }
                row[BENT] += left * (value - mean);
            }
        }
        for (unused, row) in system.iter_mut().enumerate().take(TERMS).skip(used) {
            row[unused] = 1.0;
        }
        let mut best = f64::NEG_INFINITY;
        let mut bends: Vec<f64> = (1..PARTS).map(|part| part as f64 / PARTS as f64).collect();
        let mut step = 1.0 / PARTS as f64;
        let mut rounds = 0;
        while let Some(bend) = bends.pop() {
            let mut bent = system;
            for ((x, time), value) in rows.iter().zip(times).zip(values) {
                let after = (line.share(*time) - bend).max(0.0);
                if after > 0.0 {
                    for (row, left) in bent.iter_mut().zip(x).take(used) {
                        row[TERMS] += left * after;
                    }
                    bent[TERMS][TERMS] += after * after;
                    bent[TERMS][BENT] += after * (value - mean);
                }
            }
            let (above, last) = bent.split_at_mut(TERMS);
            for (cell, row) in last[0].iter_mut().zip(above) {
                *cell = row[TERMS];
            }
            let explained = |fitted: &[f64; BENT]| -> f64 {
                (0..BENT).map(|k| fitted[k] * bent[k][BENT]).sum()
            };
            if let Some(fitted) = solve(bent).filter(|fitted| explained(fitted) > best) {
                best = explained(&fitted);
                (line.bend, line.fitted) = (bend, fitted);
            }
            if bends.is_empty() && rounds < ROUNDS {
                rounds += 1;
                step /= f64::from(FINER);
                let near = (-FINER..=FINER).map(|i| line.bend + step * f64::from(i));
                let inside = 1.0 / PARTS as f64..=1.0 - 1.0 / PARTS as f64;
                bends.extend(near.filter(|bend| inside.contains(bend)));
            }
        }
        best.is_finite().then_some(line)
    }

    /// The line at `time`, without the cycle.
    pub(crate) fn at(&self, time: f64) -> f64 {
        let share = self.share(time);
        let bent = self.fitted[TERMS] * (share - self.bend).max(0.0);
        self.mean + self.fitted[0] + self.fitted[1] * share + bent
    }

    /// The cycle at `time`: its distance from the line.
    pub(crate) fn cycle(&self, time: f64) -> f64 {
        let x = self.terms(time);
        (2..TERMS).map(|k| self.fitted[k] * x[k]).sum()
    }

    /// 0 at the first time and 1 at the last.
    fn share(&self, time: f64) -> f64 {
        (time - self.first) / (self.last - self.first)
    }

    /// The regressors at `time`; those of the cycle are 0 without one.
    fn terms(&self, time: f64) -> [f64; TERMS] {
        let Some(length) = self.cycle else {
            return [1.0, self.share(time), 0.0, 0.0, 0.0, 0.0];
        };
        let turn = std::f64::consts::TAU * ((time - self.first) / length).fract();
        let (sine, cosine) = turn.sin_cos();
        let (sine2, cosine2) = (2.0 * turn).sin_cos();
        [1.0, self.share(time), cosine, sine, cosine2, sine2]
    }
}

/// The solution of a symmetric system, by Gaussian elimination with pivots; `None` when it has
/// none.
fn solve(mut system: [[f64; BENT + 1]; BENT]) -> Option<[f64; BENT]> {
    for column in 0..BENT {
        let size = |row: &usize| system[*row][column].abs();
        let pivot = (column..BENT).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        system.swap(column, pivot);
        let top = system[column];
        if top[column].abs() < 1e-9 {
            return None;
        }
        for row in (0..BENT).filter(|&row| row != column) {
            let factor = system[row][column] / top[column];
            for (cell, above) in system[row].iter_mut().zip(top) {
                *cell -= factor * above;
            }
        }
    }
    let solution: [f64; BENT] = std::array::from_fn(|k| system[k][BENT] / system[k][k]);
    solution.iter().all(|v| v.is_finite()).then_some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_line_comes_back_at_each_of_its_bends() {
        let times: Vec<f64> = (0..641).map(|i| 5.0 + 10.0 * f64::from(i)).collect();
        for part in [1, 5, 8, 15] {
            let bend = 5.0 + 6400.0 * f64::from(part) / 16.0;
            let value = |t: &f64| 3.0 - 0.01 * t + 0.2 * (t - bend).max(0.0);
            let values: Vec<f64> = times.iter().map(value).collect();
            let line = BentLine::fit(&times, &values, None).unwrap();
            for (time, value) in times.iter().zip(&values) {
                assert!((line.at(*time) - value).abs() < 1e-6, "{part} {time}");
                assert_eq!(line.cycle(*time), 0.0);
            }
        }
    }

    #[test]
    fn too_little_has_no_line() {
        assert!(BentLine::fit(&[], &[], None).is_none());
        assert!(BentLine::fit(&[1.0, 2.0], &[1.0, 5.0], None).is_none());
        assert!(BentLine::fit(&[1.0; 50], &[1.0; 50], None).is_none());
    }
}
