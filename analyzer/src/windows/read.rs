//! Reads the runs of a recording as windows: one pass over `operation_log` for the rows and one over
//! `operation_metrics` for the losses, on all CPUs. Each thread folds files of its own.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;

use arrow::array::RecordBatch;
use soakbox_cli::{Failure, Result};
use soakbox_schemas::recording::Provenance;
use soakbox_schemas::tables::Table;

use super::columns::{LOG_COLUMNS, LogRows, LossRows, METRICS_COLUMNS};
use super::{Fold, Run, RunIdentity, WindowLength};
use crate::figures::{Reading, RunCoverage};
use crate::recording::{Journal, Recording, Segment, TimeRange};

/// Intervals at the end of a run that did not stop cleanly: they may not be written completely.
const INCOMPLETE_INTERVALS: i64 = 2;

/// The runs of a recording, in order of their begin. A run without rows is left out. `length` is the
/// shortest length of the windows; without it, it is the shortest of which each run has at most
/// [`MOST_WINDOWS`](super::MOST_WINDOWS). Longer runs get longer windows.
///
/// # Errors
/// Where a file cannot be read.
pub fn read(reading: &Reading, length: Option<WindowLength>) -> Result<Vec<Run>> {
    let recording = &reading.recording;
    let interval_ns = recording.interval_ns();
    let plans = plans(reading, length);
    let folds = fold(recording, &plans, interval_ns)?;
    let warnings: Vec<String> = reading.warnings.iter().map(ToString::to_string).collect();
    let root = recording.root.to_string_lossy().into_owned();
    let has_several = plans.len() > 1;
    let mut runs = Vec::new();
    for (plan, folds) in plans.into_iter().zip(folds) {
        let operations = folds.into_iter().map(|(operation, fold)| {
            let mut series = fold.finish(&plan.gaps);
            let complete = plan.complete.length_ns() / plan.length.ns();
            series
                .windows
                .truncate(usize::try_from(complete).unwrap_or(0));
            (operation, series)
        });
        let provenance = provenance(recording, &plan.recorder);
        runs.push(Run {
            identity: RunIdentity {
                name: match has_several {
                    true => format!("{root}#{}", plan.recorder),
                    false => root.clone(),
                },
                recording: root.clone(),
                warnings: warnings.clone(),
                ..RunIdentity::of(&provenance, &plan.recorder, plan.complete)
            },
            operations: operations.collect(),
        });
    }
    runs.sort_by(|a, b| {
        let key = |run: &Run| (run.identity.first_ns, run.identity.recorder.clone());
        key(a).cmp(&key(b))
    });
    Ok(runs)
}

/// How one run is cut.
struct RunPlan {
    recorder: String,
    /// The time of its rows.
    range: TimeRange,
    /// The part of it that is judged.
    complete: TimeRange,
    gaps: Vec<TimeRange>,
    length: WindowLength,
}

fn plans(reading: &Reading, length: Option<WindowLength>) -> Vec<RunPlan> {
    let runs = reading.coverage.runs.iter();
    let plan = |(recorder, run): (&String, &RunCoverage)| {
        let range = run.range;
        let finest = WindowLength::finest(range.length_ns());
        RunPlan {
            recorder: recorder.clone(),
            range,
            complete: complete_part(reading, recorder, range),
            gaps: run.gaps.clone(),
            length: length.map_or(finest, |length| length.max(finest)),
        }
    };
    runs.map(plan).collect()
}

/// The run without the intervals at its end that may not be written completely.
fn complete_part(reading: &Reading, recorder: &str, range: TimeRange) -> TimeRange {
    let recording = &reading.recording;
    if reading.coverage.stopped.contains(recorder) && !recording.is_unsealed(recorder) {
        return range;
    }
    let incomplete = INCOMPLETE_INTERVALS.saturating_mul(recording.interval_ns());
    TimeRange {
        last_ns: range.last_ns.saturating_sub(incomplete).max(range.first_ns),
        ..range
    }
}

/// The folds of one run, by operation.
type Folds = BTreeMap<String, Fold>;

