//! Where the level of a series changes: steps and drifts of present points without outliers.
//!
//! The series is split in two where the means differ most (binary segmentation, Vostrikova 1981; least squares place,
//! Bai 1994), and each part again. A split counts when the difference is beyond what the largest of all splits of noise
//! would show: the noise is the long-run variance of what remains *after* the split, the largest split's tail is that
//! of the standardised Brownian bridge (James, James and Siegmund 1987) taken at the t value's normal equivalent. It
//! must never see missing points or outliers: `changes` takes them out.

use crate::change::ChangeKind;
use crate::distribution::{normal_upper_quantile, t_upper};
use crate::longrun::{Scales, of_residuals};

/// Shares of the false alarm rate: steps, passing shifts (there and back), drifts, outliers.
pub(crate) const SHARES: [f64; 4] = [0.45, 0.15, 0.1, 0.2];
/// An abrupt split counts up to so many times the rate: under slow noise a level is poorly known, a leap is not.
const ABRUPT_ROOM: f64 = 12.0;
/// A leap is abrupt beyond so many deviations of the leaps elsewhere, and so many times the largest of them.
const ABRUPT: (f64, f64) = (7.0, 1.7);
/// Shorter stretches are not searched for a shift that goes and comes back.
const PASSING_POINTS: usize = 150;
/// Points in the coarse grid on which shifts that go and come back are looked for.
const GRID: usize = 48;
const MOST_CHANGES: usize = 1000;

/// A change inside the series of present points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) start: usize,
    pub(crate) kind: ChangeKind,
    pub(crate) before: f64,
    pub(crate) after: f64,
    pub(crate) p: f64,
}

/// Present points with their times.
pub(crate) struct Series {
    values: Vec<f64>,
    times: Vec<f64>,
    /// Prefix sums of the values around their overall mean.
    prefix: Vec<f64>,
    centre: f64,
}

/// The most telling explanation of a stretch.
enum Found {
    Nothing,
    Splits(Vec<usize>),
    Drift(Part),
}

impl Series {
    pub(crate) fn new(values: Vec<f64>, times: Vec<f64>) -> Series {
        let centre = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let mut sum = 0.0;
        let mut prefix = vec![0.0];
        prefix.extend(values.iter().map(|v| {
            sum += v - centre;
            sum
        }));
        Series {
            values,
            times,
            prefix,
            centre,
        }
    }

    fn mean(&self, start: usize, end: usize) -> f64 {
        self.centre + (self.prefix[end] - self.prefix[start]) / (end - start) as f64
    }

    /// All steps and drifts at the familywise `rate`, steps in order of place.
    pub(crate) fn segments(&self, rate: f64) -> Vec<Part> {
        let length = self.values.len();
        let mut splits = Vec::new();
        let mut parts = Vec::new();
        let mut open = vec![(0, length)];
        while let Some((start, end)) = open.pop() {
            let share = rate * (end - start) as f64 / length as f64;
            match self.explain(start, end, share) {
                Found::Nothing => {}
                Found::Drift(part) => parts.push(part),
                Found::Splits(at) => {
                    let mut edges = vec![start];
                    edges.extend(&at);
                    edges.push(end);
                    open.extend(edges.windows(2).map(|w| (w[0], w[1])));
                    splits.extend(at);
                }
            }
            if splits.len() + parts.len() >= MOST_CHANGES {
                break;
            }
        }
        splits.sort_unstable();
        // Each split once more between its neighbours: its best place there, and whether it still counts.
        let mut kept: Vec<usize> = Vec::new();
        for (i, &split) in splits.iter().enumerate() {
            let start = kept.last().copied().unwrap_or(0);
            let end = splits.get(i + 1).copied().unwrap_or(length);
            if end - split < least(end - start) || split - start < least(end - start) {
                kept.push(split);
                continue;
            }
            match self.best_split(start, end) {
                Some((at, difference)) if self.evidence(start, at, end, difference) <= rate => {
                    kept.push(at);
                }
                Some(_) => {}
                None => kept.push(split),
            }
        }
        for (i, &at) in kept.iter().enumerate() {
            let start = if i == 0 { 0 } else { kept[i - 1] };
            let end = kept.get(i + 1).copied().unwrap_or(length);
            let difference = self.difference(start, at, end);
            parts.push(Part {
                start: at,
                kind: ChangeKind::Step,
                before: self.mean(start, at),
                after: self.mean(at, end),
                p: self.evidence(start, at, end, difference),
            });
        }
        parts
    }

