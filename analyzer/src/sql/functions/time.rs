//! Functions of time: `begun_at`, and those that know the runs of the recordings: `since_start` and
//! `interval_ns`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampNanosecondType};
use datafusion::common::{Result, exec_err};
use soakbox_schemas::tables::Table;

use super::scalars::Scalar;
use crate::recording::{Recording, RunFiles};

/// What the functions know of each recorder's run.
#[derive(Clone, Copy, Debug)]
struct Run {
    begin_ns: Option<i64>,
    interval_ns: Option<i64>,
}

/// The runs of all recordings, by recorder.
#[derive(Debug, Default)]
pub(super) struct Runs(HashMap<String, Run>);

impl Runs {
    pub(super) fn of<'a>(recordings: impl Iterator<Item = &'a Recording>) -> Self {
        let mut runs = Self::default();
        for recording in recordings {
            for (recorder, files) in recording.runs() {
                let run = Run {
                    begin_ns: begin_ns(&files),
                    interval_ns: interval_ns(&files),
                };
                runs.0.insert(recorder.to_owned(), run);
            }
        }
        runs
    }

    /// The begin of the earliest run.
    fn earliest_ns(&self) -> Option<i64> {
        self.0.values().filter_map(|run| run.begin_ns).min()
    }

    /// A number of the run of each recorder in a column, which has words.
    fn each(&self, recorders: &ArrayRef, of: impl Fn(&Run) -> Option<i64>) -> Result<Int64Array> {
        let of_text = |text: Option<&str>| self.0.get(text?).and_then(&of);
        let texts = |column: &ArrayRef| cast(column, &DataType::Utf8);
        let Some(words) = recorders.as_any_dictionary_opt() else {
            let texts = texts(recorders)?;
            return Ok(texts.as_string::<i32>().iter().map(of_text).collect());
        };
        let values = texts(words.values())?;
        let values: &StringArray = values.as_string();
        let values: Vec<Option<i64>> = values.iter().map(of_text).collect();
        let keys = words.normalized_keys();
        let found = keys.iter().enumerate().map(|(row, key)| {
            let is_valid = words.keys().is_valid(row);
            values.get(*key).copied().flatten().filter(|_| is_valid)
        });
        Ok(found.collect())
    }
}

/// When a run began: its first annotation is that of its start. Without one its first row counts.
fn begin_ns(files: &RunFiles<'_>) -> Option<i64> {
    let first = |table| files.range_of(table).map(|range| range.first_ns);
    first(Table::ANNOTATIONS).or_else(|| {
        let tables = [Table::OPERATION_LOG, Table::OPERATION_METRICS];
        tables.into_iter().filter_map(first).min()
    })
}

fn interval_ns(files: &RunFiles<'_>) -> Option<i64> {
    let length = files.provenance()?.interval_ns;
    i64::try_from(length).ok().filter(|length| *length > 0)
}

pub(super) fn all(runs: Runs) -> [Scalar; 3] {
    let runs = Arc::new(runs);
    let of_interval = runs.clone();
    [
        Scalar {
            name: "begun_at",
            syntax: "begun_at(finished_at, duration_ns)",
            description: "When an operation began: its finish less its duration.",
            types: |given| match given {
                [time @ DataType::Timestamp(..), duration]
                    if duration.is_integer() || duration.is_null() =>
                {
                    let time = nanoseconds(time);
                    Some((vec![time.clone(), DataType::Int64], time))
                }
                _ => None,
            },
            compute: Arc::new(begun_at),
        },
        Scalar {
            name: "since_start",
            syntax: "since_start(time [, recorder])",
            description: "Seconds from the begin of the recording to a time, with fractions; with a \
                          recorder from the begin of its run, so that several runs lie upon each \
                          other.",
            types: |given| match given {
                [time @ DataType::Timestamp(..)] => {
                    Some((vec![nanoseconds(time)], DataType::Float64))
                }
                [time @ DataType::Timestamp(..), recorder] if is_word(recorder) => {
                    let types = vec![nanoseconds(time), recorder.clone()];
                    Some((types, DataType::Float64))
                }
                _ => None,
            },
            compute: Arc::new(move |columns| since_start(&runs, columns)),
        },
        Scalar {
            name: "interval_ns",
            syntax: "interval_ns(recorder)",
            description: "Length of the intervals of a recorder's run, ns.",
            types: |given| match given {
                [recorder] if is_word(recorder) => Some((vec![recorder.clone()], DataType::Int64)),
                _ => None,
            },
            compute: Arc::new(move |columns| {
                Ok(Arc::new(
                    of_interval.each(&columns[0], |run| run.interval_ns)?,
                ))
            }),
        },
    ]
}

/// A time of the same zone in nanoseconds.
fn nanoseconds(time: &DataType) -> DataType {
    let zone = match time {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    DataType::Timestamp(TimeUnit::Nanosecond, zone)
}

fn is_word(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_word(values),
        _ => false,
    }
}

fn begun_at(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let times = columns[0].as_primitive::<TimestampNanosecondType>();
    let durations = columns[1].as_primitive::<Int64Type>();
    let begun: TimestampNanosecondArray =
        arrow::compute::binary(times, durations, i64::saturating_sub)?;
    Ok(Arc::new(
        begun.with_data_type(columns[0].data_type().clone()),
    ))
}

fn since_start(runs: &Runs, columns: &[ArrayRef]) -> Result<ArrayRef> {
    let times = columns[0].as_primitive::<TimestampNanosecondType>();
    let seconds = |time: i64, begin: i64| {
        let whole = i128::from(time) - i128::from(begin);
        whole as f64 / 1e9
    };
    let found: Float64Array = match columns {
        [_, recorders] => {
            let begins = runs.each(recorders, |run| run.begin_ns)?;
            arrow::compute::binary(times, &begins, seconds)?
        }
        _ => match runs.earliest_ns() {
            Some(begin) => times.unary(|time| seconds(time, begin)),
            None if times.is_empty() => Float64Array::new_null(0),
            None => return exec_err!("since_start: the recording has no begin"),
        },
    };
    Ok(Arc::new(found))
}
