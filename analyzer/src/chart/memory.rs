//! Resident memory over time: its envelope, its mean, and the line that `soak` finds in it.

use soakbox_cli::escaped;

use super::numbers::{Cell, Numbers};
use super::over_time::{ChangeMark, Span, Track, change_flags, change_key, line, series_key};
use super::picture::{Key, Mark, Picture, Sample};
use super::scale::{Form, Scale};
use super::theme::Ink;
use super::unit::Unit;
use super::{Chart, heading, left_out_text, names};
use crate::units::{bytes, window_length};

/// Points of the line of means: with more, only their envelope can be seen.
const MEANS: usize = 200;

/// Resident memory of processes over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// The name of the recording.
    pub recording: String,
    /// The time.
    pub span: Span,
    /// One panel for each.
    pub operations: Vec<OperationMemory>,
    /// How many operations are not shown, because there are too many.
    pub left_out: usize,
}

/// The memory at the finishes of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationMemory {
    /// Its name.
    pub name: String,
    /// The length of a window, ns.
    pub window_ns: i64,
    /// The mean of each window, bytes.
    pub memory: Track,
    /// The line that was found in it.
    pub slope: Option<SlopeLine>,
    /// What was found, in words.
    pub finding: String,
    /// When the level changed.
    pub changes: Vec<ChangeMark>,
}

/// A line through memory.
#[derive(Clone, Debug, PartialEq)]
pub struct SlopeLine {
    /// Its begin, ns UTC, and the memory there, bytes.
    pub from: (i64, f64),
    /// Its end.
    pub to: (i64, f64),
}

impl OperationMemory {
    /// The mean of groups of neighbours, so that there are at most [`MEANS`] points.
    fn means(&self) -> Track {
        let points = &self.memory.points;
        let group = points.len().div_ceil(MEANS).max(1);
        let mean = |part: &[(i64, f64)]| {
            let known: Vec<f64> = part.iter().map(|p| p.1).filter(|v| v.is_finite()).collect();
            let (first, last) = (part[0].0, part[part.len() - 1].0);
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            (first.saturating_add(last.saturating_sub(first) / 2), mean)
        };
        Track {
            name: self.memory.name.clone(),
            points: points.chunks(group).map(mean).collect(),
        }
    }
}

impl Memory {
    fn subtitle(&self) -> String {
        format!(
            "resident memory of the process when operations finished, mean of each window, {}{}",
            self.span.text(),
            left_out_text(self.left_out)
        )
    }

    fn description(&self) -> String {
        let mut text = self.subtitle();
        for operation in &self.operations {
            let name = escaped(&operation.name);
            let known = || {
                let points = operation.memory.points.iter();
                points
                    .map(|(_, value)| *value)
                    .filter(|value| value.is_finite())
            };
            let (Some(low), Some(high)) = (
                known().min_by(f64::total_cmp),
                known().max_by(f64::total_cmp),
            ) else {
                continue;
            };
            let finding = escaped(&operation.finding);
            text.push_str(&format!(
                ". {name}: between {} and {}; {finding}",
                bytes(low),
                bytes(high)
            ));
        }
        text.push('.');
        text.push_str(&self.span.unobserved_text());
        text
    }
}

impl Chart for Memory {
    fn picture(&self) -> Picture {
        let time = self.span.scale();
        let panels = self.operations.iter().map(|operation| {
            let ends = operation
                .slope
                .iter()
                .flat_map(|one| [one.from.1, one.to.1]);
            let points = operation.memory.points.iter().map(|(_, value)| *value);
            let y = Scale::covering(points.chain(ends), Unit::Bytes, Form::Around);
            let title = y.title("resident memory");
            let mut panel = self.span.panel(&heading(&operation.name), y.clone(), title);
            panel.note = format!(
                "{}, per {} window",
                escaped(&operation.finding),
                window_length(operation.window_ns)
            );
            let points = line(&operation.memory, &time, &y);
            panel.marks.push(Mark::Envelope(points, Ink::Series(0)));
            let means = line(&operation.means(), &time, &y);
            panel.marks.push(Mark::Line(means, Ink::Series(0)));
            if let Some(slope) = &operation.slope {
                let ends = [slope.from, slope.to];
                let ends = ends.map(|(at, value)| (time.position(at), y.position(value)));
                panel.marks.push(Mark::Line(ends.to_vec(), Ink::Series(2)));
            }
            if !operation.changes.is_empty() {
                panel.flags.push(change_flags(&operation.changes, &time));
            }
            panel
        });
        let mut legend = vec![
            series_key(0, "memory"),
            Key {
                sample: Sample::Band(Ink::Series(0)),
                label: "lowest to highest".to_owned(),
            },
        ];
        if self.operations.iter().any(|one| one.slope.is_some()) {
            legend.push(series_key(2, "slope found by soak"));
        }
        if self.operations.iter().any(|one| !one.changes.is_empty()) {
            legend.push(change_key());
        }
        legend.extend(self.span.key());
        let names = names(self.operations.iter().map(|one| one.name.as_str()));
        let recording = escaped(&self.recording);
        Picture {
            heading: format!("{recording}: memory over time"),
            subtitle: self.subtitle(),
            title: format!("Memory over time of {names} in {recording}"),
            description: self.description(),
            legend,
            panels: panels.collect(),
        }
    }

    fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::new(format!("{}: memory over time", self.recording))
            .texts(&["operation", "window_middle"])
            .number("memory_bytes", Unit::Bytes)
            .texts(&["finding"]);
        let time = self.span.scale();
        for (panel, operation) in self.operations.iter().enumerate() {
            for (at, value) in &operation.memory.points {
                let row = vec![
                    Cell::text(&operation.name),
                    Cell::Time(*at),
                    Cell::number(*value),
                    Cell::text(&operation.finding),
                ];
                numbers.push(row, panel, (time.position(*at), f64::NAN));
            }
        }
        numbers
    }
}
