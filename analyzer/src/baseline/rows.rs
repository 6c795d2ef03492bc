//! Runs as rows of a baseline and back. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Int64Array, Int64Builder, RecordBatch,
    StringArray, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use serde::{Deserialize, Serialize};
use soakbox_schemas::tables::histogram;

use crate::windows::{
    DurationsOf, Finished, MOST_WINDOWS, Represented, Run, RunIdentity, Series, Window,
    WindowLength,
};

/// A column of numbers: its name, and the sum that it has.
type Number = (&'static str, fn(&mut Window) -> &mut u64);

/// The columns of numbers.
const NUMBERS: [Number; 11] = [
    ("count", |window| &mut window.count),
    ("lost", |window| &mut window.lost),
    ("duration_ns", |window| &mut window.duration_ns),
    ("with_outcome", |window| &mut window.with_outcome),
    ("failures", |window| &mut window.failures),
    ("with_cpu", |window| &mut window.with_cpu),
    ("cpu_ns", |window| &mut window.cpu_ns),
    ("with_memory", |window| &mut window.with_memory),
    ("memory_bytes", |window| &mut window.memory_bytes),
    ("with_bytes", |window| &mut window.with_bytes),
    ("bytes", |window| &mut window.bytes),
];
/// Position of the run in the list of the footer.
const RUN: &str = "run";
/// Name of the operation.
const OPERATION: &str = "operation";
/// Position of the window in the run.
const WINDOW: &str = "window";
/// The durations, in the encoding of `schemas`.
const DURATIONS: &str = "durations";

/// Operations with a duration, and all that finished, where the durations are those of all finished
/// operations; null where they are those of the rows, absent where they are in all windows.
const FINISHED: [&str; 2] = ["timed", "finished"];

/// What the observed operations stand for, where they were not observed all the time; otherwise null,
/// absent where that is so in all windows.
const REPRESENTED: [&str; 2] = ["represented", "represented_ns"];

/// A run as the footer has it: everything but the windows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredRun {
    #[serde(flatten)]
    identity: RunIdentity,
    operations: BTreeMap<String, StoredSeries>,
}

/// The windows of an operation as the footer has them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct StoredSeries {
    window_ns: i64,
    windows: usize,
}

impl StoredRun {
    pub(super) fn of(run: &Run) -> Self {
        let operations = run.operations.iter().map(|(operation, series)| {
            let stored = StoredSeries {
                window_ns: series.length.ns(),
                windows: series.windows.len(),
            };
            (operation.clone(), stored)
        });
        Self {
            identity: run.identity.clone(),
            operations: operations.collect(),
        }
    }
}

/// Windows that a file may have besides [`WINDOWS_PER_ROW`] for each row.
const FREE_WINDOWS: usize = 1 << 20;
/// Windows per row: in a run with long gaps many windows have no row.
const WINDOWS_PER_ROW: usize = 16;
/// The largest number of operations of a window: sums over all windows of a run then stay below
/// 2⁶⁴.
const LARGEST_COUNT: u64 = 1 << 48;

/// The runs of a file while their windows are read. Their memory is bounded by the rows that there
/// are, whatever the footer claims.
pub(super) struct StoredRuns {
    runs: Vec<Run>,
    /// The number of windows of each operation of each run.
    sizes: Vec<BTreeMap<String, usize>>,
    rows: usize,
    windows: usize,
}

impl StoredRuns {
    /// The runs without windows; `None` where a length or a number of windows is impossible.
    pub(super) fn new(stored: Vec<StoredRun>) -> Option<Self> {
        let (mut runs, mut sizes) = (Vec::new(), Vec::new());
        for run in stored {
            let mut of_run = BTreeMap::new();
            let mut operations = BTreeMap::new();
            for (operation, stored) in run.operations {
                let series = Series {
                    length: WindowLength::exactly(stored.window_ns)?,
                    windows: Vec::new(),
                };
                let windows = Some(stored.windows).filter(|n| *n <= MOST_WINDOWS)?;
                of_run.insert(operation.clone(), windows);
                operations.insert(operation, series);
            }
            sizes.push(of_run);
            runs.push(Run {
                restarts_ns: Vec::new(),
                identity: run.identity,
                operations,
            });
        }
        Some(Self {
            runs,
            sizes,
            rows: 0,
            windows: 0,
        })
    }

