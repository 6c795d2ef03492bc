//! Helpers of the segment tests: rows with known counters, and reading segments back.
#![allow(dead_code, reason = "two test programs use parts of this")]

pub(crate) mod preload;
pub(crate) mod role;

use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::SortingColumn;
use soakbox_recorder::clock::{Clock, ClockPair, ManualClock, SystemClock};
use soakbox_recorder::plan::SegmentLimits;
use soakbox_recorder::segment::{RecorderDirectory, RecordingWriter};
use soakbox_schemas::event::{OperationEvent, flags};
use soakbox_schemas::recording::{Contents, ObservedFile, Provenance};
use soakbox_schemas::tables::{
    Annotation, AnnotationKind, OperationInfo, OperationLogBuilder, OperationMetrics,
    RecorderHealth, Table,
};

pub(crate) const HOST: &str = "host-1";

/// A noon, ns UTC: no period ends shortly after it.
pub(crate) const NOON: i64 = 1_800_014_400_000_000_000;

/// A clock that begins at [`NOON`].
pub(crate) fn clock_at_noon() -> ManualClock {
    ManualClock::new(ClockPair {
        boot_ns: 1_000_000_000,
        utc_ns: NOON,
    })
}

pub(crate) fn provenance() -> Provenance {
    Provenance {
        recorder_version: "0.0.1".into(),
        host: HOST.into(),
        kernel: "6.1".into(),
        boot_id: "boot".into(),
        interval_ns: 1_000_000_000,
        observed: vec![ObservedFile {
            path: "/bin/true".into(),
            file: "/bin/true".into(),
            build_id: Some("abcd".into()),
        }],
        config_digest: "digest".into(),
        cpu_method: Some("sched_switch".into()),
        ..Provenance::default()
    }
}

pub(crate) fn writer(root: &Path, clock: &dyn Clock, limits: SegmentLimits) -> RecordingWriter {
    let directory = RecorderDirectory::create(root, clock.now().utc_ns).unwrap();
    RecordingWriter::new(directory, provenance(), limits).unwrap()
}

/// Rows whose return value is their counter, all finished at `now`.
pub(crate) fn operations(counters: Range<u64>, now: ClockPair) -> RecordBatch {
    let plan = [OperationInfo {
        name: "refresh".into(),
        operation_type: 1,
    }];
    let mut builder = OperationLogBuilder::new(&plan);
    for counter in counters {
        let event = OperationEvent {
            finished_boot_ns: now.boot_ns,
            duration_ns: counter.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 100_000,
            return_value: counter as i64,
            pid: 1,
            tid: 2,
            flags: flags::RETURN,
            ..OperationEvent::default()
        };
        assert!(builder.push(&event, now.offset_ns()));
    }
    builder.finish().unwrap()
}

pub(crate) fn rows_of(table: Table, counters: Range<u64>, now: ClockPair) -> RecordBatch {
    let at_ns = now.utc_ns;
    match table {
        Table::OPERATION_LOG => operations(counters, now),
        Table::OPERATION_METRICS => {
            let rows = counters.map(|counter| OperationMetrics {
                at_ns,
                finished: counter,
                operation: "refresh".into(),
                ..OperationMetrics::default()
            });
            OperationMetrics::batch(&rows.collect::<Vec<_>>()).unwrap()
        }
        Table::RECORDER_HEALTH => {
            let rows = counters.map(|counter| RecorderHealth {
                at_ns,
                events_received: counter,
                ..RecorderHealth::default()
            });
            RecorderHealth::batch(&rows.collect::<Vec<_>>()).unwrap()
        }
        Table::ANNOTATIONS => {
            let rows = counters.map(|counter| Annotation {
                at_ns,
                until_ns: None,
                kind: AnnotationKind::Note,
                text: counter.to_string(),
            });
            Annotation::batch(&rows.collect::<Vec<_>>()).unwrap()
        }
        table => panic!("{table:?} has no rows of its own here"),
    }
}

pub(crate) fn batches(path: &Path) -> Vec<RecordBatch> {
    batches_of(File::open(path).unwrap())
}

fn batches_of(file: File) -> Vec<RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    builder.build().unwrap().map(Result::unwrap).collect()
}

pub(crate) fn footer_of(path: &Path) -> HashMap<String, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let pairs = pairs.unwrap().iter().cloned();
    pairs
        .map(|pair| (pair.key, pair.value.unwrap_or_default()))
        .collect()
}

pub(crate) fn sorting_columns(path: &Path) -> Option<Vec<SortingColumn>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    builder.metadata().row_group(0).sorting_columns().cloned()
}

/// The counters in all sealed files of `operation_log`, sorted. A file may be deleted meanwhile: then
/// all are listed again.
pub(crate) fn counters(root: &Path) -> Vec<i64> {
    loop {
        let contents = Contents::list(root).unwrap();
        let files = contents.segments.iter();
        let files = files.filter(|file| file.table == Table::OPERATION_LOG);
        let opened: Result<Vec<File>, _> = files.map(|file| File::open(&file.path)).collect();
        let files = match opened {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            opened => opened.unwrap(),
        };
        let mut found = Vec::new();
        for batch in files.into_iter().flat_map(batches_of) {
            let column = batch.column_by_name("return_value").unwrap();
            found.extend(column.as_primitive::<Int64Type>().values().iter());
        }
        found.sort_unstable();
        return found;
    }
}

/// Start and end of each gap in the sealed annotations; the cause of each must be a crash.
pub(crate) fn gaps(root: &Path) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    for file in Contents::list(root).unwrap().segments {
        if file.table != Table::ANNOTATIONS {
            continue;
        }
        for batch in batches(&file.path) {
            let text = |name| {
                let column = batch.column_by_name(name).unwrap();
                let plain = cast(column, &DataType::Utf8).unwrap();
                plain.as_string::<i32>().clone()
            };
            let time = |name| {
                let column = batch.column_by_name(name).unwrap();
                column.as_primitive::<TimestampNanosecondType>().clone()
            };
            for row in 0..batch.num_rows() {
                if text("kind").value(row) == "gap" {
                    assert_eq!(text("text").value(row), "crash");
                    found.push((time("at").value(row), time("until").value(row)));
                }
            }
        }
    }
    found.sort_unstable();
    found
}

/// Columns of all batches together; names as plain text, whether they are a dictionary or not.
pub(crate) fn columns(batches: &[RecordBatch]) -> Vec<ArrayRef> {
    let Some(first) = batches.first() else {
        return Vec::new();
    };
    let whole = (0..first.num_columns()).map(|index| {
        let parts: Vec<ArrayRef> = batches
            .iter()
            .map(|batch| {
                let column = batch.column(index);
                match column.data_type() {
                    DataType::Dictionary(..) => cast(column, &DataType::Utf8).unwrap(),
                    _ => column.clone(),
                }
            })
            .collect();
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        concat(&parts).unwrap()
    });
    whole.collect()
}

/// SplitMix64, a sequence that its seed repeats. The seed is drawn when the test runs, and printed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn drawn() -> Self {
        let seed = match std::env::var("SOAKBOX_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => SystemClock.now().utc_ns as u64,
        };
        eprintln!("SOAKBOX_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
