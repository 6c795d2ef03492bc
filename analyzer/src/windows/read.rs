//! Reads the runs of a recording: one pass over `operation_log` for the rows and one
//! over `operation_metrics` for the counts, on all CPUs. Each file is folded by one thread.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::RecordBatch;
use soakbox_cli::Result;
use soakbox_schemas::recording::Provenance;
use soakbox_schemas::tables::Table;

use super::count_rows::{CountRow, CountRows, DURATIONS, metrics_columns};
use super::counts::{OperationCounts, Reconciliation, values};
use super::cut::{NEEDED, RunPlan, plans};
use super::known_time::clock_steps;
use super::log_rows::{LOG_COLUMNS, LogRows, SPLIT_COLUMNS};
use super::observed::{Observed, OperationFold};
use super::roll_up::{RolledUp, usable_roll_up};
use super::source::Source;
use super::totals::{OperationTotals, Totals};
use super::{Cut, MadeUpTimes, Run, RunIdentity};
use crate::coverage::{ClockSteps, Coverage};
use crate::recording::{Recording, RunFiles, TimeRange, in_parts};

/// What was read of a recording.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Its runs, in order of their begin; at least one. A run without rows has no operations. Each
    /// has the warnings about what is missing in it besides its gaps.
    pub runs: Vec<Run>,
    /// The kernel's counts per operation, compared with the rows; ordered by name.
    pub counts: Vec<OperationCounts>,
    /// The sums of each operation with a row, ordered by name; empty where the windows are for
    /// verdicts.
    pub totals: Vec<OperationTotals>,
    /// The steps of UTC, by recorder.
    pub steps: BTreeMap<String, ClockSteps>,
}

/// Reads a recording.
///
/// # Errors
/// Where a file cannot be read.
pub fn read(recording: &Recording, coverage: &Coverage, cut: Cut) -> Result<Observation> {
    let files = recording.runs();
    let mut plans = plans(recording, &files, coverage, cut)?;
    let mut folds = fold(&files, &plans, cut, &NEEDED)?;
    read_doubtful_by_rows(&files, &mut plans, &mut folds, cut)?;
    add_durations(&files, &mut plans, &mut folds, cut)?;
    let steps = clock_steps(&mut plans, &folds);
    let mut reconciliation = Reconciliation::default();
    let mut totals = Totals::default();
    for (plan, fold) in plans.iter().zip(&mut folds) {
        for (operation, fold) in &mut fold.operations {
            let check = fold.balance.check();
            reconciliation.add(operation, &fold.tally, &check, plan.observed_ns);
        }
    }
    let counts = reconciliation.finish();
    let root = recording.root.to_string_lossy().into_owned();
    let without_rows = without_rows(recording, coverage);
    let has_several = plans.len() + without_rows.len() > 1;
    let identity = |recorder: &str, range: TimeRange| RunIdentity {
        name: match has_several {
            true => format!("{root}#{recorder}"),
            false => root.clone(),
        },
        recording: root.clone(),
        made_up_times: files
            .get(recorder)
            .and_then(RunFiles::known_intervals)
            .map(|intervals| MadeUpTimes { intervals }),
        ..match files.get(recorder).and_then(RunFiles::provenance) {
            Some(provenance) => RunIdentity::of(provenance, recorder, range),
            None => RunIdentity::of(&Provenance::default(), recorder, range),
        }
    };
    let mut runs = Vec::new();
    for (plan, fold) in plans.into_iter().zip(folds) {
        let (operations, warnings) = fold.finish(&plan, &mut totals);
        let run = Run {
            identity: RunIdentity {
                warnings,
                ..identity(&plan.recorder, plan.complete)
            },
            operations,
            restarts_ns: plan.restarts_ns,
        };
        runs.push(run.with_durations_noted());
    }
    for (recorder, range) in without_rows {
        runs.push(Run {
            identity: identity(&recorder, range),
            operations: BTreeMap::new(),
            restarts_ns: Vec::new(),
        });
    }
    runs.sort_by(|a, b| {
        let key = |run: &Run| (run.identity.first_ns, run.identity.recorder.clone());
        key(a).cmp(&key(b))
    });
    Ok(Observation {
        runs,
        counts,
        totals: totals.finish(),
        steps,
    })
}

/// The runs that have files, readable or not, and no row, with the time that their annotations
/// give. A recording of which nothing can be read has one without a name.
fn without_rows(recording: &Recording, coverage: &Coverage) -> Vec<(String, TimeRange)> {
    let origins = recording.origins().into_iter();
    let origins = origins.map(|origin| origin.recorder.as_str());
    let damaged = recording.damaged.iter();
    let damaged = damaged.filter_map(|file| file.recorder.as_deref());
    let all: BTreeSet<&str> = origins.chain(damaged).collect();
    let empty = TimeRange {
        first_ns: 0,
        last_ns: 0,
    };
    if all.is_empty() {
        return vec![(String::new(), empty)];
    }
    let without = all.into_iter();
    let without = without.filter(|recorder| !coverage.runs.contains_key(*recorder));
    let range = |recorder: &str| coverage.without_rows.get(recorder).copied();
    without
        .map(|recorder| (recorder.to_owned(), range(recorder).unwrap_or(empty)))
        .collect()
}