/// A file of one run.
enum Source<'a> {
    Segment(&'a Segment),
    Journal(&'a Journal),
}

/// Folds all files; the result has the folds of each run.
fn fold(recording: &Recording, plans: &[RunPlan], interval_ns: i64) -> Result<Vec<Folds>> {
    let mut files: Vec<(usize, Source<'_>)> = Vec::new();
    for (run, plan) in plans.iter().enumerate() {
        for table in [Table::OPERATION_LOG, Table::OPERATION_METRICS] {
            let segments = recording.segments(table);
            let segments = segments.filter(|file| file.origin.recorder == plan.recorder);
            files.extend(segments.map(|file| (run, Source::Segment(file))));
            let journals = recording.journals(table);
            let journals = journals.filter(|file| file.origin.recorder == plan.recorder);
            files.extend(journals.map(|file| (run, Source::Journal(file))));
        }
    }
    // Neighbouring files have neighbouring windows: each thread gets one part of the list.
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let part = files.len().div_ceil(threads).max(1);
    let parts: Vec<Result<Vec<Folds>>> = std::thread::scope(|scope| {
        let start = |files| scope.spawn(move || fold_files(files, plans, interval_ns));
        let threads: Vec<_> = files.chunks(part).map(start).collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, Result<Vec<Folds>>>| {
            let stopped = |_| Err(Failure::new("reading thread", "ended unexpectedly"));
            thread.join().unwrap_or_else(stopped)
        };
        threads.into_iter().map(ended).collect()
    });
    let mut all = vec![Folds::new(); plans.len()];
    for part in parts {
        for (folds, more) in all.iter_mut().zip(part?) {
            for (operation, fold) in more {
                match folds.get_mut(&operation) {
                    Some(known) => known.merge(fold),
                    None => drop(folds.insert(operation, fold)),
                }
            }
        }
    }
    Ok(all)
}

fn fold_files(
    files: &[(usize, Source<'_>)],
    plans: &[RunPlan],
    interval_ns: i64,
) -> Result<Vec<Folds>> {
    let mut all = vec![Folds::new(); plans.len()];
    for (run, source) in files {
        let mut folds = RunFolds {
            plan: &plans[*run],
            interval_ns,
            folds: Vec::new(),
            places: HashMap::new(),
        };
        for (operation, fold) in std::mem::take(&mut all[*run]) {
            folds.insert(operation, fold);
        }
        match source {
            Source::Segment(file) if file.table == Table::OPERATION_LOG => {
                file.batches(&LOG_COLUMNS, |batch| folds.add_rows(batch))?;
            }
            Source::Segment(file) => {
                file.batches(&METRICS_COLUMNS, |batch| folds.add_losses(batch))?;
            }
            Source::Journal(file) if file.table == Table::OPERATION_LOG => {
                file.batches(|batch| folds.add_rows(batch))?;
            }
            Source::Journal(file) => file.batches(|batch| folds.add_losses(batch))?,
        }
        all[*run] = folds.folds.into_iter().collect();
    }
    Ok(all)
}

/// The folds of one run while a file is read.
struct RunFolds<'a> {
    plan: &'a RunPlan,
    interval_ns: i64,
    folds: Vec<(String, Fold)>,
    /// Where each operation is in `folds`.
    places: HashMap<String, usize>,
}

impl RunFolds<'_> {
    fn insert(&mut self, operation: String, fold: Fold) {
        self.places.insert(operation.clone(), self.folds.len());
        self.folds.push((operation, fold));
    }

    fn place(&mut self, operation: &str) -> usize {
        if let Some(place) = self.places.get(operation) {
            return *place;
        }
        let fold = Fold::new(self.plan.range, self.plan.length);
        self.insert(operation.to_owned(), fold);
        self.folds.len() - 1
    }

    fn add_rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = LogRows::of(batch)?;
        let places: Vec<usize> = rows.words().map(|word| self.place(word)).collect();
        for index in 0..rows.len() {
            let (word, row) = rows.row(index);
            let place = word.and_then(|word| places.get(word));
            if let Some((_, fold)) = place.and_then(|place| self.folds.get_mut(*place)) {
                fold.add(&row);
            }
        }
        Ok(())
    }

    fn add_losses(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = LossRows::of(batch)?;
        let places: Vec<usize> = rows.words().map(|word| self.place(word)).collect();
        for index in 0..rows.len() {
            let (word, at_ns, lost) = rows.row(index);
            let interval = TimeRange {
                first_ns: at_ns,
                last_ns: at_ns.saturating_add(self.interval_ns),
            };
            let place = word.and_then(|word| places.get(word));
            if let Some((_, fold)) = place.and_then(|place| self.folds.get_mut(*place)) {
                fold.add_lost(lost, interval);
            }
        }
        Ok(())
    }
}

/// The provenance of a run, from any of its files.
fn provenance(recording: &Recording, recorder: &str) -> Provenance {
    let segments = recording.segments.iter();
    let segments = segments.map(|file| (&file.origin, Some(&file.footer)));
    let journals = recording.journals.iter();
    let journals = journals.map(|file| (&file.origin, file.footer.as_ref()));
    segments
        .chain(journals)
        .filter(|(origin, _)| origin.recorder == recorder)
        .find_map(|(_, footer)| footer)
        .map(|footer| footer.provenance.clone())
        .unwrap_or_default()
}
