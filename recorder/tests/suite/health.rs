//! `recorder_health` counts every event and every byte, however short the recording is.

use crate::support::recording::Recording;
use crate::support::{host, recorder, targets};

/// Records a command; the recording must be without loss.
fn recorded(arguments: &[&str]) -> (tempfile::TempDir, Recording) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let (output, probe, program) = (
        root.display().to_string(),
        format!("op=uprobe:{}:op", program.display()),
        program.display().to_string(),
    );
    let mut words = vec!["record", "-o", &output, "--op", &probe, "--", &program];
    words.extend(arguments);
    let (status, _, stderr) = recorder::run(&words);
    assert!(status.success(), "{stderr}");
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("op").lost, 0, "{stderr}");
    (directory, recording)
}

fn received(recording: &Recording) -> Vec<i64> {
    let counts = recording.integers("recorder_health", "events_received");
    counts.into_iter().map(Option::unwrap).collect()
}

#[test]
fn the_shortest_recording_has_a_row_that_counts_every_event() {
    if !host::allows_bpf() {
        return;
    }
    let (_directory, recording) = recorded(&["calls", "500", "2", "0"]);
    let received = received(&recording);
    assert!(!received.is_empty());
    assert_eq!(received.iter().sum::<i64>(), 500, "{received:?}");
    assert_eq!(recording.rows("operation_log"), 500);
    let written = recording.integers("recorder_health", "written_bytes");
    assert!(written.iter().flatten().sum::<i64>() > 0, "{written:?}");
}

#[test]
fn the_rows_of_a_longer_recording_add_up_to_its_events() {
    if !host::allows_bpf() {
        return;
    }
    let (_directory, recording) = recorded(&["rate", "3000", "1000"]);
    let received = received(&recording);
    assert!(received.len() >= 3, "{received:?}");
    assert_eq!(received.iter().sum::<i64>(), 3000, "{received:?}");
    assert_eq!(recording.rows("operation_log"), 3000);
    let at = recording.times("recorder_health", "at");
    assert!(at.is_sorted_by(|earlier, later| earlier < later), "{at:?}");
}
