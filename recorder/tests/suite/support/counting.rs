//! Records a target once and compares the counts of the recording with those of the target.

use std::path::Path;

use super::recorder::Recorder;
use super::recording::{Recording, Totals};
use super::targets::{self, Counts, Outcome};

/// A ring that holds 300,000 events, more than these tests make: none is lost, however long the recorder
/// waits for a CPU.
pub(crate) const LARGE_RING: &str = "--ring-bytes=33554432";

/// The value of `--op` for the operation `op` of `program`. Its success is decided by its return
/// value where `kind` is `uprobe`; a marker carries its own.
pub(crate) fn probe(kind: &str, program: &Path) -> String {
    format!("op={kind}:{}:op{}", program.display(), rule(kind))
}

fn rule(kind: &str) -> &'static str {
    if kind == "uprobe" {
        ",success=ret:i32>=0"
    } else {
        ""
    }
}

/// Records `arguments` of a copy of `program`, started after the attach and probed as `op` by
/// `kind`.
pub(crate) fn record(
    program: &Path,
    kind: &str,
    arguments: &[&str],
) -> (Counts, Recording, tempfile::TempDir) {
    record_with_rule(program, kind, rule(kind), arguments)
}

/// The same with other rules: `,success=…`.
pub(crate) fn record_with_rule(
    program: &Path,
    kind: &str,
    rule: &str,
    arguments: &[&str],
) -> (Counts, Recording, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(program, directory.path());
    let probe = format!("op={kind}:{}:op{rule}", program.display());
    let recorder = Recorder::start(&root, &["--op", &probe, LARGE_RING]);
    let outcome: Outcome = targets::run(&program, arguments);
    recorder.stop().check();
    assert!(outcome.status.success(), "{outcome:?}");
    (outcome.counts(), Recording::open(&root), directory)
}

pub(crate) fn assert_counts(counts: &Counts, totals: &Totals, recording: &Recording) {
    assert_eq!(totals.begun, counts.begun, "{totals:?}");
    assert_eq!(totals.finished, counts.finished, "{totals:?}");
    assert_eq!(totals.abandoned, counts.abandoned, "{totals:?}");
    assert_eq!(totals.unmatched, counts.unmatched, "{totals:?}");
    if totals.lost == 0 {
        assert_eq!(totals.failures, counts.failures, "{totals:?}");
        let (yes, no, unknown) = recording.successes();
        assert_eq!((no as i64, unknown), (counts.failures, 0));
        assert_eq!((yes + no) as i64, counts.finished);
    }
}
