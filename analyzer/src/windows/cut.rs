//! How the runs of a recording are cut into windows.

use std::collections::BTreeMap;

use super::WindowLength;
use super::check::CompleteIntervals;
use super::complete::complete_intervals;
use super::length::MOST_WINDOWS;
use super::source::Source;
use crate::coverage::{Coverage, INCOMPLETE_INTERVALS, RunCoverage, length_ns};
use crate::recording::{Recording, RunFiles, TimeRange};
use soakbox_cli::Result;
use soakbox_schemas::recording::Provenance;
use soakbox_schemas::tables::Table;

/// The tables without which nothing is known about the time of their rows.
pub(super) const NEEDED: [Table; 2] = [Table::OPERATION_LOG, Table::OPERATION_METRICS];

/// How runs are cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// For verdicts. The windows begin with the run, and those that it does not fill are left out,
    /// as is an end that may not be written completely. Operations that the kernel counted and that
    /// have no row are lost. A window is missing where a gap is, and where counts are missing.
    Judged {
        /// The shortest length of the windows.
        shortest: WindowLength,
        /// The most windows that a run fills: longer runs have longer windows. It is at most
        /// [`MOST_WINDOWS`].
        most: usize,
    },
    /// For figures and pictures. All rows and counted losses of a run are in its windows, which begin
    /// at multiples of their length since 1970: those of several runs fit together. No window is
    /// missing.
    Shown {
        /// The most windows that the whole recording fills.
        most: usize,
    },
}

impl Cut {
    /// For figures of whole runs.
    pub const WHOLE: Self = Self::Shown { most: 1 };

    /// For verdicts, in windows as short as a run of its length may have, and not shorter than
    /// `shortest`.
    pub fn not_shorter(shortest: WindowLength) -> Self {
        Self::Judged {
            shortest,
            most: MOST_WINDOWS,
        }
    }

    /// For verdicts, in the shortest windows of which a run fills at most `most`: with fewer windows
    /// many operations need less memory.
    pub fn at_most(most: usize) -> Self {
        Self::Judged {
            shortest: WindowLength::SHORTEST,
            most,
        }
    }

    /// Whether the windows are for figures and pictures.
    pub(super) fn is_shown(self) -> bool {
        matches!(self, Self::Shown { .. })
    }

    /// The length of the windows of a run in a recording.
    fn length(self, run_ns: i64, recording_ns: i64) -> WindowLength {
        match self {
            Self::Judged { shortest, most } => shortest
                .max(WindowLength::finest(run_ns))
                .max(WindowLength::filling(run_ns, most)),
            Self::Shown { most } => WindowLength::filling(recording_ns, most),
        }
    }
}

/// How one run is cut.
pub(super) struct RunPlan {
    pub(super) recorder: String,
    /// The time of its windows, which has all of its rows.
    pub(super) range: TimeRange,
    /// When the run ended, ns UTC.
    pub(super) end_ns: i64,
    /// The part of it of which the windows are wanted.
    pub(super) complete: TimeRange,
    /// Whether windows are missing where something is not known.
    pub(super) is_judged: bool,
    /// Those of its counts, and the moment at which deleted rows end: of the window that has it, not
    /// all rows are there.
    pub(super) gaps: Vec<TimeRange>,
    /// The time of deleted rows: what happened is known from the counts.
    pub(super) deleted_rows: Option<TimeRange>,
    pub(super) restarts_ns: Vec<i64>,
    pub(super) length: WindowLength,
    pub(super) interval_ns: i64,
    /// Whether operations may have finished without a row, so that the kernel's histograms are read.
    pub(super) reads_durations: bool,
    /// The length of windows of whole intervals: `length`, or that of an interval.
    pub(super) finished_length: WindowLength,
    /// Whether rows or counts were left out, because their file or a part of it cannot be read.
    pub(super) lacks_rows: bool,
    /// Whether the rows are another program's: nobody counted them.
    pub(super) is_import: bool,
    /// Whether annotations are missing or were left out: gaps may be unknown.
    pub(super) lacks_gaps: bool,
    /// The intervals of which counts and rows are compared.
    pub(super) complete_intervals: CompleteIntervals,
    /// The part of the run in which it observed, ns; and when.
    pub(super) observed_ns: i64,
    pub(super) observed: Vec<TimeRange>,
    /// The settings of the recorder, by name; empty in runs that older versions recorded.
    pub(super) settings: BTreeMap<String, String>,
    /// No row finished before, ns UTC: earlier ones were deleted.
    pub(super) rows_begin_ns: i64,
    /// Whether counts may be read by the sums of their segments.
    pub(super) reads_sums: bool,
}

