//! The life of a segment on real files: append, rotate, seal, recover.

use std::path::Path;

use crate::segment_support::*;
use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;
use soakbox_recorder::clock::{Clock, ClockPair, ManualClock};
use soakbox_recorder::plan::SegmentLimits;
use soakbox_recorder::segment::{RecorderDirectory, RecordingWriter, SegmentError, recover};
use soakbox_schemas::recording::{Contents, JOURNAL_DIRECTORY, footer, journal_directory};
use soakbox_schemas::tables::Table;

fn journal_directories(root: &Path) -> usize {
    std::fs::read_dir(root.join(JOURNAL_DIRECTORY))
        .unwrap()
        .count()
}

#[test]
fn a_finished_recording_holds_every_row_in_order_and_no_journal() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let limits = SegmentLimits {
        max_bytes: 60_000,
        ..SegmentLimits::default()
    };
    let mut writer = writer(root.path(), &clock, limits);
    for batch in 0..40 {
        clock.advance(1_000_000_000);
        let rows = operations(batch * 100..(batch + 1) * 100, clock.now());
        writer
            .append(Table::OPERATION_LOG, &rows, clock.now())
            .unwrap();
        writer.flush().unwrap();
        writer.tick(clock.now()).unwrap();
    }
    let uuid = writer.uuid().to_owned();
    let activity = writer.finish().unwrap();
    assert!(activity.written_bytes > 0);
    assert_eq!(activity.seals_failed, 0);

    let contents = Contents::list(root.path()).unwrap();
    assert!(contents.segments.len() > 2, "rotated by size");
    assert_eq!(activity.segments_sealed, contents.segments.len() as u64);
    assert!(contents.journals.is_empty() && contents.superseded.is_empty());
    assert_eq!(counters(root.path()), (0..4_000).collect::<Vec<_>>());
    for file in &contents.segments {
        let read = footer_of(&file.path);
        assert_eq!(read[footer::RECORDER_UUID], uuid);
        assert_eq!(read[footer::SORTED], "true");
        assert_eq!(read[footer::FIRST_AT_NS], file.name.start_ns.to_string());
        assert_eq!(read[footer::SEQUENCE], file.name.sequence.to_string());
        assert_eq!(read[footer::TARGET], "/bin/true");
        assert!(!read.contains_key(footer::DAMAGED_BYTES));
    }
    assert_eq!(journal_directories(root.path()), 0);
    let report = recover(root.path(), &clock).unwrap();
    assert_eq!((report.rows_saved, report.gaps), (0, 0));
}

#[test]
fn a_dropped_recorder_is_recovered_with_its_gap_exactly_once() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut writer = writer(root.path(), &clock, SegmentLimits::default());
    let last = clock.now().utc_ns;
    for table in [Table::OPERATION_LOG, Table::RECORDER_HEALTH] {
        let rows = rows_of(table, 0..10, clock.now());
        writer.append(table, &rows, clock.now()).unwrap();
    }
    drop(writer);
    clock.advance(5_000_000_000);
    let report = recover(root.path(), &clock).unwrap();
    assert_eq!(report.rows_saved, 20);
    assert_eq!(report.segments, 2);
    assert_eq!(report.gaps, 1);
    assert_eq!(report.journals, 2);
    assert_eq!(report.bytes_discarded, 0);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["schema"], "soakbox.recover/1");
    assert_eq!(json["rows_saved"], 20);
    assert_eq!(journal_directories(root.path()), 0);
    clock.advance(5_000_000_000);
    assert_eq!(recover(root.path(), &clock).unwrap().gaps, 0);
    assert_eq!(gaps(root.path()), [(last, NOON + 5_000_000_000)]);
}

#[test]
fn a_superseded_journal_is_deleted_and_its_rows_are_not_saved_twice() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut writer = writer(root.path(), &clock, SegmentLimits::default());
    let rows = operations(0..10, clock.now());
    writer
        .append(Table::OPERATION_LOG, &rows, clock.now())
        .unwrap();
    drop(writer);
    let journal = Contents::list(root.path()).unwrap().journals.remove(0).path;
    let bytes = std::fs::read(&journal).unwrap();
    recover(root.path(), &clock).unwrap();
    // As after a crash between the rename and the unlink.
    std::fs::create_dir(journal.parent().unwrap()).unwrap();
    std::fs::write(&journal, &bytes).unwrap();
    let report = recover(root.path(), &clock).unwrap();
    assert_eq!((report.rows_saved, report.journals), (0, 1));
    assert_eq!(counters(root.path()), (0..10).collect::<Vec<_>>());
    assert_eq!(journal_directories(root.path()), 0);
}

