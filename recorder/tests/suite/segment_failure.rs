//! Full disks, directories that cannot be written, flipped bits.

use std::path::{Path, PathBuf};

use crate::segment_support::*;
use crate::support::tmpfs::Tmpfs;
use arrow::array::RecordBatch;
use proptest::prelude::*;
use soakbox_recorder::clock::{Clock, ClockPair, ManualClock, SystemClock};
use soakbox_recorder::plan::SegmentLimits;
use soakbox_recorder::segment::{
    JournalReader, JournalWriter, RecorderDirectory, Sealed, recover, seal,
};
use soakbox_schemas::journal::{Frame, encode, frames_in};
use soakbox_schemas::recording::{
    Contents, Footer, JOURNAL_DIRECTORY, JournalName, SEALING_EXTENSION, footer,
};
use soakbox_schemas::tables::Table;

const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

/// Fills the disk with one file; returns its path.
fn fill(directory: &Path) -> PathBuf {
    let path = directory.join("ballast");
    let mut size = 4 << 20;
    let mut ballast = Vec::new();
    while size > 0 {
        ballast.resize(ballast.len() + size, 1);
        if std::fs::write(&path, &ballast).is_err() {
            ballast.truncate(ballast.len() - size);
            size /= 2;
        }
    }
    let _ = std::fs::write(&path, &ballast);
    path
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn no_temporaries(root: &Path) {
    let left = files(root);
    let temporary = |path: &PathBuf| {
        path.extension()
            .is_some_and(|it| it == "sealing" || it == "new")
    };
    assert!(!left.iter().any(temporary), "{left:?}");
}

#[test]
fn a_full_disk_is_reported_in_one_line_and_costs_only_the_refused_rows() {
    let Some(disk) = Tmpfs::mount("size=3m") else {
        return;
    };
    let root = disk.path().join("recording");
    let clock = clock_at_noon();
    let mut writer = writer(&root, &clock, SegmentLimits::default());
    let append = |writer: &mut soakbox_recorder::segment::RecordingWriter, first| {
        let now = clock.now();
        writer.append(
            Table::OPERATION_LOG,
            &operations(first..first + 5_000, now),
            now,
        )
    };
    append(&mut writer, 0).unwrap();
    let ballast = fill(disk.path());
    let mut refused = 0;
    let error = loop {
        match append(&mut writer, 5_000) {
            Ok(()) => panic!("there was room"),
            Err(error) if refused == 2 => break error,
            Err(_) => refused += 1,
        }
    };
    assert!(error.is_disk_full());
    let text = error.to_string();
    assert!(
        text.contains("operation_log-000001.journal") && text.contains("; hint: free space"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1);
    // With room again it goes on in the same journal, and the refused rows left no trace.
    std::fs::remove_file(&ballast).unwrap();
    append(&mut writer, 5_000).unwrap();
    writer.flush().unwrap();
    fill(disk.path());
    let error = writer.finish().unwrap_err();
    assert!(error.is_disk_full(), "{error}");
    no_temporaries(&root);
    let contents = Contents::list(&root).unwrap();
    assert_eq!((contents.segments.len(), contents.journals.len()), (0, 1));

    let error = recover(&root, &clock).unwrap_err();
    assert!(error.source.is_disk_full(), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
    no_temporaries(&root);
    std::fs::remove_file(&ballast).unwrap();
    let report = recover(&root, &clock).unwrap();
    assert_eq!(
        (report.rows_saved, report.bytes_discarded, report.gaps),
        (10_000, 0, 0)
    );
    assert_eq!(counters(&root), (0..10_000).collect::<Vec<_>>());
}

#[test]
fn a_seal_that_found_the_disk_full_is_tried_again_while_recording() {
    let Some(disk) = Tmpfs::mount("size=3m") else {
        return;
    };
    let root = disk.path().join("recording");
    let limits = SegmentLimits {
        max_bytes: 1,
        ..SegmentLimits::default()
    };
    let mut writer = writer(&root, &SystemClock, limits);
    let now = SystemClock.now();
    let rows = operations(0..5_000, now);
    writer.append(Table::OPERATION_LOG, &rows, now).unwrap();
    let ballast = fill(disk.path());
    let started = std::time::Instant::now();
    let mut reported = 0;
    while Contents::list(&root).unwrap().segments.is_empty() {
        if let Err(error) = writer.tick(SystemClock.now()) {
            assert!(error.is_disk_full(), "{error}");
            reported += 1;
            let _ = std::fs::remove_file(&ballast);
        }
        assert!(started.elapsed().as_secs() < 60);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(reported, 1);
    assert_eq!(writer.finish().unwrap().seals_failed, 1);
    assert_eq!(counters(&root), (0..5_000).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_while_a_crash_is_recovered_loses_nothing() {
    let Some(disk) = Tmpfs::mount("size=3m") else {
        return;
    };
    let root = disk.path().join("recording");
    let mut writer = writer(&root, &SystemClock, SegmentLimits::default());
    let now = SystemClock.now();
    writer
        .append(Table::OPERATION_LOG, &operations(0..5_000, now), now)
        .unwrap();
    drop(writer);
    let ballast = fill(disk.path());
    for _ in 0..3 {
        let error = recover(&root, &SystemClock).unwrap_err();
        assert!(error.source.is_disk_full(), "{error}");
        no_temporaries(&root);
    }
    std::fs::remove_file(&ballast).unwrap();
    let report = recover(&root, &SystemClock).unwrap();
    assert_eq!((report.rows_saved, report.gaps), (5_000, 1));
    assert_eq!(gaps(&root).len(), 1);
}

#[test]
fn a_directory_that_cannot_be_written_is_reported_at_once() {
    let readonly = Tmpfs::mount("ro");
    let Some(disk) = readonly else {
        return;
    };
    for root in [disk.path().to_owned(), disk.path().join("new/one")] {
        let text = RecorderDirectory::create(&root, 0).unwrap_err().to_string();
        assert!(text.contains("Read-only file system"), "{text}");
        assert!(text.contains(disk.path().to_str().unwrap()), "{text}");
        assert!(
            text.ends_with("hint: choose a directory that this user may write"),
            "{text}"
        );
    }
}

#[test]
fn a_file_in_the_place_of_the_directory_is_reported() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = RecorderDirectory::create(file.path(), 0)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("hint: name a directory, not a file"),
        "{text}"
    );
    let text = recover(Path::new("/nowhere/at/all"), &SystemClock)
        .unwrap_err()
        .to_string();
    assert!(text.contains("cannot read /nowhere/at/all"), "{text}");
}

#[test]
fn flipped_bits_cost_the_batches_that_they_hit_and_are_counted() {
    let root = tempfile::tempdir().unwrap();
    let clock = clock_at_noon();
    let mut writer = writer(root.path(), &clock, SegmentLimits::default());
    for batch in 0..10 {
        let now = clock.now();
        let rows = operations(batch * 10..batch * 10 + 10, now);
        writer.append(Table::OPERATION_LOG, &rows, now).unwrap();
    }
    drop(writer);
    let journal = Contents::list(root.path()).unwrap().journals.remove(0);
    let mut bytes = std::fs::read(&journal.path).unwrap();
    let frame = bytes.len() / 10;
    bytes[frame * 3 + frame / 2] ^= 4;
    bytes.truncate(bytes.len() - 5);
    std::fs::write(&journal.path, &bytes).unwrap();
    let damaged: u64 = frames_in(&bytes)
        .map(|frame| match frame {
            Frame::Damaged { bytes, .. } => bytes,
            Frame::Batch(_) => 0,
        })
        .sum();
    let report = recover(root.path(), &clock).unwrap();
    assert_eq!((report.rows_saved, report.segments), (80, 1));
    assert_eq!(report.bytes_discarded, damaged);
    let expected: Vec<i64> = (0..30).chain(40..90).collect();
    assert_eq!(counters(root.path()), expected);
    let contents = Contents::list(root.path()).unwrap();
    let segment = contents
        .segments
        .iter()
        .find(|file| file.table == Table::OPERATION_LOG);
    let footer = footer_of(&segment.unwrap().path);
    assert_eq!(footer[footer::DAMAGED_BYTES], damaged.to_string());
    assert_eq!(footer[footer::ROWS], "80");
}

#[test]
fn a_journal_of_a_newer_format_is_left_to_a_newer_version() {
    let root = tempfile::tempdir().unwrap();
    let name = journal(root.path(), &[(5, 0)]);
    let path = name.path(root.path());
    let mut bytes = Vec::new();
    for frame in frames_in(std::fs::read(&path).unwrap()) {
        let Frame::Batch(batch) = frame else {
            panic!("a damaged frame")
        };
        let mut metadata = batch.schema().metadata().clone();
        metadata.insert(footer::FORMAT.to_owned(), "2".to_owned());
        let schema = batch.schema().as_ref().clone().with_metadata(metadata);
        let batch = RecordBatch::try_new(schema.into(), batch.columns().to_vec()).unwrap();
        encode(&batch, &mut bytes).unwrap();
    }
    std::fs::write(&path, &bytes).unwrap();
    let refused = seal(root.path(), &name, None).unwrap_err().to_string();
    assert!(refused.contains("has format 2"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(!path.with_extension(SEALING_EXTENSION).exists());
}

#[test]
fn a_journal_without_a_whole_frame_makes_no_segment() {
    let root = tempfile::tempdir().unwrap();
    let name = journal_name(1);
    for contents in [&b""[..], b"SBJ1torn"] {
        let path = name.path(root.path());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        let sealed = seal(root.path(), &name, None).unwrap();
        let damaged_bytes = contents.len() as u64;
        assert_eq!(sealed, Sealed::Empty { damaged_bytes });
        assert!(!path.exists());
    }
    assert!(Contents::list(root.path()).unwrap().is_empty());
}

fn journal_name(sequence: u64) -> JournalName {
    JournalName {
        uuid: UUID.into(),
        table: Table::OPERATION_LOG,
        sequence,
    }
}

/// Writes a journal of batches, each given by its number of rows and their time.
fn journal(root: &Path, parts: &[(u64, i64)]) -> JournalName {
    let name = journal_name(1);
    std::fs::create_dir_all(name.path(root).parent().unwrap()).unwrap();
    let footer = Footer::of_journal(name.clone(), provenance());
    let schema = name.table.schema().unwrap();
    let mut journal = JournalWriter::create(root, &schema, &footer).unwrap();
    let mut first = 0;
    for &(rows, utc_ns) in parts {
        let clock = ManualClock::new(ClockPair { boot_ns: 0, utc_ns });
        journal
            .append(&operations(first..first + rows, clock.now()))
            .unwrap();
        first += rows;
    }
    journal.flush().unwrap();
    name
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_segment_holds_the_rows_of_its_journal_in_their_order(
        parts in prop::collection::vec((0u64..60, 0i64..4), 0..12),
    ) {
        let root = tempfile::tempdir().unwrap();
        let name = journal(root.path(), &parts);
        let path = name.path(root.path());
        let mut reader = JournalReader::open(&path).unwrap();
        let mut rows = Vec::new();
        while let Some((batch, _)) = reader.next_batch().unwrap() {
            rows.push(batch);
        }
        let times: Vec<i64> = parts.iter().filter(|(rows, _)| *rows > 0).map(|part| part.1).collect();
        let total: u64 = parts.iter().map(|part| part.0).sum();
        match seal(root.path(), &name, None).unwrap() {
            Sealed::Empty { damaged_bytes } => {
                prop_assert_eq!((total, damaged_bytes), (0, 0));
            }
            Sealed::Segment(segment) => {
                prop_assert_eq!(segment.summary.rows, total);
                prop_assert_eq!(segment.summary.sorted, times.is_sorted());
                prop_assert_eq!(Some(&segment.summary.first_at_ns), times.iter().min());
                prop_assert_eq!(Some(&segment.summary.last_at_ns), times.iter().max());
                prop_assert_eq!(sorting_columns(&segment.path).is_some(), times.is_sorted());
                let sealed = batches(&segment.path);
                prop_assert_eq!(columns(&sealed), columns(&rows));
            }
        }
        prop_assert!(!path.exists());
        prop_assert!(root.path().join(JOURNAL_DIRECTORY).exists());
    }

    #[test]
    fn reading_from_a_file_finds_what_reading_from_memory_finds(
        sizes in prop::collection::vec(1u64..20, 1..6),
        flips in prop::collection::vec((0.0..1.0f64, any::<u8>()), 0..4),
        cut in 0.5..1.0f64,
    ) {
        let root = tempfile::tempdir().unwrap();
        let parts: Vec<(u64, i64)> = sizes.iter().map(|&size| (size, 0)).collect();
        let path = journal(root.path(), &parts).path(root.path());
        let mut bytes = std::fs::read(&path).unwrap();
        for (place, mask) in flips {
            let place = (bytes.len() as f64 * place) as usize;
            bytes[place] ^= mask;
        }
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        std::fs::write(&path, &bytes).unwrap();
        let (mut expected, mut damaged) = (Vec::new(), 0);
        for frame in frames_in(&bytes) {
            match frame {
                Frame::Batch(batch) => expected.push(batch),
                Frame::Damaged { bytes, .. } => damaged += bytes,
            }
        }
        let mut reader = JournalReader::open(&path).unwrap();
        for batch in expected {
            prop_assert_eq!(reader.next_batch().unwrap().map(|found| found.0), Some(batch));
        }
        prop_assert!(reader.next_batch().unwrap().is_none());
        prop_assert_eq!(reader.damaged_bytes(), damaged);
    }
}