    /// Adds the rows of a batch. `None` where a row belongs to no run, is there twice, or is no
    /// window.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Option<()> {
        let places = integers(batch, RUN)?;
        let indices = integers(batch, WINDOW)?;
        let operations: &StringArray = batch.column_by_name(OPERATION)?.as_string_opt::<i32>()?;
        let durations: &BinaryArray = batch.column_by_name(DURATIONS)?.as_binary_opt::<i32>()?;
        let numbers = NUMBERS.map(|(name, _)| integers(batch, name));
        let finished = FINISHED.map(|name| batch.column_by_name(name));
        let finished = finished.map(|column| column?.as_primitive_opt::<Int64Type>());
        let represented = REPRESENTED.map(|name| batch.column_by_name(name));
        let represented = represented.map(|column| column?.as_primitive_opt::<Int64Type>());
        for row in 0..batch.num_rows() {
            let mut window = Window {
                durations: durations.value(row).to_vec(),
                ..Window::default()
            };
            for (column, (_, sum)) in numbers.iter().zip(NUMBERS) {
                *sum(&mut window) = u64::try_from((*column)?.value(row)).ok()?;
            }
            if let [Some(timed), Some(all)] = finished
                && timed.is_valid(row)
            {
                let number = |column: &Int64Array| u64::try_from(column.value(row)).ok();
                let (timed, all) = (number(timed)?, number(all)?);
                window.finished = Some(Finished { timed, all });
            }
            if let [Some(operations), Some(ns)] = represented
                && operations.is_valid(row)
            {
                let number = |column: &Int64Array| u64::try_from(column.value(row)).ok();
                let (operations, ns) = (number(operations)?, number(ns)?);
                window.represented = Some(Represented { operations, ns });
            }
            is_possible(&window).then_some(())?;
            let run = usize::try_from(places.value(row)).ok()?;
            self.put(run, operations.value(row), indices.value(row), window)?;
        }
        Some(())
    }

    fn put(&mut self, run: usize, operation: &str, index: i64, window: Window) -> Option<()> {
        let index = usize::try_from(index).ok()?;
        (index < *self.sizes.get(run)?.get(operation)?).then_some(())?;
        let series = self.runs.get_mut(run)?.operations.get_mut(operation)?;
        self.rows += 1;
        if series.windows.len() <= index {
            self.windows += index + 1 - series.windows.len();
            is_filled(self.windows, self.rows).then_some(())?;
            series.windows.resize(index + 1, None);
        }
        series.windows[index]
            .replace(window)
            .is_none()
            .then_some(())
    }

    /// The runs with all of their windows; `None` where there are too many for the rows.
    pub(super) fn finish(mut self) -> Option<Vec<Run>> {
        let sizes = self.sizes.iter().flat_map(BTreeMap::values);
        let windows = sizes.fold(0usize, |sum, size| sum.saturating_add(*size));
        is_filled(windows, self.rows).then_some(())?;
        for (run, sizes) in self.runs.iter_mut().zip(&self.sizes) {
            for (operation, size) in sizes {
                let series = run.operations.get_mut(operation)?;
                series.windows.resize(*size, None);
            }
        }
        Some(self.runs)
    }
}

fn is_filled(windows: usize, rows: usize) -> bool {
    windows <= FREE_WINDOWS.saturating_add(rows.saturating_mul(WINDOWS_PER_ROW))
}

/// Whether operations can have these sums.
fn is_possible(window: &Window) -> bool {
    let parts = [
        window.with_outcome,
        window.with_cpu,
        window.with_memory,
        window.with_bytes,
    ];
    let total = match window.durations.is_empty() {
        // Without operations there are no bytes.
        true => Some(0),
        false => {
            let mut total = 0u64;
            let read = histogram::decode(&window.durations, |_, count| total += count);
            read.ok().map(|_| total)
        }
    };
    let Finished { timed, .. } = window.of_finished();
    let finished = window.finished.unwrap_or_default();
    // A bucket of a window that is being read counts to 2³² at most.
    let has_durations = |total: u64| total == timed || total < timed && timed > u64::from(u32::MAX);
    let measured = window.count.max(finished.all);
    let represented = window.represented.unwrap_or_default();
    [
        window.count,
        window.lost,
        timed,
        finished.all,
        represented.operations,
    ]
    .iter()
    .all(|number| *number <= LARGEST_COUNT)
        && window.failures <= window.with_outcome
        && parts.iter().all(|part| *part <= measured)
        && total.is_some_and(has_durations)
}

