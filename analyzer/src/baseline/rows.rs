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
use soakbox_schemas::tables::histogram::SparseHistogram;

use crate::windows::{MOST_WINDOWS, Run, RunIdentity, Series, Window, WindowLength};

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

    /// The run with all windows missing; `None` where a length or a number of windows is impossible.
    pub(super) fn empty(self) -> Option<Run> {
        let operations = self.operations.into_iter().map(|(operation, stored)| {
            let length = WindowLength::exactly(stored.window_ns)?;
            let windows = vec![None; Some(stored.windows).filter(|n| *n <= MOST_WINDOWS)?];
            Some((operation, Series { length, windows }))
        });
        Some(Run {
            identity: self.identity,
            operations: operations.collect::<Option<_>>()?,
        })
    }
}

/// The columns of a baseline.
pub(super) fn schema() -> SchemaRef {
    let number = |name: &str| Field::new(name, DataType::Int64, false);
    let mut fields = vec![
        number(RUN),
        Field::new(OPERATION, DataType::Utf8, false),
        number(WINDOW),
    ];
    fields.extend(NUMBERS.map(|(name, _)| number(name)));
    fields.push(Field::new(DURATIONS, DataType::Binary, false));
    Arc::new(Schema::new(fields))
}

/// The windows of the runs; missing ones have no row.
pub(super) fn batch(runs: &[Run]) -> Result<RecordBatch, ArrowError> {
    let (mut places, mut indices) = (Int64Builder::new(), Int64Builder::new());
    let mut operations = StringBuilder::new();
    let mut numbers: Vec<Int64Builder> = NUMBERS.iter().map(|_| Int64Builder::new()).collect();
    let mut durations = BinaryBuilder::new();
    for (place, run) in (0i64..).zip(runs) {
        for (operation, series) in &run.operations {
            for (index, window) in (0i64..).zip(&series.windows) {
                let Some(window) = window else { continue };
                places.append_value(place);
                operations.append_value(operation);
                indices.append_value(index);
                let mut window = window.clone();
                for (builder, (_, sum)) in numbers.iter_mut().zip(NUMBERS) {
                    builder.append_value(i64::try_from(*sum(&mut window)).unwrap_or(i64::MAX));
                }
                durations.append_value(&window.durations);
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
    RecordBatch::try_new(schema(), columns)
}

/// Adds the rows of a batch to the runs of the footer. `None` where a row belongs to none of them,
/// or is no window.
pub(super) fn add(batch: &RecordBatch, runs: &mut [Run]) -> Option<()> {
    let places = integers(batch, RUN)?;
    let indices = integers(batch, WINDOW)?;
    let operations: &StringArray = batch.column_by_name(OPERATION)?.as_string_opt::<i32>()?;
    let durations: &BinaryArray = batch.column_by_name(DURATIONS)?.as_binary_opt::<i32>()?;
    let numbers = NUMBERS.map(|(name, _)| integers(batch, name));
    for row in 0..batch.num_rows() {
        let mut window = Window {
            durations: durations.value(row).to_vec(),
            ..Window::default()
        };
        for (column, (_, sum)) in numbers.iter().zip(NUMBERS) {
            *sum(&mut window) = u64::try_from((*column)?.value(row)).ok()?;
        }
        // Without operations there are no bytes.
        if !window.durations.is_empty() {
            SparseHistogram::decode(&window.durations).ok()?;
        }
        let run = runs.get_mut(usize::try_from(places.value(row)).ok()?)?;
        let series = run.operations.get_mut(operations.value(row))?;
        let place = series
            .windows
            .get_mut(usize::try_from(indices.value(row)).ok()?)?;
        *place = Some(window);
    }
    Some(())
}

fn integers<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Int64Array> {
    let column = batch
        .column_by_name(name)?
        .as_primitive_opt::<Int64Type>()?;
    (column.null_count() == 0).then_some(column)
}
