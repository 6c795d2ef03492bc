//! One reading of a recording: the facts that every command needs, read once, so that no command
//! warns less than another.

use std::path::Path;

use soakbox_cli::Result;

use super::reconciliation::IntervalRows;
use super::{Comparison, OperationCounts, Warning, reconciliation};
use crate::coverage::{Annotations, Coverage, Gap, Moment};
use crate::recording::{self, Recording};
use crate::sql::{Session, queries};

/// A recording that was opened and examined.
pub struct Reading {
    /// Its files.
    pub recording: Recording,
    /// Its tables, ready for queries.
    pub session: Session,
    /// When nothing, or not everything, was observed.
    pub gaps: Vec<Gap>,
    /// Annotated moments, in order.
    pub moments: Vec<Moment>,
    /// The time that the recording covers.
    pub coverage: Coverage,
    /// The kernel's counts per operation, compared with the rows; ordered by name.
    pub counts: Vec<OperationCounts>,
    /// Why the recording does not hold everything that happened; empty if it does.
    pub warnings: Vec<Warning>,
}

impl Reading {
    /// Opens the recording at `root`. With `skip_damaged`, unreadable files are left out and become
    /// warnings.
    ///
    /// # Errors
    /// Where there is no recording, a file cannot be read, or a query fails.
    pub fn open(root: &Path, skip_damaged: bool, comparison: Comparison) -> Result<Self> {
        let recording = recording::open(root, skip_damaged)?;
        let session = Session::new(&recording)?;
        let queries = [
            queries::ANNOTATIONS.to_owned(),
            reconciliation::complete_intervals(&recording),
            reconciliation::in_flight(),
        ];
        let [annotations, complete, in_flight] = session.collect_all(queries);
        let Annotations {
            gaps,
            moments,
            runs,
        } = Annotations::of(&annotations?)?;
        let coverage = Coverage::of(&recording, &runs, &gaps);
        let intervals = IntervalRows {
            complete: complete?,
            in_flight: in_flight?,
        };
        let (counts, not_compared) =
            reconciliation::read(&recording, &session, &coverage, &intervals, comparison)?;
        let mut warnings = Warning::all(&recording, &counts, &gaps, &coverage);
        warnings.extend(not_compared.map(|reason| Warning::NotCompared { reason }));
        Ok(Self {
            recording,
            session,
            gaps,
            moments,
            coverage,
            counts,
            warnings,
        })
    }

    /// Whether the counts of all operations agree with their rows; `None` where there are no
    /// counters to compare.
    pub fn counts_agree(&self) -> Option<bool> {
        let compared = self.counts.iter().filter_map(|counts| counts.identity_ok);
        compared.reduce(|all, one| all && one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::columns::Columns;
    use soakbox_schemas::tables::{Annotation, AnnotationKind, OperationMetrics, Table};
    use soakbox_testing::{Recorder, Soak, annotation};

    #[test]
    fn rows_that_are_too_many_to_be_compared_are_reported() {
        let place = tempfile::tempdir().unwrap();
        let soak = Soak {
            seconds: 10,
            ..Soak::default()
        };
        soak.seal(place.path());
        let open = |comparison| Reading::open(place.path(), false, comparison).unwrap();
        for comparison in [Comparison::Required, Comparison::UpTo(700)] {
            let reading = open(comparison);
            assert_eq!(reading.warnings, []);
            assert_eq!(reading.counts_agree(), Some(true));
        }
        let reading = open(Comparison::UpTo(699));
        assert_eq!(reading.counts_agree(), None);
        let reason = "there are 700 of them".to_owned();
        assert_eq!(reading.warnings, [Warning::NotCompared { reason }]);
    }

    #[test]
    fn a_row_too_few_is_found_whether_intervals_are_compared_one_by_one_or_together() {
        let balance = |missing: bool, intervals: &str, complete: &str| {
            let place = tempfile::tempdir().unwrap();
            let soak = Soak {
                seconds: 20,
                ..Soak::default()
            };
            let mut rows = soak.rows();
            rows.metrics[9][1].recorded += u64::from(missing);
            rows.metrics[9][1].finished += u64::from(missing);
            let metrics: Vec<_> = rows.metrics.into_iter().flatten().collect();
            let metrics = OperationMetrics::batch(&metrics).unwrap();
            let mut recorder = Recorder::new(place.path());
            recorder.seal(Table::OPERATION_METRICS, &metrics);
            recorder.seal(Table::OPERATION_LOG, &soakbox_testing::concat(&rows.log));
            let values = [
                ("intervals", intervals),
                ("complete", complete),
                ("within", "TRUE"),
            ];
            let recording = recording::open(place.path(), false).unwrap();
            let session = Session::new(&recording).unwrap();
            let found = session.collect(&queries::fill(queries::BALANCE, &values));
            let found = Columns::new(&found.unwrap()).unwrap().unwrap();
            let counts = |name| found.counts(name).unwrap();
            (
                counts("rows"),
                counts("complete_rows"),
                counts("unbalanced"),
            )
        };
        for intervals in ["1", "7", "1000"] {
            let all = (vec![400, 1_000], vec![400, 1_000], vec![0, 0]);
            assert_eq!(balance(false, intervals, "6000"), all);
            assert_eq!(balance(true, intervals, "6000").2, [0, 1], "{intervals}");
            // The tenth second is interval 5009.
            let half = (vec![400, 1_000], vec![180, 450], vec![0, 0]);
            assert_eq!(balance(true, intervals, "5008"), half);
        }
    }

    /// The left side of a join is kept in memory.
    #[test]
    fn joins_do_not_keep_the_counts_of_a_recording_in_memory() {
        let place = tempfile::tempdir().unwrap();
        Soak::incomplete().seal(place.path());
        let recording = recording::open(place.path(), false).unwrap();
        let session = Session::new(&recording).unwrap();
        for (query, join) in [
            (reconciliation::complete_intervals(&recording), "RightAnti"),
            (reconciliation::in_flight(), "RightSemi"),
        ] {
            let plan = session.collect(&format!("EXPLAIN {query}")).unwrap();
            let plan = Columns::new(&plan).unwrap().unwrap();
            let plan = plan.texts("plan").unwrap().join("\n");
            assert!(plan.contains(&format!("join_type={join}")), "{plan}");
        }
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
        let reading = Reading::open(place.path(), false, Comparison::Required).unwrap();
        assert_eq!(reading.gaps.len(), 1);
        assert_eq!(reading.counts_agree(), Some(true));
    }
}
