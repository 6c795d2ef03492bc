//! Files are sealed when a signal asks for it, at the same moments of UTC in all tables, and after a
//! number of rows; and nothing is lost between two files.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use soakbox_schemas::recording::{Contents, SegmentFile};
use soakbox_schemas::tables::Table;

use crate::segment_support::footer_of;
use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::{Recording, wait_for_rows};
use crate::support::session::Session;

const SECOND_NS: i64 = 1_000_000_000;

fn sealed(root: &Path, table: Table) -> Vec<SegmentFile> {
    let mut files = Contents::list(root).unwrap().segments;
    files.retain(|file| file.table == table);
    files
}

fn rows(file: &SegmentFile) -> u64 {
    footer_of(&file.path)["soakbox.rows"].parse().unwrap()
}

/// Waits until `number` files of `table` are sealed.
fn wait_for_files(root: &Path, table: Table, number: usize) -> Vec<SegmentFile> {
    let waited = Instant::now();
    loop {
        let files = sealed(root, table);
        if files.len() >= number {
            return files;
        }
        assert!(waited.elapsed() < Duration::from_secs(20), "{files:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A signal that must seal the open files, each time it is sent.
fn rotates(signal: i32, session: &Session) {
    let place = Place::new();
    let root = place.root();
    let probe = place.probe();
    let flags = ["--op", &probe, "--rotate-after", "1day"];
    let recorder = Recorder::start_in(session, &root, &flags);
    for (round, calls) in ["50", "70"].into_iter().enumerate() {
        place.calls(calls);
        // Its counts are written after its rows.
        wait_for_rows(&root, Table::OPERATION_LOG);
        wait_for_rows(&root, Table::OPERATION_METRICS);
        recorder.signal(signal);
        let files = wait_for_files(&root, Table::OPERATION_LOG, round + 1);
        assert_eq!(rows(&files[round]).to_string(), calls);
        wait_for_files(&root, Table::OPERATION_METRICS, round + 1);
    }
    place.calls("30");
    let ended = recorder.stop().check();
    assert_eq!(
        sealed(&root, Table::OPERATION_LOG).len(),
        3,
        "{}",
        ended.stderr
    );
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("op").finished, 150, "{}", ended.stderr);
    assert_eq!(recording.gaps(), []);
    assert_eq!(ended.stderr.matches(": sealing the open files").count(), 2);
}

#[test]
fn sigusr1_seals_the_open_files_with_and_without_a_terminal() {
    if !host::allows_bpf() {
        return;
    }
    rotates(libc::SIGUSR1, &Session::without_terminal());
    rotates(libc::SIGUSR1, &Session::on_a_terminal());
}

#[test]
fn sighup_seals_the_open_files_of_a_recorder_without_a_terminal() {
    if !host::allows_bpf() {
        return;
    }
    rotates(libc::SIGHUP, &Session::without_terminal());
}

#[test]
fn files_end_after_a_number_of_rows_and_at_whole_seconds_of_utc() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let root = place.root();
    let probe = place.probe();
    let flags = [
        "--op",
        &probe,
        "--rotate-after",
        "2s",
        "--rotate-rows",
        "40",
    ];
    let recorder = Recorder::start(
        &root,
        &[&flags[..], &["--flush-interval", "100ms"]].concat(),
    );
    for _ in 0..8 {
        place.calls("30");
        std::thread::sleep(Duration::from_millis(600));
    }
    recorder.stop().check();
    assert_eq!(Recording::open(&root).checked("op").finished, 240);
    let files = sealed(&root, Table::OPERATION_LOG);
    assert!(files.len() >= 4, "{files:?}");
    // A batch may pass the number, which is checked before the next one. It has the calls of one round,
    // or of more where the recorder had to wait for a CPU.
    let larger = files.iter().filter(|file| rows(file) >= 40 + 30);
    assert!(larger.count() <= 1, "{files:?}");
    for file in sealed(&root, Table::RECORDER_HEALTH) {
        let footer = footer_of(&file.path);
        let time = |key: &str| footer[key].parse::<i64>().unwrap();
        let (first, last) = (time("soakbox.first_at_ns"), time("soakbox.last_at_ns"));
        let periods = [first, last].map(|at| at.div_euclid(2 * SECOND_NS));
        // A row that waited belongs to the period after its own.
        assert!(periods[1] - periods[0] <= 1, "{file:?}");
        assert!(last - first < 2 * SECOND_NS + SECOND_NS / 2, "{file:?}");
    }
}

/// What `date` prints of a moment, s UTC, where local time is `zone`.
fn date(zone: &str, at: i64, format: &str) -> String {
    let mut command = Command::new("date");
    command.env("TZ", zone).env("LC_ALL", "C");
    let output = command.args([&format!("--date=@{at}"), format]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Local time is far from whole periods of UTC, and is put forward by an hour within the recording.
#[test]
fn files_and_days_are_those_of_utc_while_local_clocks_change() {
    const PERIOD: i64 = 600;
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("recording");
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    // The recording ends now, and has two ends of a period or three.
    let (now, seconds) = (now.cast_signed(), 1_300);
    let change = now - seconds / 2;
    let ahead = (5 * 60 + 45) * 60;
    // In local time, which a rule of a time zone has; days are counted from 0.
    let day: u32 = date("UTC0", change + ahead, "+%j").parse().unwrap();
    let time = date("UTC0", change + ahead, "+%H:%M:%S");
    let zone = format!(
        "AAA-5:45BBB-6:45,{}/{time},{}/0",
        day - 1,
        (day + 180) % 365
    );
    let offsets = [change - 60, change + 60].map(|at| date(&zone, at, "+%z"));
    assert_eq!(offsets, ["+0545", "+0645"], "{zone}");

    let mut replay = recorder::program();
    replay.args([
        "replay",
        "--synthetic",
        "1",
        "--seconds",
        &seconds.to_string(),
        "-o",
    ]);
    let output = replay.arg(&root).env("TZ", &zone).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for table in [
        Table::OPERATION_LOG,
        Table::OPERATION_METRICS,
        Table::RECORDER_HEALTH,
    ] {
        let files = sealed(&root, table);
        let starts = files.iter().map(|file| file.name.start_ns / SECOND_NS);
        let starts: Vec<i64> = starts.collect();
        assert!((3..=4).contains(&starts.len()), "{table:?} {starts:?}");
        for start in &starts[1..] {
            // Rows that wait for their batch, or for the end of their interval, are of another file.
            let off = (start + PERIOD / 2).rem_euclid(PERIOD) - PERIOD / 2;
            assert!(off.abs() <= 15, "{table:?} {off} s: {starts:?}");
        }
        for (file, start) in files.iter().zip(&starts) {
            let day = file.path.parent().unwrap().file_name().unwrap();
            let expected = date("UTC0", *start, "+date=%F");
            assert_eq!(day.to_str(), Some(expected.as_str()));
        }
    }
}

#[test]
fn a_number_of_rows_or_a_time_out_of_bounds_is_refused() {
    for (flag, value) in [("--rotate-rows", "0"), ("--rotate-after", "0s")] {
        let line = recorder::refused(&["record", "-o", "x", flag, value]);
        assert!(line.contains(flag), "{line}");
    }
}