    fn explain(&self, start: usize, end: usize, rate: f64) -> Found {
        if end - start < 24 {
            return Found::Nothing;
        }
        let Some((at, difference)) = self.best_split(start, end) else {
            return Found::Nothing;
        };
        let step = self.chance(start, at, end, difference);
        let line = self.line(start, end);
        let stepped =
            step <= rate * SHARES[0] || (step <= rate * ABRUPT_ROOM && self.abrupt(start, at, end));
        if let Some((part, left)) = line {
            let squares: f64 = self.residuals(start, at, end).iter().map(|r| r * r).sum();
            let straight: f64 = left.iter().map(|r| r * r).sum();
            if (stepped || part.p <= rate * SHARES[2]) && straight < squares {
                // A line explains more than a step; unless what it leaves still has a step in it.
                let rest = Series::new(left, self.times[start..end].to_vec());
                let again = rest.best_split(0, end - start);
                let flat =
                    again.is_none_or(|(split, d)| rest.chance(0, split, end - start, d) > 0.05);
                if flat {
                    return Found::Drift(part);
                }
            }
        }
        if stepped {
            return Found::Splits(vec![at]);
        }
        self.passing(start, end, rate * SHARES[1])
            .map_or(Found::Nothing, Found::Splits)
    }

    /// Difference of the means on both sides of `at`, scaled to the noise's standard deviation.
    fn difference(&self, start: usize, at: usize, end: usize) -> f64 {
        let (left, right) = ((at - start) as f64, (end - at) as f64);
        (self.mean(at, end) - self.mean(start, at)).abs() * (left * right / (left + right)).sqrt()
    }

    fn best_split(&self, start: usize, end: usize) -> Option<(usize, f64)> {
        let margin = least(end - start);
        let mut best: Option<(usize, f64)> = None;
        for at in start + margin..(end + 1).saturating_sub(margin) {
            let difference = self.difference(start, at, end);
            if best.is_none_or(|(_, most)| difference > most) {
                best = Some((at, difference));
            }
        }
        best
    }

    fn residuals(&self, start: usize, at: usize, end: usize) -> Vec<f64> {
        let (left, right) = (self.mean(start, at), self.mean(at, end));
        let level = |i: usize| if i < at { left } else { right };
        (start..end).map(|i| self.values[i] - level(i)).collect()
    }

    /// Chance that the best split of noise differs by so much.
    fn chance(&self, start: usize, at: usize, end: usize, difference: f64) -> f64 {
        let residuals = self.residuals(start, at, end);
        let margin = least(end - start) as f64 / (end - start) as f64;
        let Some((t, degrees)) = standardised(&residuals, difference) else {
            return 1.0;
        };
        largest_split(normal_upper_quantile(t_upper(t, degrees)), margin)
    }

    /// The chance of a split, divided by the room that an abrupt one is given.
    fn evidence(&self, start: usize, at: usize, end: usize, difference: f64) -> f64 {
        let chance = self.chance(start, at, end, difference);
        if self.abrupt(start, at, end) {
            chance / ABRUPT_ROOM
        } else {
            chance
        }
    }

    /// Whether the series leaps at `at` as it does nowhere else: medians of the three points on either side, against
    /// the median deviation of all such leaps and against the largest elsewhere.
    fn abrupt(&self, start: usize, at: usize, end: usize) -> bool {
        if at < start + 3 || at + 3 > end {
            return false;
        }
        let leap =
            |i: usize| (median3(&self.values[i..i + 3]) - median3(&self.values[i - 3..i])).abs();
        let elsewhere = (start + 3..end - 2).filter(|i| i.abs_diff(at) > 5);
        let mut others: Vec<f64> = elsewhere.map(leap).collect();
        others.sort_by(f64::total_cmp);
        let (Some(&middle), Some(&most)) = (others.get(others.len() / 2), others.last()) else {
            return false;
        };
        let here = leap(at);
        here > ABRUPT.0 * 1.4826 * middle && here > ABRUPT.1 * most
    }

