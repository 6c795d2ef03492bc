//! Reads a recording's sealed files with the Parquet library alone, knowing nothing of the recorder's code.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Everything that was sealed.
#[derive(Debug)]
pub(crate) struct Recording {
    root: PathBuf,
}

/// Sums over `operation_metrics` of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) begun: i64,
    pub(crate) finished: i64,
    pub(crate) recorded: i64,
    pub(crate) lost: i64,
    pub(crate) lost_too_deep: i64,
    pub(crate) abandoned: i64,
    pub(crate) unmatched: i64,
    pub(crate) failures: i64,
    pub(crate) in_flight: i64,
}

impl Recording {
    pub(crate) fn open(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Sealed files of `table`, in order of their names.
    pub(crate) fn files(&self, table: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for day in std::fs::read_dir(self.root.join(table))
            .into_iter()
            .flatten()
            .flatten()
        {
            for file in std::fs::read_dir(day.path())
                .into_iter()
                .flatten()
                .flatten()
            {
                files.push(file.path());
            }
        }
        files.retain(|path| path.extension().is_some_and(|ending| ending == "parquet"));
        files.sort();
        files
    }

    /// All rows of `table`.
    pub(crate) fn batches(&self, table: &str) -> Vec<RecordBatch> {
        let read = |path: &PathBuf| {
            let file = File::open(path).expect("a sealed file");
            let reader = ParquetRecordBatchReaderBuilder::try_new(file)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            reader
                .build()
                .expect("a reader")
                .map(|batch| batch.expect("a batch"))
                .collect::<Vec<_>>()
        };
        self.files(table).iter().flat_map(read).collect()
    }

    /// A column of integers; `None` where it is null.
    pub(crate) fn integers(&self, table: &str, column: &str) -> Vec<Option<i64>> {
        self.batches(table)
            .iter()
            .flat_map(|batch| {
                batch
                    .column_by_name(column)
                    .expect(column)
                    .as_primitive::<Int64Type>()
                    .iter()
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// A column of integers of the rows of `operation`.
    pub(crate) fn of(&self, operation: &str, column: &str) -> Vec<Option<i64>> {
        let names = self.words("operation_log", "operation");
        let values = self.integers("operation_log", column);
        names
            .iter()
            .zip(values)
            .filter(|(name, _)| *name == operation)
            .map(|(_, value)| value)
            .collect()
    }

    pub(crate) fn words(&self, table: &str, column: &str) -> Vec<String> {
        let text = |batch: &RecordBatch| {
            let column = batch.column_by_name(column).expect(column);
            let plain =
                arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).expect("text");
            plain
                .as_string::<i32>()
                .iter()
                .map(|value| value.expect("not null").to_owned())
                .collect::<Vec<_>>()
        };
        self.batches(table).iter().flat_map(text).collect()
    }

    pub(crate) fn times(&self, table: &str, column: &str) -> Vec<i64> {
        let values = |batch: &RecordBatch| {
            let column = batch.column_by_name(column).expect(column);
            column
                .as_primitive::<TimestampNanosecondType>()
                .values()
                .to_vec()
        };
        self.batches(table).iter().flat_map(values).collect()
    }

    /// Values of `success`: (true, false, unknown).
    pub(crate) fn successes(&self) -> (usize, usize, usize) {
        let (mut yes, mut no, mut unknown) = (0, 0, 0);
        for batch in self.batches("operation_log") {
            for value in batch
                .column_by_name("success")
                .expect("success")
                .as_boolean()
                .iter()
            {
                match value {
                    Some(true) => yes += 1,
                    Some(false) => no += 1,
                    None => unknown += 1,
                }
            }
        }
        (yes, no, unknown)
    }

    pub(crate) fn rows(&self, table: &str) -> usize {
        self.batches(table).iter().map(RecordBatch::num_rows).sum()
    }

    /// What the kernel counted, by operation.
    pub(crate) fn totals(&self) -> BTreeMap<String, Totals> {
        let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
        for batch in self.batches("operation_metrics") {
            let names = batch.column_by_name("operation").expect("operation");
            let names =
                arrow::compute::cast(names, &arrow::datatypes::DataType::Utf8).expect("text");
            let value = |column: &str, row: usize| {
                batch
                    .column_by_name(column)
                    .expect(column)
                    .as_primitive::<Int64Type>()
                    .value(row)
            };
            for (row, name) in names.as_string::<i32>().iter().enumerate() {
                let total = totals.entry(name.expect("a name").to_owned()).or_default();
                total.begun += value("begun", row);
                total.finished += value("finished", row);
                total.recorded += value("recorded", row);
                total.lost += value("lost", row);
                total.lost_too_deep += value("lost_too_deep", row);
                total.abandoned += value("abandoned", row);
                total.unmatched += value("unmatched", row);
                total.failures += value("failures", row);
                total.in_flight = value("in_flight", row);
            }
        }
        totals
    }

    /// The totals of `operation`, after checking both identities against each other and the rows.
    pub(crate) fn checked(&self, operation: &str) -> Totals {
        let totals = self.totals().get(operation).copied().unwrap_or_default();
        let rows = self.of(operation, "pid").len() as i64;
        assert_eq!(totals.recorded, rows, "recorded = rows: {totals:?}");
        assert_eq!(
            totals.finished,
            totals.recorded + totals.lost,
            "finished = recorded + lost: {totals:?}"
        );
        assert_eq!(
            totals.begun,
            totals.finished + totals.abandoned + totals.in_flight,
            "begun: {totals:?}"
        );
        totals
    }
}
