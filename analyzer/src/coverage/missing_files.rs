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
/// The same at the ends, where a recorder begins and finishes, and at the end no number tells of a further file.
const LEAST_AT_ENDS: i64 = 10;

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
    let recorded = rows(Table::RECORDER_HEALTH).chain(observed.iter().copied());
    let recorded = merge(recorded.collect());
    let holes = |intervals: i64, times: &[TimeRange], others: &[TimeRange]| -> Vec<TimeRange> {
        let parts = times.iter().flat_map(|time| time.outside(others));
        let least_ns = intervals.saturating_mul(interval_ns);
        parts.filter(|part| part.length_ns() >= least_ns).collect()
    };
    let mut numbered: Vec<_> = numbered.collect();
    numbered.sort_unstable_by_key(|(sequence, _)| *sequence);
    // The oldest are deleted first, and what was before them cannot be told from them.
    let is_deleted = recording.deletions.of(recorder, counts).is_some();
    let started_ns = run.started_ns.filter(|_| !is_deleted);
    let stopped_ns = run.stopped_ns.filter(|_| !recording.is_unsealed(recorder));
    let ends = ends(&numbered, started_ns, stopped_ns);
    let between = jumps(&numbered, interval_ns);
    [
        holes(LEAST_INTERVALS, &between, &observed),
        holes(LEAST_AT_ENDS, &ends, &recorded),
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

/// The time from the start of the run to its first file, if that has not the first number, and from its last
/// one to its stop.
fn ends(numbered: &[Numbered], started_ns: Option<i64>, stopped_ns: Option<i64>) -> Vec<TimeRange> {
    let first = numbered.first().filter(|(sequence, _)| *sequence > 1);
    let first = first.and_then(|(_, range)| *range);
    let begin = started_ns.zip(first).map(|(first_ns, first)| TimeRange {
        first_ns,
        last_ns: first.first_ns,
    });
    let last_ns = numbered.iter().filter_map(|(_, range)| *range);
    let last_ns = last_ns.map(|range| range.last_ns).max();
    let end = last_ns
        .zip(stopped_ns)
        .map(|(first_ns, last_ns)| TimeRange { first_ns, last_ns });
    begin.into_iter().chain(end).collect()
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
        assert_eq!(ends(&all, Some(-50), None), []);
        assert_eq!(ends(&some, Some(5), None), [range(5, 100)]);
        assert_eq!(ends(&some, None, Some(900)), [range(790, 900)]);
        assert_eq!(ends(&[], Some(5), Some(900)), []);
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
