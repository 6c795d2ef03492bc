//! What all charts over time share: the axis, periods without observation, notes, losses, changes.

use soakbox_cli::escaped;

use super::picture::{Flag, Key, Mark, Marker, Panel, Sample};
use super::scale::Scale;
use super::theme::Ink;
use super::time_scale::TimeScale;
use crate::units;

/// The time that a chart covers, and what happened in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// Its begin, ns UTC.
    pub first_ns: i64,
    /// Its end, ns UTC.
    pub last_ns: i64,
    /// Periods in which nothing, or not everything, was observed: from and to, ns UTC, in order.
    pub unobserved: Vec<(i64, i64)>,
    /// Annotated moments, in order.
    pub notes: Vec<Note>,
}

/// An annotated moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When, ns UTC.
    pub at_ns: i64,
    /// What, as it is in the recording.
    pub label: String,
}

/// A moment from which on a number has another level.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeMark {
    /// When, ns UTC.
    pub at_ns: i64,
    /// The number that changed.
    pub of: String,
    /// Relative change; `None` where the level before was 0.
    pub change: Option<f64>,
    /// Whether the level after is higher.
    pub is_up: bool,
}

/// One number over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// What it is.
    pub name: String,
    /// The middle of each window, ns UTC, and the number there; NaN where it was not measured.
    pub points: Vec<(i64, f64)>,
}

impl Span {
    pub(super) fn scale(&self) -> TimeScale {
        TimeScale::new(self.first_ns, self.last_ns)
    }

    /// An empty panel with everything that is not a number. The heading is escaped.
    pub(super) fn panel(&self, heading: &str, y: Scale, y_title: String) -> Panel {
        let time = self.scale();
        let ranges = self.unobserved.iter();
        let ranges = ranges.map(|(from, to)| (time.position(*from), time.position(*to)));
        let notes = self.notes.iter().filter(|note| time.contains(note.at_ns));
        let notes = notes.map(|note| Flag {
            at: time.position(note.at_ns),
            label: escaped(&note.label).into_owned(),
            ink: Ink::Note,
        });
        let notes: Vec<Flag> = notes.collect();
        Panel {
            marks: vec![Mark::Ranges(ranges.collect(), Ink::Gap)],
            flags: if notes.is_empty() {
                Vec::new()
            } else {
                vec![notes]
            },
            x_title: time.title(),
            y_title,
            ..Panel::new(heading.to_owned(), time.scale(), y)
        }
    }

    /// The entry of the legend for periods without observation, where there are any.
    pub(super) fn key(&self) -> Option<Key> {
        (!self.unobserved.is_empty()).then(|| Key {
            sample: Sample::Block(Ink::Gap),
            label: "observation incomplete".to_owned(),
        })
    }

    /// The period in words.
    pub(super) fn text(&self) -> String {
        let length_ns = self.last_ns.saturating_sub(self.first_ns);
        match length_ns < 2_000_000_000 {
            // Its ends are the same second, or nearly.
            true => format!(
                "{}, {} long",
                units::rfc3339(self.first_ns),
                units::duration(length_ns as f64)
            ),
            false => units::span(self.first_ns, self.last_ns),
        }
    }

    /// The periods without observation in words, as the end of a description.
    pub(super) fn unobserved_text(&self) -> String {
        match self.unobserved.len() {
            0 => String::new(),
            1 => " In one period, shaded, the observation was incomplete.".to_owned(),
            periods => {
                format!(" In {periods} periods, shaded, the observation was incomplete.")
            }
        }
    }
}

/// The track as a line, in positions.
pub(super) fn line(track: &Track, time: &TimeScale, y: &Scale) -> Vec<(f64, f64)> {
    let points = track.points.iter();
    points
        .map(|(at, value)| (time.position(*at), y.position(*value)))
        .collect()
}

/// All finite values of tracks.
pub(super) fn values<'a>(tracks: impl IntoIterator<Item = &'a Track>) -> impl Iterator<Item = f64> {
    let points = tracks.into_iter().flat_map(|track| &track.points);
    points.map(|(_, value)| *value)
}

/// Changes as a row of flags with triangles up or down.
pub(super) fn change_flags(changes: &[ChangeMark], time: &TimeScale) -> Vec<Flag> {
    let shown = changes.iter().filter(|change| time.contains(change.at_ns));
    let flags = shown.map(|change| {
        let arrow = if change.is_up { '▲' } else { '▼' };
        let size = change.change.map(units::signed_percent);
        let size = size.unwrap_or_else(|| "from 0".to_owned());
        Flag {
            at: time.position(change.at_ns),
            label: format!("{arrow} {} {size}", escaped(&change.of)),
            ink: Ink::Main,
        }
    });
    let mut flags: Vec<Flag> = flags.collect();
    flags.sort_by(|a, b| a.at.total_cmp(&b.at));
    flags
}

/// The entry of the legend for changes.
pub(super) fn change_key() -> Key {
    Key {
        sample: Sample::Marker(Ink::Main, Marker::Triangle),
        label: "level changed".to_owned(),
    }
}

/// Losses as ranges of the axis: the begin of each window.
pub(super) fn lost(windows: &[i64], width_ns: i64, time: &TimeScale) -> Mark {
    let ranges = windows.iter().map(|at| {
        let end = at.saturating_add(width_ns);
        (time.position(*at), time.position(end))
    });
    Mark::Strip(ranges.collect(), Ink::Loss)
}

/// The entry of the legend for losses.
pub(super) fn lost_key() -> Key {
    Key {
        sample: Sample::Strip(Ink::Loss),
        label: "operations lost".to_owned(),
    }
}

/// The entry of a series.
pub(super) fn series_key(number: usize, label: &str) -> Key {
    Key {
        sample: Sample::Line(Ink::Series(number)),
        label: escaped(label).into_owned(),
    }
}
