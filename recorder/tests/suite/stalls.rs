//! A recorder that is stopped for a while, as by a debugger or a host without a free CPU: the kernel
//! side goes on counting, what was sealed does not change, and each operation has a row or is
//! counted as lost.

use std::fs;
use std::time::Duration;

use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets;

const PER_SECOND: u64 = 2_000;

#[test]
fn a_stop_of_seconds_costs_nothing_where_the_ring_holds_them() {
    stopped(4, &[], |recording, finished| {
        let totals = recording.checked("op");
        assert_eq!((totals.finished, totals.lost), (finished, 0));
    });
}

/// Intervals that are read once more lie so far back then that their slots are in use again.
#[test]
fn a_stop_of_more_than_half_of_the_slots_changes_no_count_of_an_interval() {
    let ring = ["--ring-bytes", "33554432"];
    stopped(11, &ring, |recording, finished| {
        let totals = recording.checked("op");
        assert_eq!((totals.finished, totals.lost), (finished, 0));
    });
}

#[test]
fn what_a_ring_cannot_hold_during_a_stop_is_counted_as_lost() {
    stopped(4, &["--ring-bytes", "65536"], |recording, finished| {
        let totals = recording.checked("op");
        assert_eq!(totals.finished, finished);
        assert!(totals.lost > 0, "{totals:?}");
        assert_eq!(totals.lost, totals.lost_ring_full, "{totals:?}");
    });
}

#[test]
fn a_stop_of_a_minute_costs_what_the_ring_cannot_hold() {
    stopped(60, &["--ring-bytes", "1048576"], |recording, finished| {
        // More intervals than the kernel side keeps apart: only their sums are exact.
        let totals = recording.totals("op");
        assert_eq!(totals.finished, finished);
        assert_eq!(totals.finished, totals.recorded + totals.lost, "{totals:?}");
        assert_eq!(totals.recorded, recording.rows("operation_log") as i64);
        assert!(totals.lost > 0, "{totals:?}");
        assert_eq!(totals.lost, totals.lost_ring_full, "{totals:?}");
    });
}

/// Records a steady load and stops the recorder for some `seconds` of it; `check` gets the recording,
/// and how many operations finished.
fn stopped(seconds: u64, flags: &[&str], check: impl FnOnce(&Recording, i64)) {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let (root, probe) = (place.root(), place.probe());
    let flags = [&["--op", &probe, "--rotate-after", "1s"], flags].concat();
    let recorder = Recorder::start(&root, &flags);
    let calls = ((seconds + 5) * PER_SECOND).to_string();
    let program = place.program.clone();
    let running = std::thread::spawn(move || {
        targets::run(&program, &["rate", &calls, &PER_SECOND.to_string()])
    });
    std::thread::sleep(Duration::from_millis(1_500));
    let files = loop {
        let files = Recording::open(&root).files("operation_log");
        if !files.is_empty() {
            break files;
        }
        assert!(!running.is_finished(), "nothing is sealed");
        std::thread::sleep(Duration::from_millis(20));
    };
    let sealed: Vec<_> = files
        .iter()
        .map(|path| (path, fs::read(path).unwrap()))
        .collect();
    recorder.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(seconds));
    recorder.signal(libc::SIGCONT);
    let outcome = running.join().unwrap();
    assert!(outcome.status.success(), "{outcome:?}");
    recorder.stop().check();
    for (path, bytes) in sealed {
        assert!(fs::read(path).unwrap() == bytes, "{}", path.display());
    }
    check(&Recording::open(&root), outcome.counts().finished);
}
