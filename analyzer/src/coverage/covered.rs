//! The time that a recording covers: from the start to the stop of each recorder's run, without the
//! gaps. Rates are per second of this time, and charts begin and end with it.

use std::collections::{BTreeMap, BTreeSet};

use soakbox_schemas::tables::{Stall, Table};

use super::ranges::{joined, length_ns, merge};
use super::run_annotations::RunAnnotations;
use super::{ClockSteps, Gap};
use crate::recording::{Recording, RunFiles, TimeRange};

/// The time that a recording covers, and the periods inside it that were not observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// From the first to the last moment; `None` without rows.
    pub range: Option<TimeRange>,
    /// Observed time inside the range, ns.
    pub observed_ns: i64,
    /// Periods inside the range in which nothing, or not everything, was observed: gaps, and the
    /// time between runs. Without those of which only rows were deleted: the counts tell what
    /// happened.
    pub unobserved: Vec<TimeRange>,
    /// Recorders that recorded their own stop.
    pub stopped: BTreeSet<String>,
    /// The time of each recorder's run, by recorder; runs without rows are absent.
    pub runs: BTreeMap<String, RunCoverage>,
    /// The time of the runs without rows, by recorder, according to their annotations.
    pub without_rows: BTreeMap<String, TimeRange>,
}

/// The time that one recorder's run covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCoverage {
    /// From its first to its last moment.
    pub range: TimeRange,
    /// The gaps of its rows inside the range, in order; they do not touch.
    pub gaps: Vec<TimeRange>,
    /// As `gaps`, without the time of deleted rows whose counts are there.
    pub gaps_of_counts: Vec<TimeRange>,
    /// The time of the deleted rows, as far as it is inside the range.
    pub deleted_rows: Option<TimeRange>,
    /// All that were annotated, also those without length, in order; they do not touch. One that
    /// did not end lasts for ever.
    pub noted_gaps: Vec<TimeRange>,
    /// When a process of its command began or ended, ns UTC.
    pub restarts_ns: Vec<i64>,
    /// When the recorder could not run, so that the counts of several intervals came as one.
    pub stalls: Vec<Stall>,
    /// Whether it recorded its start, or is an import. Otherwise annotations are missing, and gaps
    /// may be unknown.
    pub has_start: bool,
}

#[cfg(test)]
impl RunCoverage {
    /// A run without gaps, for tests.
    pub(super) fn whole(range: TimeRange) -> Self {
        Self {
            range,
            gaps: Vec::new(),
            gaps_of_counts: Vec::new(),
            deleted_rows: None,
            noted_gaps: Vec::new(),
            restarts_ns: Vec::new(),
            stalls: Vec::new(),
            has_start: true,
        }
    }
}

impl Coverage {
    pub(crate) fn of(
        recording: &Recording,
        annotated: &BTreeMap<String, RunAnnotations>,
        gaps: &[Gap],
    ) -> Self {
        let covered = recording.runs().into_iter();
        let covered = covered.filter_map(|(recorder, files)| {
            let noted = annotated.get(recorder);
            let range = run(&files, noted)?;
            let gaps_of_counts = noted.map_or(&[][..], |noted| &noted.gaps);
            let deleted_rows = noted.and_then(|noted| noted.deleted_rows);
            let deleted_rows = deleted_rows.map(|(from_ns, to_ns)| (from_ns, Some(to_ns)));
            let gaps: Vec<_> = gaps_of_counts.iter().copied().chain(deleted_rows).collect();
            let run = RunCoverage {
                range,
                gaps: gaps_inside(range, &gaps),
                gaps_of_counts: gaps_inside(range, gaps_of_counts),
                deleted_rows: gaps_inside(range, deleted_rows.as_slice()).pop(),
                noted_gaps: all_noted(&gaps),
                restarts_ns: noted.map_or_else(Vec::new, |noted| noted.restarts_ns.clone()),
                stalls: noted.map_or_else(Vec::new, |noted| noted.stalls.clone()),
                has_start: noted.is_some_and(|noted| noted.started_ns.is_some())
                    || files.is_import(),
            };
            Some((recorder.to_owned(), run))
        });
        let covered: BTreeMap<String, RunCoverage> = covered.collect();
        let runs: Vec<TimeRange> = covered.values().map(|run| run.range).collect();
        let range = runs.iter().copied().reduce(TimeRange::union);
        let unobserved = range.map_or_else(Vec::new, |range| unobserved(range, runs, gaps));
        let unobserved_ns = length_ns(&unobserved);
        let without_rows = annotated.iter().filter_map(|(recorder, noted)| {
            let first_ns = noted.started_ns?;
            let last_ns = noted.stopped_ns.unwrap_or(first_ns);
            let range = TimeRange { first_ns, last_ns };
            (!covered.contains_key(recorder)).then(|| (recorder.clone(), range))
        });
        let without_rows = without_rows.collect();
        let stopped = annotated.iter().filter(|(_, run)| run.stopped_ns.is_some());
        Self {
            range,
            observed_ns: range.map_or(0, TimeRange::length_ns) - unobserved_ns,
            unobserved,
            stopped: stopped.map(|(recorder, _)| recorder.clone()).collect(),
            without_rows,
            runs: covered,
        }
    }