/// The plans of all runs that have rows.
pub(super) fn plans(
    recording: &Recording,
    files: &BTreeMap<&str, RunFiles<'_>>,
    coverage: &Coverage,
    cut: Cut,
) -> Result<Vec<RunPlan>> {
    let recording_ns = coverage.range.map_or(0, TimeRange::length_ns);
    let any_interval_ns = recording.interval_ns();
    let none = RunFiles::default();
    let plan = |(recorder, run): (&String, &RunCoverage)| {
        let files = files.get(recorder.as_str()).unwrap_or(&none);
        let lacks = |tables: &[Table]| {
            let mut damaged = recording.damaged.iter();
            damaged.any(|file| file.may_be_of(recorder) && tables.iter().any(|t| file.may_have(*t)))
        };
        let lacks_rows = lacks(&NEEDED) || has_damaged_frames(files);
        let interval_ns = files.provenance().map_or(0, |one| one.interval_ns);
        let interval_ns = match i64::try_from(interval_ns) {
            Ok(length) if length > 0 => length,
            _ => any_interval_ns,
        };
        let has_deleted_rows = recording
            .deletions
            .of(recorder, Table::OPERATION_LOG)
            .is_some();
        let reads_durations = lacks_rows || may_lack_rows(files) || has_deleted_rows;
        let end_of_deleted = run.deleted_rows.map(|deleted| TimeRange {
            first_ns: deleted.last_ns,
            last_ns: deleted.last_ns.saturating_add(1),
        });
        let gaps = run.gaps_of_counts.iter().copied().chain(end_of_deleted);
        let length = cut.length(run.range.length_ns(), recording_ns);
        let interval = WindowLength::at_least(interval_ns);
        // In pictures, all operations of a recording have windows of whole intervals, or none has.
        let length = match cut {
            Cut::Shown { .. } if reads_durations && fills_enough(recording_ns, interval) => {
                length.max(interval)
            }
            _ => length,
        };
        let (range, complete, is_judged) = match cut {
            Cut::Judged { .. } => {
                let is_open = is_open(recording, coverage, recorder);
                let complete = complete_part(run.range, is_open, any_interval_ns);
                (run.range, complete, true)
            }
            Cut::Shown { .. } => {
                let whole = whole_windows(run.range, length);
                (whole, whole, false)
            }
        };
        let provenance = files.provenance();
        let observed = run.range.outside(&run.gaps_of_counts);
        let mut plan = RunPlan {
            recorder: recorder.clone(),
            range,
            end_ns: run.range.last_ns,
            complete,
            is_judged,
            gaps: gaps.collect(),
            deleted_rows: run.deleted_rows,
            restarts_ns: run.restarts_ns.clone(),
            length,
            interval_ns,
            reads_durations,
            finished_length: length.max(interval),
            lacks_rows,
            is_import: provenance.is_some_and(Provenance::is_import),
            lacks_gaps: lacks(&[Table::ANNOTATIONS]) || !run.has_start,
            complete_intervals: complete_intervals(recording, files, coverage, recorder)?,
            observed_ns: length_ns(&observed),
            observed,
            settings: provenance.map_or_else(BTreeMap::new, |one| one.settings.clone()),
            rows_begin_ns: rows_begin_ns(files),
            reads_sums: true,
        };
        let mut counts = Source::of(files, Table::OPERATION_METRICS);
        plan.reads_sums = counts.any(|source| plan.may_be_summed(source).is_some());
        Ok(plan)
    };
    coverage.runs.iter().map(plan).collect()
}