/// How many rows [`read`] reads: those of which no sum is read.
///
/// # Errors
/// Where a file cannot be read.
pub fn rows_read(recording: &Recording, coverage: &Coverage, cut: Cut) -> Result<u64> {
    let files = recording.runs();
    let mut rows = 0;
    for plan in plans(recording, &files, coverage, cut)? {
        let of_run = files.get(plan.recorder.as_str()).into_iter();
        let sources = of_run.flat_map(|files| NEEDED.map(|table| (table, files)));
        let sources = sources.flat_map(|(table, files)| Source::of(files, table));
        let sources = sources.filter(|source| plan.may_be_summed(*source).is_none());
        rows += sources.map(Source::rows).sum::<u64>();
    }
    Ok(rows)
}

/// Reads the runs again, without sums, of which counts and rows do not agree: where the rows are
/// missing is known from the counts of each interval only.
fn read_doubtful_by_rows(
    files: &BTreeMap<&str, RunFiles<'_>>,
    plans: &mut [RunPlan],
    folds: &mut [Observed],
    cut: Cut,
) -> Result<()> {
    let mut doubtful = BTreeMap::new();
    for (plan, fold) in plans.iter_mut().zip(&mut *folds) {
        let mut operations = fold.operations.values_mut();
        let is_summed = plan.is_judged && plan.reads_sums;
        if is_summed && operations.any(|fold| !fold.balance.check().agrees()) {
            plan.reads_sums = false;
            doubtful.extend(files.get_key_value(plan.recorder.as_str()));
        }
    }
    if doubtful.is_empty() {
        return Ok(());
    }
    let doubtful = doubtful.into_iter();
    let doubtful = doubtful.map(|(recorder, files)| (*recorder, files.clone()));
    let again = fold(&doubtful.collect(), plans, cut, &NEEDED)?;
    // Nothing was read of the others.
    for (fold, again) in folds.iter_mut().zip(again) {
        if !again.operations.is_empty() {
            *fold = again;
        }
    }
    Ok(())
}

/// Adds the kernel's histograms of the runs that lack rows, although no footer tells so.
fn add_durations(
    files: &BTreeMap<&str, RunFiles<'_>>,
    plans: &mut [RunPlan],
    folds: &mut [Observed],
    cut: Cut,
) -> Result<()> {
    let mut is_any = false;
    for (plan, fold) in plans.iter_mut().zip(&*folds) {
        let mut operations = fold.operations.values();
        let is_missing = !plan.reads_durations && operations.any(OperationFold::lacks_counted_rows);
        plan.reads_durations |= is_missing;
        is_any |= is_missing;
    }
    if !is_any {
        return Ok(());
    }
    let again = fold(files, plans, cut, &[Table::OPERATION_METRICS])?;
    for (fold, again) in folds.iter_mut().zip(again) {
        for (operation, again) in again.operations {
            if let Some(known) = fold.operations.get_mut(&operation) {
                known.finished = again.finished;
            }
        }
    }
    Ok(())
}

/// Folds all files of these tables; the result has what was observed of each run.
fn fold(
    files_of: &BTreeMap<&str, RunFiles<'_>>,
    plans: &[RunPlan],
    cut: Cut,
    tables: &[Table],
) -> Result<Vec<Observed>> {
    let mut files: Vec<File<'_>> = Vec::new();
    for (run, plan) in plans.iter().enumerate() {
        let Some(of_run) = files_of.get(plan.recorder.as_str()) else {
            continue;
        };
        for &table in tables {
            let sources = Source::of(of_run, table);
            files.extend(sources.map(|source| File { run, table, source }));
        }
    }
    let rows: Vec<&str> = match cut.is_shown() {
        true => [&LOG_COLUMNS[..], &SPLIT_COLUMNS[..]].concat(),
        false => LOG_COLUMNS.into(),
    };
    let metrics = metrics_columns();
    let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
    // Neighbouring files have neighbouring windows: each thread gets one part of the list.
    let parts = in_parts(&files, 1, |files| fold_files(files, plans, &rows, &metrics));
    let mut all: Vec<Observed> = plans.iter().map(Observed::new).collect();
    for part in parts {
        for (observed, more) in all.iter_mut().zip(part?) {
            observed.merge(more);
        }
    }
    Ok(all)
}

/// A file of one run.
struct File<'a> {
    /// The run's place in the plans.
    run: usize,
    table: Table,
    source: Source<'a>,
}

