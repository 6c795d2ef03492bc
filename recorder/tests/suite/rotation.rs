//! Files are sealed when a signal asks for it, at the same moments of UTC in all tables, and after a
//! number of rows; and nothing is lost between two files.

use std::path::Path;
use std::time::{Duration, Instant};

use soakbox_schemas::recording::{Contents, SegmentFile};
use soakbox_schemas::tables::Table;

use crate::segment_support::footer_of;
use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
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
        // The rows are written within a flush interval.
        std::thread::sleep(Duration::from_millis(1_200));
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
    // A batch may pass the number, which is checked before the next one.
    assert!(files.iter().all(|file| rows(file) < 40 + 30), "{files:?}");
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

#[test]
fn a_number_of_rows_or_a_time_out_of_bounds_is_refused() {
    for (flag, value) in [("--rotate-rows", "0"), ("--rotate-after", "0s")] {
        let line = recorder::refused(&["record", "-o", "x", flag, value]);
        assert!(line.contains(flag), "{line}");
    }
}
