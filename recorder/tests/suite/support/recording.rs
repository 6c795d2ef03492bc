//! Reads a recording's sealed files with the Parquet library alone, independently of the recorder's
//! code.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use soakbox_schemas::recording::{Contents, Footer};
use soakbox_schemas::tables::Table;
use soakbox_schemas::tables::histogram::{SparseHistogram, representative};

/// The sealed files of a recording.
#[derive(Debug)]
pub(crate) struct Recording {
    root: PathBuf,
}

/// Waits until rows of `table` are in an open journal of the recording at `root`.
pub(crate) fn wait_for_rows(root: &Path, table: Table) {
    let started = Instant::now();
    let has_rows = || {
        let journals = Contents::list(root).unwrap().journals.into_iter();
        let mut journals = journals.filter(|journal| journal.name.table == table);
        journals.any(|journal| std::fs::metadata(&journal.path).is_ok_and(|data| data.len() > 0))
    };
    while !has_rows() {
        assert!(started.elapsed() < Duration::from_secs(60), "no {table:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

macro_rules! totals {
    ($($column:ident,)*) => {
        /// Sums over `operation_metrics` of one operation, by the names of its columns.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Totals {
            $(pub(crate) $column: i64,)*
            /// A level, not a sum: the value of the last interval.
            pub(crate) in_flight: i64,
        }

        impl Totals {
            /// Adds a row: `value` gives its columns.
            fn add(&mut self, value: impl Fn(&str) -> i64) {
                $(self.$column += value(stringify!($column));)*
                self.in_flight = value("in_flight");
            }
        }
    };
}

totals! {
    begun,
    finished,
    recorded,
    filtered,
    sampled_out,
    lost,
    lost_ring_full,
    lost_too_deep,
    lost_no_memory,
    lost_switched_off,
    lost_write,
    abandoned,
    unmatched,
    begun_unobserved,
    finished_unobserved,
    failures,
    duration_sum_ns,
}

impl Totals {
    /// Asserts the identities that hold in each interval by itself: every finished operation is
    /// counted once, and each recorded one has a row.
    fn check(&self, rows: i64, of: &str) {
        assert_eq!(self.recorded, rows, "recorded = rows, {of}: {self:?}");
        assert_eq!(
            self.finished,
            self.recorded + self.filtered + self.sampled_out + self.lost,
            "finished = recorded + filtered + sampled_out + lost, {of}: {self:?}"
        );
        let causes = self.lost_ring_full
            + self.lost_too_deep
            + self.lost_no_memory
            + self.lost_switched_off
            + self.lost_write;
        assert_eq!(self.lost, causes, "each loss has its cause, {of}: {self:?}");
    }
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

    /// The metadata of the first sealed file of the counters.
    pub(crate) fn footer(&self) -> Footer {
        Self::footer_of(&self.files("operation_metrics")[0])
    }

    /// That of the last sealed file of `table`.
    pub(crate) fn last_footer(&self, table: &str) -> Footer {
        Self::footer_of(self.files(table).last().expect("a sealed file"))
    }

    fn footer_of(path: &Path) -> Footer {
        let file = File::open(path).expect("a sealed file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        let pairs = reader.metadata().file_metadata().key_value_metadata();
        let pairs = pairs.expect("metadata").iter();
        let pairs = pairs.filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)));
        Footer::from_pairs(pairs).expect("a footer of Soakbox")
    }

    /// All rows of `table`.
    pub(crate) fn batches(&self, table: &str) -> Vec<RecordBatch> {
        self.read(table, None)
    }

    /// All rows of `table`, with only these columns where some are named, because a test may record
    /// millions of rows.
    fn read(&self, table: &str, columns: Option<&[&str]>) -> Vec<RecordBatch> {
        let read = |path: &PathBuf| {
            let file = File::open(path).expect("a sealed file");
            let mut reader = ParquetRecordBatchReaderBuilder::try_new(file)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if let Some(columns) = columns {
                let wanted =
                    ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
                reader = reader.with_projection(wanted);
            }
            reader
                .build()
                .expect("a reader")
                .map(|batch| batch.expect("a batch"))
                .collect::<Vec<_>>()
        };
        self.files(table).iter().flat_map(read).collect()
    }

    /// A column of integers; `None` for each null.
    pub(crate) fn integers(&self, table: &str, column: &str) -> Vec<Option<i64>> {
        self.read(table, Some(&[column]))
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

    /// A column of integers of `operation_log`, of the rows of `operation` only.
    pub(crate) fn of(&self, operation: &str, column: &str) -> Vec<Option<i64>> {
        let mut found = Vec::new();
        for batch in self.read("operation_log", Some(&["operation", column])) {
            let names = batch.column_by_name("operation").expect("operation");
            let names = cast(names, &DataType::Utf8).expect("text");
            let values = batch.column_by_name(column).expect(column);
            let values = values.as_primitive::<Int64Type>().iter();
            let rows = names.as_string::<i32>().iter().zip(values);
            found.extend(
                rows.filter(|(name, _)| *name == Some(operation))
                    .map(|(_, value)| value),
            );
        }
        found
    }

    pub(crate) fn words(&self, table: &str, column: &str) -> Vec<String> {
        let text = |batch: &RecordBatch| {
            let column = batch.column_by_name(column).expect(column);
            let plain = cast(column, &DataType::Utf8).expect("text");
            plain
                .as_string::<i32>()
                .iter()
                .map(|value| value.expect("not null").to_owned())
                .collect::<Vec<_>>()
        };
        self.read(table, Some(&[column]))
            .iter()
            .flat_map(text)
            .collect()
    }

    pub(crate) fn times(&self, table: &str, column: &str) -> Vec<i64> {
        let values = |batch: &RecordBatch| {
            let column = batch.column_by_name(column).expect(column);
            column
                .as_primitive::<TimestampNanosecondType>()
                .values()
                .to_vec()
        };
        self.read(table, Some(&[column]))
            .iter()
            .flat_map(values)
            .collect()
    }

    /// As [`Self::times`], of a column that may have no value.
    pub(crate) fn some_times(&self, table: &str, column: &str) -> Vec<Option<i64>> {
        let values = |batch: &RecordBatch| -> Vec<Option<i64>> {
            let column = batch.column_by_name(column).expect(column);
            let times = column.as_primitive::<TimestampNanosecondType>();
            times.iter().collect()
        };
        self.read(table, Some(&[column]))
            .iter()
            .flat_map(values)
            .collect()
    }

    /// The start and the cause of each gap.
    pub(crate) fn gaps(&self) -> Vec<(i64, String)> {
        let kinds = self.words("annotations", "kind");
        let times = self.times("annotations", "at");
        let texts = self.words("annotations", "text");
        let rows = kinds.into_iter().zip(times.into_iter().zip(texts));
        rows.filter(|(kind, _)| kind == "gap")
            .map(|(_, gap)| gap)
            .collect()
    }

    /// The cause of each gap.
    pub(crate) fn gap_causes(&self) -> Vec<String> {
        self.gaps().into_iter().map(|(_, cause)| cause).collect()
    }

    /// Number of rows by `success`: true, false, unknown.
    pub(crate) fn successes(&self) -> (usize, usize, usize) {
        let (mut yes, mut no, mut unknown) = (0, 0, 0);
        for batch in self.read("operation_log", Some(&["success"])) {
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

    /// The kernel's histogram of the durations of `operation` in the whole recording.
    pub(crate) fn durations(&self, operation: &str) -> SparseHistogram {
        let mut sum = SparseHistogram::default();
        for batch in self.batches("operation_metrics") {
            let names = batch.column_by_name("operation").expect("operation");
            let names = cast(names, &DataType::Utf8).expect("text");
            let durations = batch.column_by_name("durations_ns").expect("durations_ns");
            for (name, bytes) in names
                .as_string::<i32>()
                .iter()
                .zip(durations.as_binary::<i32>())
            {
                if name == Some(operation)
                    && let Some(bytes) = bytes
                {
                    sum.merge(&SparseHistogram::decode(bytes).expect("a histogram"));
                }
            }
        }
        sum
    }

    /// Asserts that the histogram has every finished operation whose begin was kept, in its bucket.
    fn check_durations(&self, operation: &str, totals: &Totals) {
        let durations = self.durations(operation);
        let untimed = totals.lost_too_deep + totals.lost_no_memory + totals.lost_switched_off;
        let timed = totals.finished - untimed;
        assert_eq!(durations.total().cast_signed(), timed, "{totals:?}");
        let buckets = durations.buckets().iter();
        let sum = buckets.map(|(key, count)| representative(*key) as f64 * *count as f64);
        let difference = sum.sum::<f64>() - totals.duration_sum_ns as f64;
        let most = totals.duration_sum_ns as f64 / 128.0;
        assert!(difference.abs() <= most, "{difference} {totals:?}");
        let rows = self.of(operation, "duration_ns").into_iter().flatten();
        let rows = SparseHistogram::of(rows);
        for (key, count) in rows.buckets() {
            let all = durations.buckets().iter().find(|(other, _)| other == key);
            let all = all.map_or(0, |(_, all)| *all);
            assert!(
                *count <= all,
                "bucket {key}: {count} rows, and {all} operations"
            );
        }
    }

    /// The counts of `operation` by interval.
    pub(crate) fn intervals(&self, operation: &str) -> BTreeMap<i64, Totals> {
        let mut intervals: BTreeMap<i64, Totals> = BTreeMap::new();
        self.each_metric(operation, |interval, value| {
            intervals.entry(interval).or_default().add(value);
        });
        intervals
    }

    /// The age of the oldest operation in flight at the end of each interval, of `operation`.
    pub(crate) fn ages(&self, operation: &str) -> BTreeMap<i64, Option<i64>> {
        let names = self.words("operation_metrics", "operation");
        let intervals = self.integers("operation_metrics", "interval");
        let ages = self.integers("operation_metrics", "oldest_in_flight_ns");
        let mut found = BTreeMap::new();
        for ((name, interval), age) in names.into_iter().zip(intervals).zip(ages) {
            if name == operation {
                let kept = found.entry(interval.expect("not null")).or_default();
                *kept = age.max(*kept);
            }
        }
        found
    }

    /// Calls `each` with the interval and the columns of each row of `operation` in
    /// `operation_metrics`.
    fn each_metric(&self, operation: &str, mut each: impl FnMut(i64, &dyn Fn(&str) -> i64)) {
        for batch in self.batches("operation_metrics") {
            let names = batch.column_by_name("operation").expect("operation");
            let names = cast(names, &DataType::Utf8).expect("text");
            for (row, name) in names.as_string::<i32>().iter().enumerate() {
                let value = |column: &str| {
                    let column = batch.column_by_name(column).expect(column);
                    column.as_primitive::<Int64Type>().value(row)
                };
                if name == Some(operation) {
                    each(value("interval"), &value);
                }
            }
        }
    }

    /// The counts of `operation` in the whole recording.
    pub(crate) fn totals(&self, operation: &str) -> Totals {
        let mut totals = Totals::default();
        self.each_metric(operation, |_, value| totals.add(value));
        totals
    }

    /// The totals of `operation`, after the identities are checked: those of finished operations in
    /// each interval, that of begun ones in the whole.
    pub(crate) fn checked(&self, operation: &str) -> Totals {
        let mut rows: BTreeMap<i64, i64> = BTreeMap::new();
        for interval in self.of(operation, "interval").into_iter().flatten() {
            *rows.entry(interval).or_default() += 1;
        }
        let intervals = self.intervals(operation);
        for (interval, counted) in &intervals {
            let rows = rows.remove(interval).unwrap_or_default();
            counted.check(rows, &format!("interval {interval}"));
        }
        assert_eq!(
            rows,
            BTreeMap::new(),
            "rows of intervals that nobody counted"
        );
        let totals = self.totals(operation);
        self.check_durations(operation, &totals);
        assert_eq!(
            totals.begun,
            totals.finished + totals.abandoned + totals.in_flight,
            "begun = finished + abandoned + in flight: {totals:?}"
        );
        totals
    }
}