impl RunPlan {
    /// Whether an operation has rows of failures only, so that the outcome of all of them is known: the
    /// recorder refuses this rule otherwise.
    pub(super) fn keeps_failures_only(&self, operation: &str) -> bool {
        const RULE: &str = ",only=failures";
        let probe = self.settings.get(&format!("op.{operation}"));
        probe.is_some_and(|probe| probe.contains(RULE))
    }
}

/// The time of the first row of a run, the latest of all where it has none.
fn rows_begin_ns(files: &RunFiles<'_>) -> i64 {
    let sources = Source::of(files, Table::OPERATION_LOG);
    let begins = sources.map(|source| source.range().map_or(i64::MIN, |range| range.first_ns));
    begins.min().unwrap_or(i64::MAX)
}

/// The windows that begin at multiples of their length and cover the range; at least one.
fn whole_windows(range: TimeRange, length: WindowLength) -> TimeRange {
    let length = length.ns();
    let first_ns = range.first_ns.div_euclid(length).saturating_mul(length);
    let windows = (range.last_ns.saturating_sub(first_ns) - 1).div_euclid(length) + 1;
    TimeRange {
        first_ns,
        last_ns: first_ns.saturating_add(windows.max(1).saturating_mul(length)),
    }
}

/// Whether operations of a run may have finished without a row, as far as the footers tell.
fn may_lack_rows(files: &RunFiles<'_>) -> bool {
    let table = Table::OPERATION_METRICS;
    files.journals(table).next().is_some() || files.segments(table).any(|file| file.may_have_losses)
}

/// Whether a run of `run_ns` has enough windows of this length for a figure over time.
pub(super) fn fills_enough(run_ns: i64, length: WindowLength) -> bool {
    /// As many windows as a comparison needs, and a warm-up that is cut off.
    const FEWEST_WINDOWS: i64 = 16;
    run_ns / length.ns() >= FEWEST_WINDOWS
}

/// Whether frames of the run's journals are damaged, or were when the journals were sealed.
fn has_damaged_frames(files: &RunFiles<'_>) -> bool {
    NEEDED.into_iter().any(|table| {
        files.journals(table).any(|file| file.damaged.0 > 0)
            || files.segments(table).any(|file| file.damaged_bytes > 0)
    })
}

/// Whether the end of a run may not be written completely.
pub(super) fn is_open(recording: &Recording, coverage: &Coverage, recorder: &str) -> bool {
    recording.is_unsealed(recorder) || !coverage.stopped.contains(recorder)
}

/// The run without the intervals at its end that may not be written completely.
fn complete_part(range: TimeRange, is_open: bool, interval_ns: i64) -> TimeRange {
    if !is_open {
        return range;
    }
    let incomplete = INCOMPLETE_INTERVALS.saturating_mul(interval_ns);
    TimeRange {
        last_ns: range.last_ns.saturating_sub(incomplete).max(range.first_ns),
        ..range
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_windows_cover_the_range_and_begin_at_multiples_of_their_length() {
        let second = WindowLength::SECOND;
        let ns = second.ns();
        let covered = |first_ns, last_ns| {
            let whole = whole_windows(TimeRange { first_ns, last_ns }, second);
            (whole.first_ns, whole.last_ns)
        };
        assert_eq!(covered(0, 3 * ns), (0, 3 * ns));
        assert_eq!(covered(1, 3 * ns + 1), (0, 4 * ns));
        assert_eq!(covered(2 * ns + 5, 2 * ns + 5), (2 * ns, 3 * ns));
        assert_eq!(covered(2 * ns, 2 * ns), (2 * ns, 3 * ns));
        assert_eq!(covered(-1, 1), (-ns, ns));
    }
}