/// `rows` and `metrics` are the columns of `operation_log` and `operation_metrics` that are read,
/// besides the histograms.
fn fold_files(
    files: &[File<'_>],
    plans: &[RunPlan],
    rows: &[&str],
    metrics: &[&str],
) -> Result<Vec<Observed>> {
    let mut all: Vec<Observed> = plans.iter().map(Observed::new).collect();
    for File { run, table, source } in files {
        let plan = &plans[*run];
        let observed = std::mem::replace(&mut all[*run], Observed::new(plan));
        let mut folds = RunFolds::new(plan, observed);
        if *table == Table::OPERATION_LOG {
            source.batches(rows, |batch| folds.add_rows(batch))?;
        } else if let Some(roll_up) = usable_roll_up(*source, plan) {
            folds.add_roll_up(&roll_up);
        } else if plan.reads_durations {
            let metrics = [metrics, &[DURATIONS][..]].concat();
            source.batches(&metrics, |batch| folds.add_counts(batch))?;
        } else {
            source.batches(metrics, |batch| folds.add_counts(batch))?;
        }
        all[*run] = folds.finish();
    }
    Ok(all)
}

impl RunPlan {
    /// Operations that are lost for its windows.
    fn lost(&self, row: &CountRow) -> u64 {
        match self.is_judged {
            true => row.without_evidence(),
            false => row.lost,
        }
    }
}

/// The folds of one run while a file is read.
struct RunFolds<'a> {
    plan: &'a RunPlan,
    /// Without its operations, which are in `folds`.
    observed: Observed,
    folds: Vec<(String, OperationFold)>,
    /// Where each operation is in `folds`.
    places: HashMap<String, usize>,
}

impl<'a> RunFolds<'a> {
    fn new(plan: &'a RunPlan, mut observed: Observed) -> Self {
        let folds: Vec<_> = std::mem::take(&mut observed.operations)
            .into_iter()
            .collect();
        let places = folds.iter().enumerate();
        let places = places.map(|(place, (operation, _))| (operation.clone(), place));
        Self {
            plan,
            observed,
            places: places.collect(),
            folds,
        }
    }

    fn finish(self) -> Observed {
        Observed {
            operations: self.folds.into_iter().collect(),
            ..self.observed
        }
    }

    fn place(&mut self, operation: &str) -> usize {
        if let Some(place) = self.places.get(operation) {
            return *place;
        }
        self.places.insert(operation.to_owned(), self.folds.len());
        let fold = OperationFold::new(self.plan);
        self.folds.push((operation.to_owned(), fold));
        self.folds.len() - 1
    }

    fn add_rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = LogRows::of(batch)?;
        let places: Vec<usize> = rows.words().map(|word| self.place(word)).collect();
        for index in 0..rows.len() {
            let (word, row) = rows.row(index);
            let place = word.and_then(|word| places.get(word));
            if let Some((_, fold)) = place.and_then(|place| self.folds.get_mut(*place)) {
                fold.windows.add(&row);
                fold.balance.add_row(rows.interval(index));
                fold.tally
                    .add_row(rows.operation_type(index), rows.split(index));
            }
        }
        Ok(())
    }

    /// Adds what the rows of a segment add up to.
    fn add_roll_up(&mut self, roll_up: &RolledUp) {
        let rows = roll_up.rows();
        let places: Vec<usize> = rows.words().map(|word| self.place(word)).collect();
        for index in 0..rows.len() {
            let (word, row) = rows.row(index);
            let place = word.and_then(|word| places.get(word));
            if let Some((_, fold)) = place.and_then(|place| self.folds.get_mut(*place)) {
                let (time, sum) = (roll_up.time(&row), roll_up.check(index));
                fold.windows.add_lost(self.plan.lost(&row), time);
                if self.plan.reads_durations {
                    fold.finished.add(&row, rows.durations(index));
                }
                fold.balance
                    .add_sum(sum, values(&row.counters).recorded, time);
                self.observed
                    .intervals
                    .add_all(sum.first..=sum.last, row.at_ns);
                fold.tally.add_counts(&CountRow {
                    interval: None,
                    ..row
                });
            }
        }
    }

    fn add_counts(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = CountRows::of(batch)?;
        let places: Vec<usize> = rows.words().map(|word| self.place(word)).collect();
        for index in 0..rows.len() {
            let (word, mut row) = rows.row(index);
            let interval = TimeRange {
                first_ns: row.at_ns,
                last_ns: row.at_ns.saturating_add(self.plan.interval_ns),
            };
            // The recorder waits whether a target that has ended comes again.
            if values(&row.counters).begun == 0 && row.at_ns >= self.plan.end_ns {
                row.times = None;
            }
            let place = word.and_then(|word| places.get(word));
            if let Some((_, fold)) = place.and_then(|place| self.folds.get_mut(*place)) {
                fold.windows.add_lost(self.plan.lost(&row), interval);
                if let Some(times) = row.times {
                    let begun = values(&row.counters).begun;
                    fold.windows.add_observed(times, begun, interval);
                }
                fold.tally.add_counts(&row);
                if self.plan.reads_durations {
                    fold.finished.add(&row, rows.durations(index));
                }
                if let (Some(interval), Some(counted)) = (row.interval, row.counted) {
                    fold.balance.add_counts(interval, counted);
                    self.observed.intervals.add(interval, row.at_ns);
                }
            }
        }
        Ok(())
    }
}