    /// A straight line through the stretch, and what it leaves.
    fn line(&self, start: usize, end: usize) -> Option<(Part, Vec<f64>)> {
        let count = (end - start) as f64;
        let middle = self.times[start..end].iter().sum::<f64>() / count;
        let mean = self.mean(start, end);
        let (mut across, mut along) = (0.0, 0.0);
        for i in start..end {
            let x = self.times[i] - middle;
            across += x * x;
            along += x * (self.values[i] - mean);
        }
        if across <= 0.0 || !across.is_finite() {
            return None;
        }
        let slope = along / across;
        let fitted = |i: usize| mean + slope * (self.times[i] - middle);
        let left: Vec<f64> = (start..end).map(|i| self.values[i] - fitted(i)).collect();
        let (t, degrees) = standardised(&left, slope.abs() * across.sqrt())?;
        let part = Part {
            start,
            kind: ChangeKind::Drift,
            before: fitted(start),
            after: fitted(end - 1),
            p: (2.0 * t_upper(t, degrees)).min(1.0),
        };
        Some((part, left))
    }

    /// A shift that goes and comes back inside the stretch, on a coarse grid and then in place.
    fn passing(&self, start: usize, end: usize, rate: f64) -> Option<Vec<usize>> {
        let length = end - start;
        let cells = GRID.min(length / least(length));
        if cells < 4 || length < PASSING_POINTS {
            return None;
        }
        let edge = |cell: usize| start + cell * length / cells;
        let scaled = |a: usize, b: usize| {
            let inside = (b - a) as f64;
            let outside = length as f64 - inside;
            let mean = self.mean(a, b) - self.mean(start, end);
            mean.abs() * (inside * length as f64 / outside).sqrt()
        };
        let mut best = (0.0, start, end);
        for left in 1..cells - 1 {
            for right in left + 1..cells {
                let (a, b) = (edge(left), edge(right));
                let size = scaled(a, b);
                if size > best.0 {
                    best = (size, a, b);
                }
            }
        }
        let (mut size, mut a, mut b) = best;
        let reach = length / cells + 1;
        for _ in 0..2 {
            for next in a.saturating_sub(reach).max(start + 1)..(a + reach).min(b - 1) {
                if scaled(next, b) > size {
                    (size, a) = (scaled(next, b), next);
                }
            }
            for next in b.saturating_sub(reach).max(a + 2)..(b + reach).min(end) {
                if scaled(a, next) > size {
                    (size, b) = (scaled(a, next), next);
                }
            }
        }
        let margin = least(length);
        if b - a < margin || a - start < margin || end - b < margin {
            return None;
        }
        let inside = self.mean(a, b);
        let rest = (length as f64 * self.mean(start, end) - (b - a) as f64 * inside)
            / (length - (b - a)) as f64;
        let level = |i: usize| if i >= a && i < b { inside } else { rest };
        let residuals: Vec<f64> = (start..end).map(|i| self.values[i] - level(i)).collect();
        let (t, degrees) = standardised(&residuals, size)?;
        let pairs = (cells * cells / 2) as f64;
        (2.0 * pairs * t_upper(t, degrees) <= rate).then(|| vec![a, b])
    }
}

fn median3(values: &[f64]) -> f64 {
    let [a, b, c] = [values[0], values[1], values[2]];
    a.max(b).min(a.min(b).max(c))
}

/// Fewest points that can be a level of their own.
fn least(length: usize) -> usize {
    (((length as f64).sqrt() / 2.0) as usize).max(6)
}

/// A scaled difference over the long-run deviation of what remains, with its degrees of freedom.
fn standardised(residuals: &[f64], difference: f64) -> Option<(f64, f64)> {
    let (variance, degrees) = of_residuals(&Scales::new(residuals)?)?;
    let deviation = (variance * residuals.len() as f64).sqrt();
    if deviation > 0.0 {
        Some((difference / deviation, degrees))
    } else {
        // Without noise any difference beyond rounding is a change.
        let size = residuals.iter().map(|r| r.abs()).fold(0.0, f64::max);
        (difference > 1e-9 * size.max(f64::MIN_POSITIVE)).then_some((f64::INFINITY, 1.0))
    }
}

/// Chance that the largest standardised split inside the margins exceeds `x`.
fn largest_split(x: f64, margin: f64) -> f64 {
    if x < 1.5 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let range = 2.0 * ((1.0 - margin) / margin).ln();
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (x * density * ((1.0 - 1.0 / (x * x)) * range + 4.0 / (x * x))).min(1.0)
}