    /// The same where UTC was stepped in runs, which are named by their recorders: what it skipped was never
    /// there, and of what it showed twice nothing over time is known. Time of another run is neither.
    #[must_use]
    pub(crate) fn with_steps(mut self, steps: &BTreeMap<String, ClockSteps>) -> Self {
        let (mut never, mut twice) = (self.unobserved, Vec::new());
        let before_ns = length_ns(&never);
        for (recorder, steps) in steps {
            let others = self.runs.iter().filter(|(other, _)| *other != recorder);
            let others = merge(others.map(|(_, run)| run.range).collect());
            let alone = |times: Vec<TimeRange>| {
                let parts = times.into_iter();
                parts
                    .flat_map(|time| time.outside(&others))
                    .collect::<Vec<_>>()
            };
            never.extend(alone(steps.skipped()));
            twice.extend(alone(steps.twice()));
        }
        let (never, twice) = (merge(never), merge(twice));
        let more_ns = before_ns
            .saturating_sub(length_ns(&never))
            .saturating_add(length_ns(&twice));
        self.observed_ns = self.observed_ns.saturating_add(more_ns);
        self.unobserved = merge([never, twice].concat());
        self
    }
}

/// The gaps of a run as ranges inside it.
fn gaps_inside(range: TimeRange, gaps: &[(i64, Option<i64>)]) -> Vec<TimeRange> {
    let inside = gaps.iter().map(|&(from_ns, to_ns)| TimeRange {
        first_ns: from_ns.max(range.first_ns),
        last_ns: to_ns.unwrap_or(range.last_ns).min(range.last_ns),
    });
    merge(inside.collect())
}

fn all_noted(gaps: &[(i64, Option<i64>)]) -> Vec<TimeRange> {
    let all = gaps.iter().map(|&(first_ns, to_ns)| TimeRange {
        first_ns,
        last_ns: to_ns.unwrap_or(i64::MAX).max(first_ns),
    });
    joined(all.collect())
}

/// The run of one recorder, from the annotation of its start to that of its stop. Where one of the
/// two is missing (the recorder still runs, or was killed), the first or last row counts instead. The
/// time before the start of a target and after its end is none of the run: however long a recorder
/// needs to begin and to finish, no operation was slow or missing in it. A row of `operation_log`
/// outside the run extends it.
fn run(files: &RunFiles<'_>, noted: Option<&RunAnnotations>) -> Option<TimeRange> {
    let interval_ns = files.provenance().map_or(0, |run| run.interval_ns);
    let interval_ns = i64::try_from(interval_ns).unwrap_or(0);
    let log = files.range_of(Table::OPERATION_LOG);
    let metrics = files.range_of(Table::OPERATION_METRICS);
    let metrics = metrics.map(|range| TimeRange {
        // A row's time is the start of its interval.
        last_ns: range.last_ns.saturating_add(interval_ns),
        ..range
    });
    let tables = [log, files.range_of(Table::RECORDER_HEALTH), metrics];
    let rows = tables.into_iter().flatten().reduce(TimeRange::union)?;
    let run = TimeRange {
        first_ns: noted
            .and_then(|noted| noted.started_ns)
            .unwrap_or(rows.first_ns),
        last_ns: noted
            .and_then(|noted| noted.stopped_ns)
            .unwrap_or(rows.last_ns),
    };
    let begin_ns = noted.and_then(|noted| noted.target_started_ns);
    let end_ns = noted.and_then(|noted| noted.target_exited_ns);
    let first_ns = begin_ns.map_or(run.first_ns, |at_ns| run.first_ns.max(at_ns));
    let last_ns = end_ns.map_or(run.last_ns, |at_ns| run.last_ns.min(at_ns));
    let run = match first_ns < last_ns {
        true => TimeRange { first_ns, last_ns },
        false => run,
    };
    Some(log.map_or(run, |log| run.union(log)))
}