#[test]
fn each_crashed_recorder_has_a_gap_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    for number in 0..2 {
        let mut writer = writer(root.path(), &clock, SegmentLimits::default());
        let rows = operations(number * 10..number * 10 + 10, clock.now());
        writer
            .append(Table::OPERATION_LOG, &rows, clock.now())
            .unwrap();
        clock.advance(1_000);
    }
    assert_eq!(recover(root.path(), &clock).unwrap().gaps, 2);
    let expected = [(NOON, NOON + 2_000), (NOON + 1_000, NOON + 2_000)];
    assert_eq!(gaps(root.path()), expected);
    assert_eq!(counters(root.path()), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_clock_that_steps_back_starts_a_new_sorted_file() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut writer = writer(root.path(), &clock, SegmentLimits::default());
    for (batch, step) in [0, 0, -3_600_000_000_000, 0, 500].into_iter().enumerate() {
        clock.advance(1_000_000_000);
        clock.step_utc(step);
        let batch = batch as u64;
        let rows = operations(batch * 10..batch * 10 + 10, clock.now());
        writer
            .append(Table::OPERATION_LOG, &rows, clock.now())
            .unwrap();
    }
    writer.finish().unwrap();
    let contents = Contents::list(root.path()).unwrap();
    assert_eq!(contents.segments.len(), 2);
    let mut rows = 0;
    for file in &contents.segments {
        let footer = footer_of(&file.path);
        assert_eq!(footer[footer::SORTED], "true");
        rows += footer[footer::ROWS].parse::<u64>().unwrap();
    }
    assert_eq!(rows, 50);
}

#[test]
fn midnight_and_age_end_a_segment_also_where_nothing_is_appended() {
    let root = tempfile::tempdir().unwrap();
    let day = 86_400_000_000_000;
    let clock = ManualClock::new(ClockPair {
        boot_ns: 0,
        utc_ns: 20_000 * day - 5_000_000_000,
    });
    let mut writer = writer(root.path(), &clock, SegmentLimits::default());
    let mut segments = Vec::new();
    // A row every 100 s, a tick every second. The first segment ends at midnight, 5 s after the
    // start; the next ones last ten minutes each.
    for second in 0..1_300 {
        let now = clock.now();
        if second % 100 == 0 {
            let rows = operations(second..second + 1, now);
            writer.append(Table::OPERATION_LOG, &rows, now).unwrap();
        }
        writer.tick(now).unwrap();
        clock.advance(1_000_000_000);
    }
    writer.finish().unwrap();
    for file in Contents::list(root.path()).unwrap().segments {
        let rows = footer_of(&file.path)[footer::ROWS].clone();
        let folder = file.path.parent().unwrap().file_name().unwrap();
        segments.push((folder.to_str().unwrap().to_owned(), rows));
    }
    let expected = [
        ("date=2024-10-03", "1"),
        ("date=2024-10-04", "6"),
        ("date=2024-10-04", "6"),
    ];
    let expected = expected.map(|(folder, rows)| (folder.to_owned(), rows.to_owned()));
    assert_eq!(segments, expected);
}

#[test]
fn rows_out_of_order_are_kept_as_they_came_and_the_footer_says_so() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut writer = writer(root.path(), &clock, SegmentLimits::default());
    let now = clock.now();
    let earlier = ClockPair {
        utc_ns: now.utc_ns - 1_000,
        ..now
    };
    for (row, at) in [now, earlier, now].into_iter().enumerate() {
        let row = row as u64;
        let rows = operations(row..row + 1, at);
        writer.append(Table::OPERATION_LOG, &rows, now).unwrap();
    }
    writer.finish().unwrap();
    let contents = Contents::list(root.path()).unwrap();
    let file = &contents.segments[0];
    let footer = footer_of(&file.path);
    assert_eq!(footer[footer::SORTED], "false");
    assert_eq!(footer[footer::FIRST_AT_NS], earlier.utc_ns.to_string());
    assert_eq!(footer[footer::LAST_AT_NS], now.utc_ns.to_string());
    assert!(sorting_columns(&file.path).is_none());
    let times: Vec<i64> = batches(&file.path)
        .iter()
        .flat_map(|batch| {
            let column = batch.column(0).as_primitive::<TimestampNanosecondType>();
            column.values().to_vec()
        })
        .collect();
    assert_eq!(times, [now.utc_ns, earlier.utc_ns, now.utc_ns]);
}

