//! The counts of crashed runs, outside of the gaps that the crashes left.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use super::recording::Recording;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const SECOND_NS: i64 = 1_000_000_000;

/// The UUID in the name of a sealed file.
pub(crate) fn run_of(path: &Path) -> String {
    let name = path.file_stem().unwrap().to_str().unwrap();
    name.rsplit('-').nth(1).unwrap().to_owned()
}

/// What one run recorded of one interval.
#[derive(Clone, Copy, Debug, Default)]
struct OfInterval {
    rows: i64,
    /// Its begin, ns UTC, and what the kernel counted; `None` where that is not in the files.
    counted: Option<(i64, Counted)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    finished: i64,
    recorded: i64,
    lost: i64,
}

/// The values of a column of each row of `table`, with the UUID of the run that wrote it.
fn by_run(recording: &Recording, table: &str, column: &str) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for path in recording.files(table) {
        let uuid = run_of(&path);
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap());
        for batch in reader.unwrap().build().unwrap() {
            let column = cast(
                batch.unwrap().column_by_name(column).unwrap(),
                &DataType::Int64,
            );
            let values = column.unwrap();
            let values = values.as_primitive::<Int64Type>().iter();
            found.extend(values.map(|value| (uuid.clone(), value.unwrap_or_default())));
        }
    }
    found
}

/// Each crash of the `times` runs is one gap, and outside of it the kernel's counts of each interval
/// are those of its rows. Returns the number of intervals.
pub(crate) fn check_outside_gaps(recording: &Recording, times: usize) -> usize {
    let mut runs: BTreeMap<String, BTreeMap<i64, OfInterval>> = BTreeMap::new();
    for (run, interval) in by_run(recording, "operation_log", "interval") {
        let intervals = runs.entry(run).or_default();
        intervals.entry(interval).or_default().rows += 1;
    }
    let column = |name: &str| by_run(recording, "operation_metrics", name);
    let (ats, intervals) = (column("at"), column("interval"));
    let (finished, recorded, lost) = (column("finished"), column("recorded"), column("lost"));
    for (row, (run, at)) in ats.into_iter().enumerate() {
        let of_run = runs.entry(run).or_default();
        let of = of_run.entry(intervals[row].1).or_default();
        let (_, counted) = of.counted.get_or_insert((at, Counted::default()));
        counted.finished += finished[row].1;
        counted.recorded += recorded[row].1;
        counted.lost += lost[row].1;
    }
    let mut gaps: BTreeMap<String, i64> = BTreeMap::new();
    let kinds = recording.words("annotations", "kind").into_iter();
    for ((run, at), kind) in by_run(recording, "annotations", "at")
        .into_iter()
        .zip(kinds)
    {
        if kind == "gap" {
            assert_eq!(gaps.insert(run, at), None, "a run crashes once");
        }
    }
    assert_eq!(gaps.len(), times, "each crash is a gap in the recording");
    let mut checked = 0;
    for (run, intervals) in &runs {
        let gap = gaps[run];
        let uncounted = intervals.values().filter(|of| of.counted.is_none());
        assert!(uncounted.count() <= 2, "{run}: {intervals:?}");
        for (interval, of) in intervals {
            let Some((at, counted)) = of.counted else {
                continue;
            };
            if at + SECOND_NS > gap {
                continue;
            }
            let context = format!("{run}, interval {interval}, gap {gap}: {of:?}");
            assert_eq!(counted.recorded, of.rows, "{context}");
            assert_eq!(
                counted.finished,
                counted.recorded + counted.lost,
                "{context}"
            );
            checked += 1;
        }
    }
    checked
}
