//! One reading of a recording: the facts that every command needs, read once, so that no command
//! warns less than another.

use std::path::Path;

use soakbox_cli::Result;

use super::Warning;
use crate::coverage::{Annotations, Coverage, Gap, KnownRuns, Moment};
use crate::recording::{self, Recording};
use crate::windows::{self, Cut, MADE_UP, Observation, OperationCounts, OperationTotals, Run};

/// A recording that was opened and examined.
pub struct Reading {
    /// Its files.
    pub recording: Recording,
    /// When nothing, or not everything, was observed.
    pub gaps: Vec<Gap>,
    /// Annotated moments, in order.
    pub moments: Vec<Moment>,
    /// The time that the recording covers.
    pub coverage: Coverage,
    /// Its runs, cut into windows, in order of their begin; at least one.
    pub runs: Vec<Run>,
    /// The kernel's counts per operation, compared with the rows; ordered by name.
    pub counts: Vec<OperationCounts>,
    /// The sums of each operation with a row, ordered by name; empty where the windows are for
    /// verdicts.
    pub totals: Vec<OperationTotals>,
    /// Why the recording does not hold everything that happened; empty if it does.
    pub warnings: Vec<Warning>,
}

impl Reading {
    /// Opens the recording at `root` and reads its rows and counts once, into the windows that `cut`
    /// asks for. With `skip_damaged`, unreadable files are left out and become warnings.
    ///
    /// # Errors
    /// Where there is no recording, a file cannot be read, or a query fails.
    pub fn open(root: &Path, skip_damaged: bool, cut: Cut) -> Result<Self> {
        let (recording, annotations, coverage) = opened(root, skip_damaged)?;
        let Observation {
            runs,
            counts,
            totals,
            steps,
        } = windows::read(&recording, &coverage, cut)?;
        let Annotations { gaps, moments, .. } = annotations;
        let mut warnings = Warning::all(&recording, &counts, &gaps, &coverage);
        warnings.extend(Warning::clock_steps(&steps));
        let coverage = coverage.with_steps(&steps);
        Ok(Self {
            recording,
            gaps,
            moments,
            coverage,
            runs,
            counts,
            totals,
            warnings,
        })
    }

    /// How many rows and counts [`open`](Self::open) reads into these windows.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn rows_read(root: &Path, skip_damaged: bool, cut: Cut) -> Result<u64> {
        let (recording, _, coverage) = opened(root, skip_damaged)?;
        windows::rows_read(&recording, &coverage, cut)
    }

    /// Why no rate is known: the length of a run was made up. `None` where rates are known.
    pub fn why_no_rates(&self) -> Option<&'static str> {
        let mut runs = self.runs.iter();
        runs.any(|run| !run.identity.has_length())
            .then_some(MADE_UP)
    }

    /// Whether the counts of all operations agree with their rows; `None` where there are no
    /// counters to compare.
    pub fn counts_agree(&self) -> Option<bool> {
        let compared = self.counts.iter().filter_map(|counts| counts.identity_ok);
        compared.reduce(|all, one| all && one)
    }
}

/// A recording that was opened for queries: its rows are not read yet, and its counts only where
/// operations were lost.
pub struct Outline {
    /// Its files.
    pub recording: Recording,
    /// Its runs.
    pub runs: KnownRuns,
    /// As those of [`Reading`], without the comparison of counts and rows.
    pub warnings: Vec<Warning>,
}

impl Outline {
    /// Opens the recording at `root`. With `skip_damaged`, unreadable files are left out and become
    /// warnings.
    ///
    /// # Errors
    /// Where there is no recording, or a file cannot be read.
    pub fn open(root: &Path, skip_damaged: bool) -> Result<Self> {
        let (recording, annotations, coverage) = opened(root, skip_damaged)?;
        let losses = windows::losses(&recording)?;
        let warnings = Warning::all(&recording, &losses, &annotations.gaps, &coverage);
        Ok(Self {
            recording,
            runs: coverage.into(),
            warnings,
        })
    }
}

