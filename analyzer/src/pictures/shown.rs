//! Which operations of a recording a chart shows, and the time that it covers.

use soakbox_schemas::tables::AnnotationKind;

use crate::chart::{MOST_PANELS, Note, Span};
use crate::coverage::Moment;
use crate::figures::{Reading, Timeline};
use crate::recording::TimeRange;

/// The operations that a chart shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Their names, in order.
    pub operations: Vec<String>,
    /// How many others there are.
    pub left_out: usize,
}

impl Shown {
    /// The operations that `wanted` names, or those that finished most often if it is empty.
    pub fn of(reading: &Reading, wanted: &[String]) -> Self {
        let counts = reading.counts.iter();
        let counted = counts.map(|one| (one.operation.as_str(), one.finished()));
        Self::most(counted, wanted)
    }

    /// The same of several recordings.
    pub fn of_all(readings: &[Reading], wanted: &[String]) -> Self {
        let counts = readings.iter().flat_map(|reading| &reading.counts);
        let counted = counts.map(|one| (one.operation.as_str(), one.finished()));
        Self::most(counted, wanted)
    }

    fn most<'a>(counted: impl Iterator<Item = (&'a str, u64)>, wanted: &[String]) -> Self {
        let is_shown = |name: &str, finished: u64| match wanted {
            [] => finished > 0,
            wanted => finished > 0 && wanted.iter().any(|one| one == name),
        };
        let mut operations: Vec<(&str, u64)> = Vec::new();
        for (name, finished) in counted.filter(|(name, finished)| is_shown(name, *finished)) {
            match operations.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = known.saturating_add(finished),
                None => operations.push((name, finished)),
            }
        }
        operations.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let left_out = operations.len().saturating_sub(MOST_PANELS);
        operations.truncate(MOST_PANELS);
        let mut operations: Vec<String> = operations
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        operations.sort();
        Self {
            operations,
            left_out,
        }
    }
}

/// The time of a recording.
pub(super) fn span(reading: &Reading, range: TimeRange) -> Span {
    span_of(range, &reading.coverage.unobserved, &reading.moments)
}

/// The time of a timeline.
pub(super) fn span_of_timeline(timeline: &Timeline) -> Span {
    span_of(timeline.range, &timeline.unobserved, &timeline.moments)
}

fn span_of(range: TimeRange, unobserved: &[TimeRange], moments: &[Moment]) -> Span {
    Span {
        first_ns: range.first_ns,
        last_ns: range.last_ns,
        unobserved: unobserved
            .iter()
            .map(|range| (range.first_ns, range.last_ns))
            .collect(),
        notes: moments.iter().filter_map(note).collect(),
    }
}

/// A moment with its label; `None` for those at which the axis begins and ends.
fn note(moment: &Moment) -> Option<Note> {
    let kind = moment.kind.name().replace('_', " ");
    let label = match moment.kind {
        AnnotationKind::RecordingStarted | AnnotationKind::RecordingStopped => return None,
        AnnotationKind::Note if moment.text.is_empty() => kind,
        AnnotationKind::Note => moment.text.clone(),
        // The text is a command line, too long for a label.
        AnnotationKind::TargetStarted => kind,
        _ => format!("{kind}, {}", moment.text),
    };
    Some(Note {
        at_ns: moment.at_ns,
        label,
    })
}