#[test]
fn two_recorders_and_a_recovery_at_the_same_time_do_not_touch_one_another() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut first = writer(root.path(), &clock, SegmentLimits::default());
    let mut second = writer(root.path(), &clock, SegmentLimits::default());
    assert_ne!(first.uuid(), second.uuid());
    for (number, writer) in [&mut first, &mut second].into_iter().enumerate() {
        let number = number as u64;
        let rows = operations(number * 10..number * 10 + 10, clock.now());
        writer
            .append(Table::OPERATION_LOG, &rows, clock.now())
            .unwrap();
    }
    let report = recover(root.path(), &clock).unwrap();
    let mut live = vec![first.uuid().to_owned(), second.uuid().to_owned()];
    live.sort();
    assert_eq!(report.live, live);
    assert_eq!((report.rows_saved, report.gaps), (0, 0));
    first.finish().unwrap();
    second.finish().unwrap();
    assert_eq!(counters(root.path()), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_directory_that_is_dropped_before_a_row_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let below = root.path().join("a/b");
    drop(RecorderDirectory::create(&below, 0).unwrap());
    assert!(!below.exists());
}

#[test]
fn a_recorder_killed_before_its_first_row_leaves_a_gap_from_its_start() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let directory = RecorderDirectory::create(root.path(), NOON).unwrap();
    let lock = std::fs::read(directory.path().join("lock")).unwrap();
    drop(directory);
    // As the kernel leaves it: the file without its lock.
    let uuid = "0a1b2c3d-0000-4000-8000-000000000000";
    let path = journal_directory(root.path(), uuid);
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("lock"), lock).unwrap();
    clock.advance(77);
    assert_eq!(recover(root.path(), &clock).unwrap().gaps, 1);
    assert_eq!(gaps(root.path()), [(NOON, NOON + 77)]);
}

#[test]
fn a_foreign_file_in_the_segments_place_is_not_replaced() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut writer = writer(root.path(), &clock, SegmentLimits::default());
    let rows = operations(0..10, clock.now());
    writer
        .append(Table::OPERATION_LOG, &rows, clock.now())
        .unwrap();
    let name = soakbox_schemas::recording::SegmentName::new(NOON, HOST, writer.uuid(), 1);
    let path = name.path(root.path(), Table::OPERATION_LOG);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, b"mine").unwrap();
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, SegmentError::Occupied { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    // Once the file is gone, the journal is sealed; the recorder had stopped cleanly, so there is
    // no gap.
    assert!(recover(root.path(), &clock).is_err());
    std::fs::remove_file(&path).unwrap();
    let report = recover(root.path(), &clock).unwrap();
    assert_eq!((report.rows_saved, report.gaps), (10, 0));
    assert_eq!(journal_directories(root.path()), 0);
}

#[test]
fn the_provenance_reaches_the_footer_of_a_recovered_segment() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let directory = RecorderDirectory::create(root.path(), NOON).unwrap();
    let mut writer =
        RecordingWriter::new(directory, provenance(), SegmentLimits::default()).unwrap();
    let rows = operations(0..10, clock.now());
    writer
        .append(Table::OPERATION_LOG, &rows, clock.now())
        .unwrap();
    let uuid = writer.uuid().to_owned();
    drop(writer);
    recover(root.path(), &clock).unwrap();
    for file in Contents::list(root.path()).unwrap().segments {
        let footer = footer_of(&file.path);
        assert_eq!(footer[footer::CONFIG_DIGEST], "digest");
        assert_eq!(footer[footer::CPU_METHOD], "sched_switch");
        assert_eq!(footer[footer::RECORDER_UUID], uuid);
        assert_eq!(footer[footer::TABLE], file.table.name());
    }
}
