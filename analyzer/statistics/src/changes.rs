//! Change points of one series at a stated rate of false alarms, met under autocorrelation.
//!
//! It tells steps, single outliers and drifts apart and says where each began. What a change means is not its
//! business. Outliers are found first and left out. Then the series is split in two where the means differ most
//! (binary segmentation, Vostrikova 1981; least squares place, Bai 1994), and each part again. A split counts when
//! the difference is beyond what the largest of all splits of noise would show: the noise is the long-run variance of
//! what remains *after* the split, the largest split's tail is that of the standardised Brownian bridge (James,
//! James and Siegmund 1987) taken at the t value's normal equivalent.

use crate::distribution::{normal_upper_quantile, t_upper};
use crate::error::{Error, within};
use crate::longrun::{Scales, of_residuals};
use crate::outliers::outliers;

/// Shares of the false alarm rate: steps, passing shifts (there and back), drifts, outliers.
const SHARES: [f64; 4] = [0.45, 0.15, 0.1, 0.2];
/// An abrupt split counts up to so many times the rate: under slow noise a level is poorly known, a leap is not.
const ABRUPT_ROOM: f64 = 12.0;
/// A leap is abrupt beyond so many deviations of the leaps elsewhere, and so many times the largest of them.
const ABRUPT: (f64, f64) = (7.0, 1.7);
/// Shorter stretches are not searched for a shift that goes and comes back.
const PASSING_POINTS: usize = 150;
/// Points in the coarse grid on which shifts that go and come back are looked for.
const GRID: usize = 48;
const MOST_CHANGES: usize = 1000;

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The level moved and stayed.
    Step,
    /// One point lies apart from both its sides.
    Outlier,
    /// The level moves steadily from here on.
    Drift,
}

impl ChangeKind {
    /// The word in `soakbox.changes/1`.
    pub const fn name(self) -> &'static str {
        match self {
            ChangeKind::Step => "step",
            ChangeKind::Outlier => "outlier",
            ChangeKind::Drift => "drift",
        }
    }
}

/// One change of `soakbox.changes/1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// First point of the new regime, 0-based, among all points given (missing ones counted).
    pub index: usize,
    /// The time of that point; its index when no times were given.
    pub time: f64,
    /// Step, outlier or drift.
    pub kind: ChangeKind,
    /// Mean before the change; of a drift, the fitted value at its start.
    pub before: f64,
    /// Mean after it, up to the next change; the outlier's own value; of a drift, the fitted value at its end.
    pub after: f64,
    /// after / before − 1; `None` when `before` is 0.
    pub change: Option<f64>,
    /// Chance that stationary noise shows such a change anywhere in this stretch.
    pub p: f64,
}

/// Finds changes in `values` (NaN or infinite: missing) at the familywise rate `false_alarm` (0..=0.5).
///
/// Assumes that noise around the levels is stationary with a memory short against the series; times may be
/// irregular, since steps depend on order only (drifts use the times). In a series without changes one or more are
/// reported with probability at most `false_alarm`; each part after a found step spends its share by length. Fewer
/// than 24 present points give none. Time O(n) for each change found.
///
/// # Errors
/// A rate outside 0..=0.5; times of another length, not finite or not ascending.
pub fn changes(
    values: &[f64],
    times: Option<&[f64]>,
    false_alarm: f64,
) -> Result<Vec<Change>, Error> {
    within("false_alarm", false_alarm, 0.0, 0.5, "between 0 and 0.5")?;
    let all_times = checked_times(values.len(), times)?;
    let at = |index: usize| all_times.as_ref().map_or(index as f64, |t| t[index]);
    let mut places: Vec<usize> = (0..values.len()).filter(|&i| usable(values[i])).collect();
    let present: Vec<f64> = places.iter().map(|&i| values[i]).collect();
    let mut found = Vec::new();
    let (lone, doubtful) = outliers(&present, false_alarm * SHARES[3]);
    for outlier in &lone {
        let index = places[outlier.index];
        found.push(Change {
            index,
            time: at(index),
            kind: ChangeKind::Outlier,
            before: outlier.usual,
            after: values[index],
            change: relative(outlier.usual, values[index]),
            p: outlier.p,
        });
    }
    // Points that may be outliers are no evidence for a level either.
    let doubtful: Vec<usize> = doubtful.into_iter().map(|i| places[i]).collect();
    places.retain(|place| doubtful.binary_search(place).is_err());
    let series = Series::new(
        places.iter().map(|&i| values[i]).collect(),
        places.iter().map(|&i| at(i)).collect(),
    );
    for part in series.segments(false_alarm) {
        let index = places[part.start];
        let change = relative(part.before, part.after);
        let Part {
            kind,
            before,
            after,
            p,
            ..
        } = part;
        found.push(Change {
            index,
            time: at(index),
            kind,
            before,
            after,
            change,
            p,
        });
    }
    found.sort_by_key(|change| change.index);
    Ok(found)
}

