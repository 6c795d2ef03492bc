//! Time of a run whose files are gone without a trace: somebody removed or did not copy them. The files of
//! a table are numbered, so that this is seen, and the counts of a run have rows of every interval.

use soakbox_schemas::tables::Table;

use super::ranges::merge;
use super::run_annotations::RunAnnotations;
use crate::recording::{Recording, RunFiles, TimeRange};

/// The cause of such a gap.
pub(super) const CAUSE: &str = "files missing";
/// The tables with rows of what was observed.
const OBSERVED: [Table; 2] = [Table::OPERATION_LOG, Table::OPERATION_METRICS];
/// A shorter time may be one in which the recorder could not run.
const LEAST_INTERVALS: i64 = 2;
/// The same at the end, where a recorder finishes, and no number tells of a further file.
const LEAST_AT_END: i64 = 10;

/// The times of a run of which counts were written and no table has a row, outside of its known gaps.
pub(super) fn missing(
    recording: &Recording,
    recorder: &str,
    files: &RunFiles<'_>,
    run: &RunAnnotations,
) -> Vec<TimeRange> {
    let counts = Table::OPERATION_METRICS;
    let interval_ns = files.provenance().map_or(0, |run| run.interval_ns);
    let interval_ns = i64::try_from(interval_ns).unwrap_or(0);
    // A file that was left out is reported already.
    let mut damaged = recording.damaged.iter();
    let is_left_out = damaged.any(|file| file.may_be_of(recorder) && file.may_have(counts));
    if files.is_import() || interval_ns == 0 || is_left_out {
        return Vec::new();
    }
    let sealed = files.segments(counts);
    let sealed = sealed.map(|file| (file.sequence, file.range));
    let others = files.journals(counts);
    let numbered = sealed.chain(others.map(|file| (file.sequence, file.range)));
    let known = run.gaps.iter().map(|&(from_ns, to_ns)| TimeRange {
        first_ns: from_ns,
        last_ns: to_ns.unwrap_or(i64::MAX),
    });
    let rows = |table: Table| {
        let sealed = files.segments(table).filter_map(|file| file.range);
        let unsealed = files.journals(table).filter_map(|file| file.range);
        // The time of counts is the start of their interval.
        let more_ns = if table == counts { interval_ns } else { 0 };
        sealed.chain(unsealed).map(move |range| TimeRange {
            last_ns: range.last_ns.saturating_add(more_ns),
            ..range
        })
    };
    let observed = merge(known.chain(OBSERVED.into_iter().flat_map(rows)).collect());
    let holes = |intervals: i64, times: &[TimeRange]| -> Vec<TimeRange> {
        let parts = times.iter().flat_map(|time| time.outside(&observed));
        let least_ns = intervals.saturating_mul(interval_ns);
        parts.filter(|part| part.length_ns() >= least_ns).collect()
    };
    let mut numbered: Vec<_> = numbered.collect();
    numbered.sort_unstable_by_key(|(sequence, _)| *sequence);
    // The oldest are deleted first, and what was before them cannot be told from them.
    let is_deleted = recording.deletions.of(recorder, counts).is_some();
    let started_ns = run.started_ns.filter(|_| !is_deleted);
    let stopped_ns = run.stopped_ns.filter(|_| !recording.is_unsealed(recorder));
    let before = before_the_first(&numbered, started_ns);
    let between = jumps(&numbered, interval_ns);
    let proven: Vec<_> = before.into_iter().chain(between).collect();
    let after = after_the_last(&numbered, stopped_ns);
    [
        holes(LEAST_INTERVALS, &proven),
        holes(LEAST_AT_END, after.as_slice()),
    ]
    .concat()
}

/// A file by its number, and the time of its rows.
type Numbered = (u64, Option<TimeRange>);

/// The times between two files whose numbers do not follow one another.
fn jumps(numbered: &[Numbered], interval_ns: i64) -> Vec<TimeRange> {
    let jump = |two: &[Numbered]| {
        let (before, after) = (two[0].1?, two[1].1?);
        let is_jump = two[1].0.saturating_sub(two[0].0) > 1;
        is_jump.then(|| TimeRange {
            first_ns: before.last_ns.saturating_add(interval_ns),
            last_ns: after.first_ns,
        })
    };
    numbered.windows(2).filter_map(jump).collect()
}

/// The time from the start of the run to its first file, if that has not the first number.
fn before_the_first(numbered: &[Numbered], started_ns: Option<i64>) -> Option<TimeRange> {
    let (_, first) = numbered.first().filter(|(sequence, _)| *sequence > 1)?;
    Some(TimeRange {
        first_ns: started_ns?,
        last_ns: (*first)?.first_ns,
    })
}

/// The time from the last file of a run to its stop.
fn after_the_last(numbered: &[Numbered], stopped_ns: Option<i64>) -> Option<TimeRange> {
    let ranges = numbered.iter().filter_map(|(_, range)| *range);
    Some(TimeRange {
        first_ns: ranges.map(|range| range.last_ns).max()?,
        last_ns: stopped_ns?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first_ns: i64, last_ns: i64) -> TimeRange {
        TimeRange { first_ns, last_ns }
    }

    #[test]
    fn only_a_number_that_is_skipped_shows_that_a_file_is_missing() {
        let file = |sequence, first, last| (sequence, Some(range(first, last)));
        let all = [file(1, 0, 90), file(2, 100, 190), file(3, 400, 490)];
        assert_eq!(jumps(&all, 10), []);
        let some = [file(2, 100, 190), file(3, 200, 290), file(5, 700, 790)];
        assert_eq!(jumps(&some, 10), [range(300, 700)]);
        assert_eq!(
            jumps(&[file(1, 0, 90), (3, None), file(5, 300, 390)], 10),
            []
        );
        assert_eq!(before_the_first(&all, Some(-50)), None);
        assert_eq!(before_the_first(&some, Some(5)), Some(range(5, 100)));
        assert_eq!(before_the_first(&[], Some(5)), None);
        assert_eq!(after_the_last(&some, Some(900)), Some(range(790, 900)));
        assert_eq!(after_the_last(&some, None), None);
        assert_eq!(after_the_last(&[], Some(900)), None);
    }

    #[test]
    fn what_is_known_of_a_time_is_not_missing() {
        let parts = |others: &[TimeRange]| range(100, 200).outside(&merge(others.to_vec()));
        assert_eq!(parts(&[]), [range(100, 200)]);
        assert_eq!(parts(&[range(0, 300)]), []);
        assert_eq!(parts(&[range(0, 100), range(200, 250)]), [range(100, 200)]);
        let some = [range(150, 160), range(120, 130), range(190, 500)];
        let left = [range(100, 120), range(130, 150), range(160, 190)];
        assert_eq!(parts(&some), left);
    }
}
