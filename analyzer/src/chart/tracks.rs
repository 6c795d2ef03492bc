//! Panels of numbers over time, for the kinds of charts that are nothing more.

use soakbox_cli::escaped;

use super::numbers::{Cell, Numbers};
use super::over_time::{
    ChangeMark, Span, Track, change_flags, change_key, line, lost, lost_key, series_key, values,
};
use super::picture::{Key, Mark, Picture};
use super::scale::{Form, Scale};
use super::theme::Ink;
use super::unit::Unit;
use super::{left_out_text, names};
use crate::units::window_length;

/// A chart of panels with tracks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tracks<'a> {
    pub(super) recording: &'a str,
    /// What is shown, for the heading: `CPU time`.
    pub(super) what: &'a str,
    /// More about it, for the subtitle.
    pub(super) about: String,
    pub(super) span: &'a Span,
    pub(super) panels: Vec<TrackPanel<'a>>,
    pub(super) left_out: usize,
}

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrackPanel<'a> {
    /// The operation or the subject; empty where the panel belongs to the one above it.
    pub(super) heading: &'a str,
    /// What its table calls it.
    pub(super) subject: &'a str,
    /// What the vertical axis shows.
    pub(super) axis: &'a str,
    pub(super) unit: Unit,
    pub(super) height: u32,
    /// The looks of the tracks, and the tracks.
    pub(super) tracks: Vec<(usize, &'a Track)>,
    /// The length of the windows, ns; 0 where points have none.
    pub(super) window_ns: i64,
    /// The begins of windows with losses, ns UTC.
    pub(super) lost: &'a [i64],
    pub(super) changes: &'a [ChangeMark],
    /// Instead of tracks, why there are none.
    pub(super) empty: Option<String>,
}

impl Tracks<'_> {
    pub(super) fn picture(&self) -> Picture {
        let time = self.span.scale();
        let has_end = |index: usize| {
            let next = self.panels.get(index + 1);
            next.is_none_or(|next| !next.heading.is_empty())
        };
        let panels = self.panels.iter().enumerate().map(|(index, one)| {
            let tracks = || one.tracks.iter().map(|(_, track)| *track);
            let y = Scale::covering(values(tracks()), one.unit, Form::FromZero);
            let title = y.title(one.axis);
            let mut panel = self.span.panel(&escaped(one.heading), y.clone(), title);
            panel.height = one.height;
            if !one.heading.is_empty() && one.window_ns > 0 {
                panel.note = format!("per {} window", window_length(one.window_ns));
            }
            if one.heading.is_empty() {
                // The labels are above the panel that it belongs to.
                for flag in panel.flags.iter_mut().flatten() {
                    flag.label.clear();
                }
            }
            if !has_end(index) {
                panel.x_title.clear();
            }
            panel.marks.push(lost(one.lost, one.window_ns, &time));
            for (look, track) in one.tracks.iter().rev() {
                let points = line(track, &time, &y);
                panel.marks.push(Mark::Line(points, Ink::Series(*look)));
            }
            if !one.changes.is_empty() {
                panel.flags.push(change_flags(one.changes, &time));
            }
            panel.empty = one.empty.clone();
            if panel.empty.is_none() && values(tracks()).all(|value| !value.is_finite()) {
                panel.empty = Some("not measured".to_owned());
            }
            panel
        });
        let subjects: Vec<&str> = self.panels.iter().map(|panel| panel.heading).collect();
        let subjects = names(subjects.into_iter().filter(|name| !name.is_empty()));
        let recording = escaped(self.recording);
        Picture {
            heading: format!("{recording}: {}", self.what),
            subtitle: self.subtitle(),
            title: format!("{} of {subjects} in {recording}", capital(self.what)),
            description: self.description(),
            legend: self.legend(),
            panels: panels.collect(),
        }
    }

    fn subtitle(&self) -> String {
        let left_out = left_out_text(self.left_out);
        format!("{}, {}{left_out}", self.about, self.span.text())
    }

    fn legend(&self) -> Vec<Key> {
        let mut looks: Vec<(usize, &str)> = Vec::new();
        // The axis names a track that is alone.
        let several = self.panels.iter().filter(|panel| panel.tracks.len() > 1);
        for (look, track) in several.flat_map(|panel| &panel.tracks) {
            if !looks.contains(&(*look, track.name.as_str())) {
                looks.push((*look, &track.name));
            }
        }
        let mut keys: Vec<Key> = looks
            .into_iter()
            .map(|(look, name)| series_key(look, name))
            .collect();
        let any = |is: fn(&TrackPanel<'_>) -> bool| self.panels.iter().any(is);
        if any(|panel| !panel.changes.is_empty()) {
            keys.push(change_key());
        }
        keys.extend(self.span.key());
        if any(|panel| !panel.lost.is_empty()) {
            keys.push(lost_key());
        }
        keys
    }

    fn description(&self) -> String {
        let mut text = self.subtitle();
        for panel in &self.panels {
            for (_, track) in &panel.tracks {
                let known = || {
                    track
                        .points
                        .iter()
                        .map(|(_, value)| *value)
                        .filter(|v| v.is_finite())
                };
                let (Some(low), Some(high)) = (
                    known().min_by(f64::total_cmp),
                    known().max_by(f64::total_cmp),
                ) else {
                    continue;
                };
                text.push_str(&format!(
                    ". {}, {}: between {} and {}",
                    escaped(panel.subject),
                    escaped(&track.name),
                    panel.unit.text(low),
                    panel.unit.text(high)
                ));
            }
            if !panel.lost.is_empty() && !panel.heading.is_empty() {
                text.push_str(", operations lost");
            }
        }
        text.push('.');
        text.push_str(&self.span.unobserved_text());
        text
    }

    /// One row per subject, track and point.
    pub(super) fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::new(format!("{}: {}", self.recording, self.what))
            .texts(&["subject", "number", "unit", "at"])
            .number("value", Unit::Number);
        let time = self.span.scale();
        for (index, panel) in self.panels.iter().enumerate() {
            for (_, track) in &panel.tracks {
                for (at, value) in &track.points {
                    let row = vec![
                        Cell::text(panel.subject),
                        Cell::text(&track.name),
                        Cell::text(panel.unit.name()),
                        Cell::Time(*at),
                        Cell::measured(*value, panel.unit),
                    ];
                    numbers.push(row, index, (time.position(*at), f64::NAN));
                }
            }
        }
        numbers
    }
}

/// The text with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
