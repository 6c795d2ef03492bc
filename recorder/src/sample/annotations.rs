//! `annotations` about the observation itself: processes that are not observed, and intervals that
//! were not counted separately.

use anyhow::Result;
use soakbox_schemas::tables::{Annotation, AnnotationKind, Table};

use super::{Rows, Sampler, Tick};
use crate::clock::ClockPair;

/// A row for the moment `now`.
pub(crate) fn annotation(now: ClockPair, kind: AnnotationKind, text: String) -> Result<Rows> {
    annotation_until(now, None, kind, text)
}

/// A row for the time from `now` to `until_ns`, ns UTC; without the latter, to the end.
pub(crate) fn annotation_until(
    now: ClockPair,
    until_ns: Option<i64>,
    kind: AnnotationKind,
    text: String,
) -> Result<Rows> {
    let row = Annotation {
        at_ns: now.utc_ns,
        until_ns,
        kind,
        text,
    };
    Ok(Rows(Table::ANNOTATIONS, Annotation::batch(&[row])?))
}

/// Makes rows about stalls, and about processes that are not observed.
#[derive(Debug, Default)]
pub(super) struct ObservationGaps {
    /// Some processes are not observed: the gap lasts to the end.
    is_incomplete: bool,
}

impl Sampler for ObservationGaps {
    fn sample(&mut self, tick: &Tick) -> Result<Vec<Rows>> {
        let mut rows = Vec::new();
        if let Some(stall) = tick.stall() {
            let note = annotation(tick.now, AnnotationKind::Note, stall.to_string())?;
            rows.push(note);
        }
        if tick.unfollowed > 0 && !std::mem::replace(&mut self.is_incomplete, true) {
            let cause = "processes not followed".to_owned();
            rows.push(annotation(tick.now, AnnotationKind::Gap, cause)?);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    #[test]
    fn a_gap_that_lasts_is_noted_once_and_a_stall_each_time() {
        let mut gaps = ObservationGaps::default();
        let rows = |gaps: &mut ObservationGaps, unfollowed, merged_intervals| {
            let tick = Tick {
                unfollowed,
                merged_intervals,
                ..Tick::default()
            };
            gaps.sample(&tick).unwrap().len()
        };
        let found = [(0, 0), (3, 0), (3, 0), (0, 2), (1, 1)]
            .map(|(unfollowed, merged)| rows(&mut gaps, unfollowed, merged));
        assert_eq!(found, [0, 1, 0, 1, 1]);
    }
}