/// Whether a run has what older versions cannot read.
pub(super) fn has_more(runs: &[Run]) -> bool {
    has_finished(runs) || has_represented(runs)
}

/// Whether a run has durations of all finished operations.
fn has_finished(runs: &[Run]) -> bool {
    let mut series = runs.iter().flat_map(|run| run.operations.values());
    series.any(|series| series.durations_of() == DurationsOf::Finished)
}

/// Whether an operation of a run was observed in a part of the time only.
fn has_represented(runs: &[Run]) -> bool {
    let mut series = runs.iter().flat_map(|run| run.operations.values());
    series.any(|series| series.any(|window| u64::from(window.represented.is_some())))
}

/// The columns of a baseline.
fn schema(has_finished: bool, has_represented: bool) -> SchemaRef {
    let number = |name: &str| Field::new(name, DataType::Int64, false);
    let mut fields = vec![
        number(RUN),
        Field::new(OPERATION, DataType::Utf8, false),
        number(WINDOW),
    ];
    fields.extend(NUMBERS.map(|(name, _)| number(name)));
    fields.push(Field::new(DURATIONS, DataType::Binary, false));
    if has_finished {
        fields.extend(FINISHED.map(|name| Field::new(name, DataType::Int64, true)));
    }
    if has_represented {
        fields.extend(REPRESENTED.map(|name| Field::new(name, DataType::Int64, true)));
    }
    Arc::new(Schema::new(fields))
}

/// The windows of the runs; missing ones have no row.
pub(super) fn batch(runs: &[Run]) -> Result<RecordBatch, ArrowError> {
    let (mut places, mut indices) = (Int64Builder::new(), Int64Builder::new());
    let mut operations = StringBuilder::new();
    let mut numbers: Vec<Int64Builder> = NUMBERS.iter().map(|_| Int64Builder::new()).collect();
    let mut durations = BinaryBuilder::new();
    let mut finished = FINISHED.map(|_| Int64Builder::new());
    let mut represented = REPRESENTED.map(|_| Int64Builder::new());
    for (place, run) in (0i64..).zip(runs) {
        for (operation, series) in &run.operations {
            for (index, window) in (0i64..).zip(&series.windows) {
                let Some(window) = window else { continue };
                places.append_value(place);
                operations.append_value(operation);
                indices.append_value(index);
                let mut window = window.clone();
                for (builder, (_, sum)) in numbers.iter_mut().zip(NUMBERS) {
                    builder.append_value(signed(*sum(&mut window)));
                }
                durations.append_value(&window.durations);
                let numbers = window.finished.map(|one| [one.timed, one.all].map(signed));
                for (at, builder) in finished.iter_mut().enumerate() {
                    builder.append_option(numbers.map(|numbers| numbers[at]));
                }
                let numbers = window.represented;
                let numbers = numbers.map(|one| [one.operations, one.ns].map(signed));
                for (at, builder) in represented.iter_mut().enumerate() {
                    builder.append_option(numbers.map(|numbers| numbers[at]));
                }
            }
        }
    }
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(places.finish()),
        Arc::new(operations.finish()),
        Arc::new(indices.finish()),
    ];
    for mut builder in numbers {
        columns.push(Arc::new(builder.finish()));
    }
    columns.push(Arc::new(durations.finish()));
    let has_finished = has_finished(runs);
    if has_finished {
        for mut builder in finished {
            columns.push(Arc::new(builder.finish()));
        }
    }
    let has_represented = has_represented(runs);
    if has_represented {
        for mut builder in represented {
            columns.push(Arc::new(builder.finish()));
        }
    }
    RecordBatch::try_new(schema(has_finished, has_represented), columns)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn integers<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Int64Array> {
    let column = batch
        .column_by_name(name)?
        .as_primitive_opt::<Int64Type>()?;
    (column.null_count() == 0).then_some(column)
}
