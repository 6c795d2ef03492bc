//! When did a number change? Series of a recording or of a file, and the answer
//! `soakbox.changes/1`. Pure; the statistics are in `soakbox-statistics`.

mod of_run;
mod time;

pub use of_run::{Points, series_metric_named, series_of};
pub use time::seconds;

use serde::Serialize;
use soakbox_cli::{Failure, Result};
use soakbox_statistics::{LeastChange, Metric, series_changes};

use crate::units::rfc3339;
use crate::windows::DurationsOf;

/// A number over time.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberSeries {
    /// What it is, for instance an operation and a metric.
    pub name: String,
    /// The operation; empty for a column of a file.
    pub operation: String,
    /// The metric, which gives the unit of its values.
    pub metric: Metric,
    /// The points; NaN is missing.
    pub values: Vec<f64>,
    /// The times of the points.
    pub times: Times,
    /// The operations that the durations of a recording are of; `None` for other series.
    pub durations_of: Option<DurationsOf>,
    /// Why it is not searched, where its times tell nothing.
    pub not_searched: Option<&'static str>,
    /// Whether it is a rate of operations that an import spread evenly: their numbers then repeat with
    /// the windows.
    pub is_even: bool,
}

/// The times of the points of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Times {
    /// Only their order is known.
    Order,
    /// Windows of equal length, ns UTC.
    Windows {
        /// Begin of the first one.
        first_ns: i64,
        /// Length of each.
        length_ns: i64,
    },
    /// In seconds, each with its text in the file.
    Points(Vec<(f64, String)>),
}

impl Times {
    /// Seconds, ascending; `None` where only the order is known.
    pub fn seconds(&self, points: usize) -> Option<Vec<f64>> {
        match self {
            Self::Order => None,
            Self::Windows { length_ns, .. } => {
                let length = *length_ns as f64 / 1e9;
                Some((0..points).map(|index| index as f64 * length).collect())
            }
            Self::Points(points) => Some(points.iter().map(|(seconds, _)| *seconds).collect()),
        }
    }

    /// The begin of the first window, which [`Times::seconds`] subtracts, in seconds since 1970 in
    /// UTC; 0 for other times.
    pub fn begin(&self) -> f64 {
        match self {
            Self::Windows { first_ns, .. } => *first_ns as f64 / 1e9,
            Self::Order | Self::Points(_) => 0.0,
        }
    }

    /// The time of a point as text.
    pub fn text(&self, index: usize) -> Option<String> {
        match self {
            Self::Order => None,
            Self::Windows {
                first_ns,
                length_ns,
            } => {
                let since = length_ns.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX));
                Some(rfc3339(first_ns.saturating_add(since)))
            }
            Self::Points(points) => points.get(index).map(|(_, text)| text.clone()),
        }
    }
}

/// The changes of all series; in JSON the schema `soakbox.changes/1`.
#[derive(Clone, Debug, Serialize)]
pub struct ChangesAnswer {
    /// Name and version of the JSON schema.
    pub schema: &'static str,
    /// The probability of any report if no series changed.
    pub false_alarm: f64,
    /// The series, in the order in which they were given.
    pub series: Vec<SeriesAnswer>,
}

/// The changes of one series.
#[derive(Clone, Debug, Serialize)]
pub struct SeriesAnswer {
    /// Its name.
    pub name: String,
    /// The unit of its values; empty where it has none or only the caller knows it.
    pub unit: String,
    /// Number of points, missing ones included.
    pub points: usize,
    /// How many of them are missing.
    pub missing: usize,
    /// Its changes in order of time.
    pub changes: Vec<ChangeAnswer>,
    /// The levels between which it moves again and again, which are no changes; null otherwise.
    pub states: Option<StatesAnswer>,
    /// How many changes are smaller than asked for.
    pub left_out: usize,
    /// The operations that durations are of; absent for other series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durations_of: Option<DurationsOf>,
    /// Why it was not searched; absent where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_searched: Option<&'static str>,
    #[serde(skip)]
    pub(crate) metric: Metric,
}

/// Levels that come back again and again.
#[derive(Clone, Debug, Serialize)]
pub struct StatesAnswer {
    /// The levels, ascending, in the unit of the values.
    pub levels: Vec<f64>,
    /// How often the series moved from one to another.
    pub moves: usize,
}

/// One change.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeAnswer {
    /// First point of the new level, from 0, missing points included.
    pub index: usize,
    /// The time of that point; null where only the order is known.
    pub time: Option<String>,
    /// `step`, `outlier`, `drift` or `new`.
    pub kind: &'static str,
    /// The level before, in the unit of the values.
    pub before: f64,
    /// The level after.
    pub after: f64,
    /// (after − before) / |before|; null where the level before is 0.
    pub change: Option<f64>,
    /// The probability that a part without changes shows such a change anywhere.
    pub p: f64,
}

/// Searches all series whose times are known. The false-alarm rate is that of the whole answer: each
/// series that is searched has an equal share.
///
/// # Errors
/// Where the rate or the smallest change is impossible, or the times of a series descend.
pub fn changes(
    series: &[NumberSeries],
    false_alarm: f64,
    least: &LeastChange,
) -> Result<ChangesAnswer> {
    let searched = series
        .iter()
        .filter(|one| one.not_searched.is_none())
        .count();
    let share = false_alarm / searched.max(1) as f64;
    let answers = series.iter().map(|one| {
        let times = one.times.seconds(one.values.len());
        // Of one that is not searched nothing is found, and the arguments are checked.
        let values = match one.not_searched {
            None => &one.values[..],
            Some(_) => &[],
        };
        let times = times.as_deref().map(|times| &times[..values.len()]);
        let found = series_changes(values, times, share, least)
            .map_err(|error| Failure::new(&one.name, error))?;
        let listed = found.changes.into_iter().map(|change| ChangeAnswer {
            index: change.index,
            time: one.times.text(change.index),
            kind: change.kind.name(),
            before: change.before,
            after: change.after,
            change: change.change,
            p: change.p,
        });
        Ok(SeriesAnswer {
            name: one.name.clone(),
            unit: one.metric.unit().to_owned(),
            points: one.values.len(),
            missing: one.values.iter().filter(|value| !value.is_finite()).count(),
            changes: listed.collect(),
            states: found.states.map(|states| StatesAnswer {
                levels: states.levels,
                moves: states.moves,
            }),
            left_out: found.left_out,
            durations_of: one.durations_of,
            not_searched: one.not_searched,
            metric: one.metric.clone(),
        })
    });
    Ok(ChangesAnswer {
        schema: "soakbox.changes/1",
        false_alarm,
        series: answers.collect::<Result<_>>()?,
    })
}
