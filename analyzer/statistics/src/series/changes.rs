//! The changes of one series at a stated rate of false alarms, which holds under autocorrelation.
//!
//! It leaves out missing points, removes the outliers, and gives each change its index and time.
//! `change_points` finds where the level changes. No change is judged as good or bad.

use crate::error::{Error, within};
use crate::series::change::{Change, ChangeKind, LeastChange, SeriesChanges};
use crate::series::change_points::{ENDS, EndLevels, OUTLIERS, Series, States};
use crate::series::ends::{End, ends};
use crate::series::outliers::outliers;

/// Fewer points than this at an end of the series are no level: nobody can tell yet.
const FEWEST_OF_A_LEVEL: usize = 3;

/// Finds changes in `values`, of which NaN and infinite ones are missing. The probability of any
/// report in a series without changes is at most `false_alarm` (0..=0.5).
///
/// Assumes that the noise around the levels is stationary, with a memory that is short compared to
/// the series. Times may be irregular: steps depend on the order only, drifts use the times. After
/// a step was found, each part of the series gets its share of `false_alarm` by its length. Fewer
/// than 24 present points give no changes. Time O(n) for each change found.
///
/// # Errors
/// A rate outside 0..=0.5; times of another length, not finite or not ascending.
pub fn changes(
    values: &[f64],
    times: Option<&[f64]>,
    false_alarm: f64,
) -> Result<Vec<Change>, Error> {
    changes_of_at_least(values, times, false_alarm, &LeastChange::default())
}

/// As [`changes`], without the changes that are smaller than `least`. The levels on both sides of a
/// step that is too small are one level.
///
/// # Errors
/// Those of [`changes`]; a minimum below 0, infinite or NaN.
pub fn changes_of_at_least(
    values: &[f64],
    times: Option<&[f64]>,
    false_alarm: f64,
    least: &LeastChange,
) -> Result<Vec<Change>, Error> {
    series_changes(values, times, false_alarm, least).map(|found| found.changes)
}

/// As [`changes_of_at_least`], with the states between which the series moves and the number of
/// changes that are left out.
///
/// # Errors
/// Those of [`changes_of_at_least`].
pub fn series_changes(
    values: &[f64],
    times: Option<&[f64]>,
    false_alarm: f64,
    least: &LeastChange,
) -> Result<SeriesChanges, Error> {
    within("false_alarm", false_alarm, 0.0, 0.5, "between 0 and 0.5")?;
    let must = "finite and 0 or more";
    within("least relative change", least.relative, 0.0, f64::MAX, must)?;
    within("least absolute change", least.absolute, 0.0, f64::MAX, must)?;
    let all_times = checked_times(values.len(), times)?;
    let at = |index: usize| all_times.as_ref().map_or(index as f64, |t| t[index]);
    let mut places: Vec<usize> = (0..values.len()).filter(|&i| usable(values[i])).collect();
    let present: Vec<f64> = places.iter().map(|&i| values[i]).collect();
    if constant(&present) {
        return Ok(SeriesChanges::default());
    }
    let mut found = Vec::new();
    let mut report = |kind, index: usize, before: f64, after: f64, p: f64| {
        found.push(Change {
            index,
            time: at(index),
            kind,
            before,
            after,
            change: relative(before, after),
            p,
        });
    };
    let (reported, doubtful) = outliers(&present, false_alarm * OUTLIERS);
    for outlier in &reported {
        let index = places[outlier.index];
        report(
            ChangeKind::Outlier,
            index,
            outlier.usual,
            values[index],
            outlier.p,
        );
    }
    // Points that may be outliers are not used for the levels either.
    let doubtful: Vec<usize> = doubtful.into_iter().map(|i| places[i]).collect();
    let outermost = [places.first().copied(), places.last().copied()];
    let inside = |place: &usize| doubtful.binary_search(place).is_err();
    places.retain(|place| inside(place) || outermost.contains(&Some(*place)));
    let ordinary: Vec<f64> = places.iter().map(|&i| values[i]).collect();
    let [first, last] = ends(&ordinary, false_alarm * ENDS);
    let few = |end: &Option<End>| end.filter(|end| end.count < FEWEST_OF_A_LEVEL);
    let level = |end: Option<End>| {
        let end = end.filter(|end| end.count >= FEWEST_OF_A_LEVEL)?;
        Some((end.count, end.p))
    };
    if let Some(end) = few(&last) {
        let cut = places.split_off(places.len() - end.count);
        report(ChangeKind::New, cut[0], end.usual, end.level, end.p);
    }
    if let Some(end) = few(&first) {
        for index in places.drain(..end.count) {
            report(ChangeKind::Outlier, index, end.usual, values[index], end.p);
        }
    }
    let levels = EndLevels {
        first: level(first),
        last: level(last),
    };
    let judged = [levels.first.is_some(), levels.last.is_some()];
    let kept = |place: &usize| (0..2).any(|i| judged[i] && outermost[i] == Some(*place));
    places.retain(|place| inside(place) || kept(place));
    let series = Series::new(
        places.iter().map(|&i| values[i]).collect(),
        places.iter().map(|&i| at(i)).collect(),
    );
    let searched = series.change_points(levels, false_alarm, least);
    for point in searched.points {
        let index = places[point.start];
        // Next to a doubtful point the jump is no evidence: there the difference of the levels
        // alone must be significant.
        let near_doubtful = doubtful.iter().any(|d| d.abs_diff(index) <= 2);
        if near_doubtful && point.kind == ChangeKind::Step && point.p > false_alarm / 1e4 {
            continue;
        }
        report(point.kind, index, point.before, point.after, point.p);
    }
    let all = found.len();
    found.retain(|change: &Change| least.is_reached(change.before, change.after));
    found.sort_by_key(|change| change.index);
    let mut left_out = searched.left_out + all - found.len();
    let apart = |states: &States| match states.levels[..] {
        [low, .., high] => least.is_reached(low, high) && least.is_reached(high, low),
        _ => false,
    };
    let (states, small) = match searched.states {
        Some(states) if !apart(&states) => (None, states.moves),
        states => (states, 0),
    };
    left_out += small;
    Ok(SeriesChanges {
        changes: found,
        states,
        left_out,
    })
}

/// True when the values differ by rounding only.
fn constant(values: &[f64]) -> bool {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // True for no values too: −∞ − ∞ is below the right side.
    high - low <= 1e-12 * low.abs().max(high.abs())
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
    let must = "finite and not before the previous time";
    let mut last = f64::MIN;
    for &time in times {
        within("time", time, last, f64::MAX, must)?;
        last = time;
    }
    Ok(Some(times.to_vec()))
}

/// The relative change, positive for a rise from a negative level too; `None` when it is not finite.
fn relative(before: f64, after: f64) -> Option<f64> {
    let change = (after / before - 1.0) * before.signum();
    change.is_finite().then_some(change)
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
    fn steps_outliers_and_drifts_are_distinguished() {
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
        for level in [0.1, 1.0 / 3.0, 1e18] {
            assert_eq!(changes(&[level; 777], None, 0.05).unwrap(), []);
            let mut step = [level; 200];
            step[120..].fill(2.0 * level);
            let found = changes(&step, None, 0.05).unwrap();
            assert_eq!((found.len(), found[0].index), (1, 120), "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec(any::<f64>(), 0..150)) {
            let _ = changes(&values, None, 0.05);
        }
    }
}