/// A recording with what is annotated in it, and the time that it covers.
fn opened(root: &Path, skip_damaged: bool) -> Result<(Recording, Annotations, Coverage)> {
    let recording = recording::open(root, skip_damaged)?;
    let annotations = Annotations::read(&recording)?;
    let coverage = Coverage::of(&recording, &annotations.runs, &annotations.gaps);
    Ok((recording, annotations, coverage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use soakbox_schemas::tables::{Annotation, AnnotationKind, OperationMetrics, Table};
    use soakbox_testing::{Recorder, Soak, annotation};

    #[test]
    fn counts_are_compared_with_the_rows_where_the_rows_are_read() {
        let place = tempfile::tempdir().unwrap();
        let soak = Soak {
            seconds: 10,
            lost: 3,
            ..Soak::default()
        };
        soak.seal(place.path());
        let open = |cut| Reading::open(place.path(), false, cut).unwrap();
        let counts = |reading: &Reading| {
            let all = reading.counts.iter();
            let all = all.map(|one| (one.counters, one.lost(), one.in_flight));
            all.collect::<Vec<_>>()
        };
        let whole = open(Cut::WHOLE);
        assert_eq!(whole.counts_agree(), Some(true));
        for (cut, agree) in [
            (Cut::at_most(9), Some(true)),
            (Cut::Shown { most: 5 }, Some(true)),
        ] {
            let reading = open(cut);
            assert_eq!(reading.counts_agree(), agree, "{cut:?}");
            assert_eq!(reading.warnings, whole.warnings, "{cut:?}");
            assert_eq!(counts(&reading), counts(&whole), "{cut:?}");
        }
        let outline = Outline::open(place.path(), false).unwrap();
        assert_eq!(outline.warnings, whole.warnings);
    }

    #[test]
    fn each_complete_interval_is_compared() {
        // Changes of the counts of `traffic_control`, and the last second of a gap at the end.
        let agree = |changes: &[(usize, i64)], gap: Option<i64>, stops: bool| {
            let place = tempfile::tempdir().unwrap();
            let soak = Soak {
                seconds: 20,
                ..Soak::default()
            };
            let mut rows = soak.rows();
            for &(second, more) in changes {
                let counts = &mut rows.metrics[second][1];
                counts.recorded = counts.recorded.saturating_add_signed(more);
                counts.finished = counts.finished.saturating_add_signed(more);
                counts.begun = counts.begun.saturating_add_signed(more);
            }
            let metrics = OperationMetrics::batch(&rows.metrics.concat()).unwrap();
            let mut recorder = Recorder::new(place.path());
            recorder.seal(Table::OPERATION_METRICS, &metrics);
            recorder.seal(Table::OPERATION_LOG, &soakbox_testing::concat(&rows.log));
            if stops {
                rows.annotations
                    .extend(gap.map(|since| annotation(since, None, AnnotationKind::Gap, "crash")));
                let annotations = Annotation::batch(&rows.annotations).unwrap();
                recorder.seal(Table::ANNOTATIONS, &annotations);
            }
            let reading = Reading::open(place.path(), false, Cut::WHOLE).unwrap();
            let rows: u64 = reading.counts.iter().map(|counts| counts.rows).sum();
            assert_eq!(rows, 1_400);
            reading.counts_agree()
        };
        assert_eq!(agree(&[], None, true), Some(true));
        assert_eq!(agree(&[(9, 1)], None, true), Some(false));
        assert_eq!(agree(&[(3, 1), (4, -1)], None, true), Some(false));
        assert_eq!(agree(&[(19, 1)], None, true), Some(false));
        // The last two of a recorder that did not stop may be incomplete.
        assert_eq!(agree(&[(18, 1), (19, -1)], None, false), Some(true));
        assert_eq!(agree(&[(17, 1), (19, -1)], None, false), Some(false));
        assert_eq!(agree(&[(12, 1), (19, -1)], Some(12), true), Some(true));
        assert_eq!(agree(&[(11, 1), (19, -1)], Some(12), true), Some(false));
    }

    #[test]
    fn a_gap_without_an_end_cuts_no_interval_of_another_run() {
        let place = tempfile::tempdir().unwrap();
        let earlier = [
            annotation(-20, None, AnnotationKind::RecordingStarted, "0.1.0"),
            annotation(-10, None, AnnotationKind::Gap, "file replaced"),
            annotation(-5, None, AnnotationKind::RecordingStopped, "0.1.0"),
        ];
        let batch = Annotation::batch(&earlier).unwrap();
        Recorder::new(place.path())
            .with_uuid("11111111-2222-4333-8444-555555555555", "soak-1")
            .seal(Table::ANNOTATIONS, &batch);
        let soak = Soak {
            seconds: 10,
            ..Soak::default()
        };
        soak.seal(place.path());
        let reading = Reading::open(place.path(), false, Cut::WHOLE).unwrap();
        assert_eq!(reading.gaps.len(), 1);
        assert_eq!(reading.counts_agree(), Some(true));
    }
}
