//! Every table goes through the whole life of a segment by its declaration alone: a value is read
//! under the name that it was written under, and a table that only this test declares is written,
//! sealed and recovered like any other.

use crate::distinct_rows;
use std::path::Path;

use crate::segment_support::{batches, clock_at_noon, footer_of, writer};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use soakbox_recorder::clock::{Clock, ClockPair, SystemClock};
use soakbox_recorder::plan::SegmentLimits;
use soakbox_recorder::segment::{SegmentError, recover};
use soakbox_schemas::journal::{Frame, frames_in};
use soakbox_schemas::recording::roll_up::{Place, RollUp};
use soakbox_schemas::recording::{Contents, footer};
use soakbox_schemas::table;
use soakbox_schemas::tables::kind::{Count, Optional, Time, Word};
use soakbox_schemas::tables::{OperationMetrics, Table};

table! {
    /// One row per process and interval: its page faults.
    "page_faults";
    #[derive(Clone, Debug, Default)]
    pub struct PageFaults, PageFaultsBuilder {
        /// Start of the interval.
        pub at_ns as at: Time, "ns", "recorder: clock";
        /// Name of the process.
        pub process: Word, "", "/proc";
        /// Faults that needed the disk.
        pub major: Count, "faults", "/proc";
        /// Faults that did not.
        pub minor: Optional<Count>, "faults", "/proc";
    }
}

const PAGE_FAULTS: Table = PageFaults::DECLARATION.table;

fn page_faults(majors: std::ops::Range<u64>, now: ClockPair) -> Vec<PageFaults> {
    let rows = majors.map(|major| PageFaults {
        at_ns: now.utc_ns,
        process: format!("process {}", major % 3),
        major,
        minor: (major % 2 == 0).then_some(major + 1_000),
    });
    rows.collect()
}

/// The column `major` of all sealed rows, in order.
fn majors(root: &Path) -> Vec<i64> {
    let segments = Contents::list(root).unwrap().segments;
    let mut found = Vec::new();
    for file in segments.iter().filter(|file| file.table == PAGE_FAULTS) {
        assert_eq!(footer_of(&file.path)[footer::TABLE], "page_faults");
        for batch in batches(&file.path) {
            let major = batch.column_by_name("major").unwrap();
            found.extend(major.as_primitive::<Int64Type>().values());
        }
    }
    found
}

#[test]
fn every_value_goes_through_a_segment_under_its_own_name() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = writer(root.path(), &SystemClock, SegmentLimits::default());
    let all = distinct_rows::all();
    for distinct in &all {
        let now = SystemClock.now();
        writer.append(distinct.table, &distinct.batch, now).unwrap();
    }
    writer.finish().unwrap();
    let segments = Contents::list(root.path()).unwrap().segments;
    assert_eq!(segments.len(), all.len());
    for distinct in &all {
        let file = segments.iter().find(|file| file.table == distinct.table);
        let [batch] = &batches(&file.unwrap().path)[..] else {
            panic!("{:?} has not one batch", distinct.table);
        };
        distinct.assert_read(batch);
    }
}

#[test]
fn a_table_that_only_its_declaration_knows_is_rotated_sealed_and_listed() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let limits = SegmentLimits {
        max_bytes: 10_000,
        ..SegmentLimits::default()
    };
    let mut writer = writer(root.path(), &clock, limits);
    for batch in 0..30 {
        clock.advance(1_000_000_000);
        let now = clock.now();
        let rows = page_faults(batch * 10..batch * 10 + 10, now);
        let rows = PageFaults::batch(&rows).unwrap();
        writer.append(PAGE_FAULTS, &rows, now).unwrap();
        writer.tick(now).unwrap();
    }
    writer.finish().unwrap();
    let contents = Contents::list(root.path()).unwrap();
    assert!(contents.segments.len() > 1, "rotated by size");
    assert!(contents.journals.is_empty());
    assert_eq!(majors(root.path()), (0..300).collect::<Vec<_>>());
}

#[test]
fn its_journal_is_recovered_by_a_version_that_does_not_know_it() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut writer = writer(root.path(), &clock, SegmentLimits::default());
    let rows = PageFaults::batch(&page_faults(0..50, clock.now())).unwrap();
    writer.append(PAGE_FAULTS, &rows, clock.now()).unwrap();
    drop(writer);
    // Recovery was compiled without the declaration above.
    assert!(!PAGE_FAULTS.is_declared());
    let journals = Contents::list(root.path()).unwrap().journals;
    assert_eq!(journals[0].name.table, PAGE_FAULTS);
    clock.advance(1_000_000_000);
    let report = recover(root.path(), &clock).unwrap();
    assert_eq!(
        (report.rows_saved, report.segments, report.gaps),
        (50, 1, 1)
    );
    assert_eq!(majors(root.path()), (0..50).collect::<Vec<_>>());
}

/// The rows of the roll-up that a segment's footer names.
fn roll_up(path: &Path) -> RecordBatch {
    let place = Place::from_text(&footer_of(path)[footer::ROLL_UP]).unwrap();
    let [offset, bytes] = [place.offset, place.bytes].map(|one| usize::try_from(one).unwrap());
    let file = std::fs::read(path).unwrap();
    let frames: Vec<Frame> = frames_in(&file[offset..offset + bytes]).collect();
    let [Frame::Batch(rows)] = &frames[..] else {
        panic!("not one frame: {frames:?}");
    };
    rows.clone()
}

#[test]
fn a_segment_of_counts_has_what_its_rows_add_up_to_also_after_a_crash() {
    for is_killed in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let clock = clock_at_noon();
        let mut writer = writer(root.path(), &clock, SegmentLimits::default());
        let mut expected = RollUp::default();
        for interval in 0..40 {
            clock.advance(1_000_000_000);
            let now = clock.now();
            let rows = ["read", "write"].map(|operation| OperationMetrics {
                at_ns: now.utc_ns,
                interval,
                operation: operation.to_owned(),
                begun: interval,
                finished: interval,
                recorded: interval,
                ..OperationMetrics::default()
            });
            let rows = OperationMetrics::batch(&rows).unwrap();
            let table = Table::OPERATION_METRICS;
            writer.append(table, &rows, now).unwrap();
            expected.add(&rows);
        }
        match is_killed {
            true => drop(writer),
            false => drop(writer.finish().unwrap()),
        }
        clock.advance(1_000_000_000);
        recover(root.path(), &clock).unwrap();
        let segments = Contents::list(root.path()).unwrap().segments;
        let mut segments = segments.iter();
        let counts = segments.find(|file| file.table == Table::OPERATION_METRICS);
        let path = &counts.unwrap().path;
        assert_eq!(roll_up(path), expected.finish().unwrap().unwrap());
        let rows: usize = batches(path).iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 80, "other readers see the rows only");
    }
}

#[test]
fn a_declared_table_accepts_only_its_own_columns() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = writer(root.path(), &SystemClock, SegmentLimits::default());
    let now = SystemClock.now();
    let rows = PageFaults::batch(&page_faults(0..1, now)).unwrap();
    let refused = writer.append(Table::ANNOTATIONS, &rows, now);
    assert!(
        matches!(refused, Err(SegmentError::Columns { .. })),
        "{refused:?}"
    );
    writer.finish().unwrap();
    assert!(Contents::list(root.path()).unwrap().is_empty());
}