/// Finite and small enough to be squared and summed.
fn usable(value: f64) -> bool {
    value.abs() < 1e140
}

fn checked_times(length: usize, times: Option<&[f64]>) -> Result<Option<Vec<f64>>, Error> {
    let Some(times) = times else { return Ok(None) };
    if times.len() != length {
        return Err(Error::Length {
            left: "values",
            left_length: length,
            right: "times",
            right_length: times.len(),
        });
    }
    let must = "finite and not before the one before it";
    let mut last = f64::MIN;
    for &time in times {
        within("time", time, last, f64::MAX, must)?;
        last = time;
    }
    Ok(Some(times.to_vec()))
}

fn relative(before: f64, after: f64) -> Option<f64> {
    let change = after / before - 1.0;
    change.is_finite().then_some(change)
}

/// A change inside the series of present points.
#[derive(Debug, Clone, Copy)]
struct Part {
    start: usize,
    kind: ChangeKind,
    before: f64,
    after: f64,
    p: f64,
}

struct Series {
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
    fn new(values: Vec<f64>, times: Vec<f64>) -> Series {
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

    fn segments(&self, rate: f64) -> Vec<Part> {
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
                Some((at, difference))
                    if self.chance(start, at, end, difference) <= rate
                        || self.abrupt(start, at, end) =>
                {
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
                p: self.chance(start, at, end, difference),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(i: usize) -> f64 {
        ((i * 7919) % 101) as f64 / 101.0 + ((i * 104_729) % 97) as f64 / 97.0
    }

    fn kinds(values: &[f64]) -> Vec<(ChangeKind, usize)> {
        changes(values, None, 0.05)
            .unwrap()
            .iter()
            .map(|c| (c.kind, c.index))
            .collect()
    }

    #[test]
    fn steps_outliers_and_drifts_are_told_apart() {
        let step: Vec<f64> = (0..200)
            .map(|i| noise(i) + if i >= 120 { 3.0 } else { 0.0 })
            .collect();
        let found = kinds(&step);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, ChangeKind::Step);
        assert!(found[0].1.abs_diff(120) <= 2);
        let mut spike: Vec<f64> = (0..200).map(noise).collect();
        spike[70] += 8.0;
        assert_eq!(kinds(&spike), [(ChangeKind::Outlier, 70)]);
        let drift: Vec<f64> = (0..300).map(|i| noise(i) + i as f64 / 60.0).collect();
        assert_eq!(kinds(&drift), [(ChangeKind::Drift, 0)]);
    }

    #[test]
    fn a_shift_that_comes_back_has_both_its_edges() {
        let values: Vec<f64> = (0..300)
            .map(|i| noise(i) + if (120..170).contains(&i) { 4.0 } else { 0.0 })
            .collect();
        let found = kinds(&values);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].1.abs_diff(120) <= 2 && found[1].1.abs_diff(170) <= 2,
            "{found:?}"
        );
    }

    #[test]
    fn indices_count_missing_points_and_times_are_given_back() {
        let mut values: Vec<f64> = (0..200)
            .map(|i| noise(i) + if i >= 100 { 3.0 } else { 0.0 })
            .collect();
        for i in (0..100).step_by(3) {
            values[i] = f64::NAN;
        }
        let times: Vec<f64> = (0..200).map(|i| 10.0 * i as f64 + (i % 3) as f64).collect();
        let found = changes(&values, Some(&times), 0.05).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].index.abs_diff(100) <= 2);
        assert_eq!(found[0].time, times[found[0].index]);
    }

    #[test]
    fn wrong_input_is_refused() {
        assert!(changes(&[1.0], None, -0.1).is_err());
        assert!(changes(&[1.0], Some(&[1.0, 2.0]), 0.05).is_err());
        assert!(changes(&[1.0, 2.0], Some(&[2.0, 1.0]), 0.05).is_err());
        assert!(changes(&[1.0, 2.0], Some(&[2.0, f64::NAN]), 0.05).is_err());
        assert_eq!(changes(&[7.0; 500], None, 0.05).unwrap(), []);
        assert_eq!(changes(&[], None, 0.05).unwrap(), []);
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec(any::<f64>(), 0..150)) {
            let _ = changes(&values, None, 0.05);
        }
    }
}
