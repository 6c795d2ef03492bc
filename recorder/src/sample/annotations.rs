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

/// The cause of a gap: nothing ran.
const SUSPENDED: &str = "host suspended";

/// Makes rows about stalls and suspends, and about processes that are not observed.
#[derive(Debug, Default)]
pub(super) struct ObservationGaps {
    /// When the previous tick was.
    last: Option<ClockPair>,
    /// Some processes are not observed: the gap lasts to the end.
    is_incomplete: bool,
}

impl Sampler for ObservationGaps {
    fn sample(&mut self, tick: &Tick) -> Result<Vec<Rows>> {
        let mut rows = Vec::new();
        let last = self.last.replace(tick.now);
        if let Some(length) = tick.suspended() {
            // It began within an interval of the previous tick.
            let from = last.unwrap_or_else(|| tick.now.before(length));
            let until_ns = from.utc_ns.saturating_add_unsigned(tick.suspended_ns);
            let cause = SUSPENDED.to_owned();
            rows.push(annotation_until(
                from,
                Some(until_ns),
                AnnotationKind::Gap,
                cause,
            )?);
        }
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

    #[test]
    fn a_suspend_is_a_gap_from_the_last_tick_on() {
        use arrow::array::AsArray;
        use arrow::datatypes::TimestampNanosecondType;

        let mut gaps = ObservationGaps::default();
        let second = 1_000_000_000;
        let mut gap = |at_s: i64, suspended_ns| {
            let now = ClockPair {
                boot_ns: at_s.unsigned_abs() * second,
                utc_ns: at_s * second as i64,
            };
            let tick = Tick {
                now,
                suspended_ns,
                ..Tick::default()
            };
            let rows = gaps.sample(&tick).unwrap();
            let time = |Rows(_, batch): &Rows, name| {
                let column = batch.column_by_name(name).unwrap();
                column.as_primitive::<TimestampNanosecondType>().value(0) / second as i64
            };
            let times = rows.iter().map(|row| (time(row, "at"), time(row, "until")));
            times.collect::<Vec<_>>()
        };
        assert_eq!(gap(100, 0), []);
        assert_eq!(gap(101, 900_000), [], "two readings apart");
        assert_eq!(gap(162, 60 * second), [(101, 161)]);
        assert_eq!(gap(163, 0), []);
        // Before the first tick.
        let mut gaps = ObservationGaps::default();
        let tick = Tick {
            suspended_ns: 5 * second,
            now: ClockPair {
                boot_ns: 9 * second,
                utc_ns: 9 * second as i64,
            },
            ..Tick::default()
        };
        assert_eq!(gaps.sample(&tick).unwrap().len(), 1);
    }
}
