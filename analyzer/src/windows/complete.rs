//! The intervals of a run that were counted and written completely, and of which nothing was deleted.

use std::cmp::Reverse;

use soakbox_cli::Result;
use soakbox_schemas::tables::Table;

use super::check::CompleteIntervals;
use super::columns::{INTERVAL_COLUMNS, each_interval};
use super::cut::is_open;
use super::merged::{Group, MergedIntervals};
use super::source::Source;
use crate::coverage::{Coverage, INCOMPLETE_INTERVALS};
use crate::recording::{Recording, RunFiles, TimeRange};

/// The intervals of a run that are compared.
pub(super) fn complete_intervals(
    recording: &Recording,
    files: &RunFiles<'_>,
    coverage: &Coverage,
    recorder: &str,
) -> Result<CompleteIntervals> {
    let deleted = |table| recording.deletions.of(recorder, table);
    let tables = [Table::OPERATION_LOG, Table::OPERATION_METRICS];
    let until_ns = tables
        .into_iter()
        .filter_map(deleted)
        .map(|deleted| deleted.until_ns);
    let last = last_complete(recording, files, coverage, recorder)?;
    let run = coverage.runs.get(recorder);
    let (stalls, gaps) = run.map_or((&[][..], &[][..]), |run| (&run.stalls, &run.noted_gaps));
    let length_ns = recording.interval_ns();
    // What a gap lacks may have been counted in one of the others.
    let is_in_gap = |group: Group| {
        last.is_some_and(|(newest, at_ns)| {
            let intervals = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            let since_ns = intervals(newest.saturating_sub(group.first)).saturating_mul(length_ns);
            let group_ns = intervals(group.last - group.first).saturating_add(1);
            is_touched(
                gaps,
                at_ns.saturating_sub(since_ns),
                group_ns.saturating_mul(length_ns),
            )
        })
    };
    Ok(CompleteIntervals {
        first: match until_ns.max() {
            Some(until_ns) => first_after(files, until_ns)?,
            None => 0,
        },
        last: last.map(|(interval, _)| interval),
        lacks_counts: deleted(Table::OPERATION_METRICS).is_some(),
        merged: MergedIntervals::of(stalls.iter().copied()).with_incomplete(is_in_gap),
    })
}

/// The first interval that begins after `until_ns`; the largest number where there is none.
fn first_after(files: &RunFiles<'_>, until_ns: i64) -> Result<u64> {
    let mut first = u64::MAX;
    let files = Source::of(files, Table::OPERATION_METRICS);
    let mut files: Vec<_> = files
        .filter(|file| file.range().is_none_or(|range| range.last_ns > until_ns))
        .collect();
    files.sort_by_key(|file| file.range().map_or(i64::MIN, |range| range.first_ns));
    let mut first_at_ns = i64::MAX;
    for file in files {
        if file
            .range()
            .is_some_and(|range| range.first_ns > first_at_ns)
        {
            break;
        }
        file.batches(&INTERVAL_COLUMNS, |batch| {
            each_interval(batch, |interval, at_ns| {
                if at_ns > until_ns && interval < first {
                    (first, first_at_ns) = (interval, at_ns);
                }
            })
        })?;
    }
    Ok(first)
}

/// The last interval that no gap of the run touches, and its begin, ns UTC, without those at the end of a
/// run that may not be written completely; `None` where there is none. Usually the newest file is enough.
fn last_complete(
    recording: &Recording,
    files: &RunFiles<'_>,
    coverage: &Coverage,
    recorder: &str,
) -> Result<Option<(u64, i64)>> {
    let gaps = coverage.runs.get(recorder);
    let gaps = gaps.map_or(&[][..], |run| &run.noted_gaps);
    let mut files: Vec<_> = Source::of(files, Table::OPERATION_METRICS).collect();
    let length_ns = match files.is_empty() {
        true => return Ok(None),
        false => recording.interval_ns(),
    };
    let last_ns = |file: &Source<'_>| file.range().map_or(i64::MAX, |range| range.last_ns);
    files.sort_by_key(|file| Reverse(last_ns(file)));
    let mut last: Option<(u64, i64)> = None;
    for file in files {
        if last.is_some_and(|(_, at_ns)| last_ns(&file) < at_ns) {
            break;
        }
        file.batches(&INTERVAL_COLUMNS, |batch| {
            each_interval(batch, |interval, at_ns| {
                let is_later = last.is_none_or(|(known, _)| known < interval);
                if is_later && !is_touched(gaps, at_ns, length_ns) {
                    last = Some((interval, at_ns));
                }
            })
        })?;
    }
    let incomplete = if is_open(recording, coverage, recorder) {
        INCOMPLETE_INTERVALS.unsigned_abs()
    } else {
        0
    };
    Ok(last.and_then(|(interval, at_ns)| {
        let complete = interval.checked_sub(incomplete)?;
        let earlier_ns = (interval - complete)
            .cast_signed()
            .saturating_mul(length_ns);
        Some((complete, at_ns.saturating_sub(earlier_ns)))
    }))
}

/// Whether one of the gaps, which are in order and do not touch, touches the interval.
fn is_touched(gaps: &[TimeRange], at_ns: i64, length_ns: i64) -> bool {
    let first = gaps.partition_point(|gap| gap.last_ns <= at_ns);
    let next = gaps.get(first);
    next.is_some_and(|gap| gap.first_ns < at_ns.saturating_add(length_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_touches_the_intervals_that_it_shares_a_moment_with() {
        let gap = |first_ns, last_ns| TimeRange { first_ns, last_ns };
        let gaps = [gap(15, 15), gap(20, 30), gap(45, i64::MAX)];
        let touched = (0..6).map(|interval| is_touched(&gaps, interval * 10, 10));
        assert_eq!(
            touched.collect::<Vec<_>>(),
            [false, true, true, false, true, true]
        );
    }
}