/// The parts of `range` that lie outside all runs or inside a gap.
fn unobserved(range: TimeRange, runs: Vec<TimeRange>, gaps: &[Gap]) -> Vec<TimeRange> {
    // A gap without an end lasts until the end of the run that it began in.
    let end = |gap: &Gap| {
        let run = runs
            .iter()
            .find(|run| (run.first_ns..=run.last_ns).contains(&gap.from_ns));
        gap.to_ns
            .unwrap_or(run.map_or(range.last_ns, |run| run.last_ns))
    };
    let mut holes: Vec<TimeRange> = gaps
        .iter()
        .filter(|gap| !gap.is_counted)
        .map(|gap| TimeRange {
            first_ns: gap.from_ns.max(range.first_ns),
            last_ns: end(gap).min(range.last_ns),
        })
        .collect();
    holes.extend(merge(runs).windows(2).map(|runs| TimeRange {
        first_ns: runs[0].last_ns,
        last_ns: runs[1].first_ns,
    }));
    merge(holes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first_ns: i64, last_ns: i64) -> TimeRange {
        TimeRange { first_ns, last_ns }
    }

    fn gap(from_ns: i64, to_ns: Option<i64>) -> Gap {
        Gap {
            from_ns,
            to_ns,
            cause: "crash".to_owned(),
            is_counted: false,
        }
    }

    #[test]
    fn a_run_is_as_long_as_its_target() {
        use soakbox_schemas::tables::{Annotation, AnnotationKind};
        use soakbox_testing::{Recorder, Soak, annotation};

        let (started, exited) = (AnnotationKind::TargetStarted, AnnotationKind::TargetExited);
        let second = 1_000_000_000;
        let covered = |notes: &[(i64, AnnotationKind)]| {
            let place = tempfile::tempdir().unwrap();
            let soak = Soak {
                seconds: 10,
                ..Soak::default()
            };
            let mut rows = soak.rows();
            let first_ns = rows.annotations[0].at_ns;
            // Nothing was recorded in the first and the last two seconds.
            let mut recorder = Recorder::new(place.path());
            recorder.seal(
                Table::OPERATION_LOG,
                &soakbox_testing::concat(&rows.log[2..8]),
            );
            let notes = notes
                .iter()
                .map(|&(at, kind)| annotation(at, None, kind, ""));
            rows.annotations.extend(notes);
            rows.annotations.sort_by_key(|one| one.at_ns);
            let annotations = Annotation::batch(&rows.annotations).unwrap();
            recorder.seal(Table::ANNOTATIONS, &annotations);
            let recording = crate::recording::open(place.path(), false).unwrap();
            let annotations = super::super::Annotations::read(&recording).unwrap();
            let coverage = Coverage::of(&recording, &annotations.runs, &annotations.gaps);
            let range = coverage.range.unwrap();
            let seconds = |at_ns: i64| (at_ns - first_ns).div_euclid(second);
            (seconds(range.first_ns), seconds(range.last_ns))
        };
        let whole = covered(&[]);
        assert_eq!(whole, (0, 10));
        assert_eq!(covered(&[(1, started), (9, exited)]), (1, 9));
        assert_eq!(covered(&[(9, exited)]), (0, 9));
        assert_eq!(covered(&[(1, started)]), (1, 10));
        assert_eq!(covered(&[(4, exited), (5, started)]), whole, "a restart");
        assert_eq!(
            covered(&[(4, started), (5, exited)]),
            (2, 7),
            "rows extend it"
        );
        assert_eq!(
            covered(&[(12, started), (11, exited)]),
            whole,
            "wrong times"
        );
    }

    #[test]
    fn steps_of_the_clock_change_how_long_was_observed() {
        let run = RunCoverage::whole;
        let stepped = |stretches: &[TimeRange], other: Option<TimeRange>| {
            let other = other.map(|range| ("other".to_owned(), run(range)));
            let own = ("own".to_owned(), run(range(0, 300)));
            let coverage = Coverage {
                range: Some(range(0, 300)),
                observed_ns: 280,
                unobserved: vec![range(100, 120)],
                stopped: BTreeSet::new(),
                runs: [own].into_iter().chain(other).collect(),
                without_rows: BTreeMap::new(),
            };
            let steps = ClockSteps::between(stretches.to_vec());
            let coverage = coverage.with_steps(&BTreeMap::from([("own".to_owned(), steps)]));
            (coverage.observed_ns, coverage.unobserved)
        };
        let before = (280, vec![range(100, 120)]);
        assert_eq!(stepped(&[range(0, 300)], None), before);
        let forward = [range(0, 110), range(150, 300)];
        assert_eq!(stepped(&forward, None), (250, vec![range(100, 150)]));
        let back = [range(0, 240), range(200, 300)];
        let twice = vec![range(100, 120), range(200, 240)];
        assert_eq!(stepped(&back, None), (320, twice));
        // What the clock of one host skipped or showed twice is time of the other one.
        for steps in [forward, back] {
            assert_eq!(stepped(&steps, Some(range(0, 300))), before);
        }
        let some = stepped(&forward, Some(range(0, 140)));
        assert_eq!(some, (270, vec![range(100, 120), range(140, 150)]));
    }

    #[test]
    fn holes_between_runs_and_gaps_are_unobserved_once() {
        let runs = || vec![range(0, 100), range(50, 150), range(200, 300)];
        let all = range(0, 300);
        assert_eq!(unobserved(all, runs(), &[]), [range(150, 200)]);
        let gaps = [gap(90, Some(110)), gap(100, Some(120)), gap(140, Some(210))];
        assert_eq!(
            unobserved(all, runs(), &gaps),
            [range(90, 120), range(140, 210)]
        );
        assert_eq!(
            unobserved(all, runs(), &[gap(280, None)]),
            [range(150, 200), range(280, 300)]
        );
        let deleted_rows = Gap {
            is_counted: true,
            ..gap(0, Some(50))
        };
        assert_eq!(
            unobserved(
                all,
                runs(),
                &[deleted_rows, gap(400, None), gap(310, Some(320))]
            ),
            [range(150, 200)]
        );
    }
}
