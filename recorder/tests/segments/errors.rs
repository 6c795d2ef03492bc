//! System calls that fail in the middle of a recording (strace injects the errors): the recorder
//! goes on, every append that succeeded is in the recording once, and every one that failed is not.

use std::process::{Command, Stdio};

use crate::has_strace;
use crate::segment_support::role::{Test, in_role};
use crate::segment_support::*;
use soakbox_recorder::clock::SystemClock;
use soakbox_recorder::segment::recover;
use soakbox_schemas::recording::{Contents, JOURNAL_DIRECTORY};

pub(crate) const TESTS: &[Test] = &[(
    "errors::a_failed_call_costs_at_most_the_append_that_it_belongs_to",
    has_strace,
    a_failed_call_costs_at_most_the_append_that_it_belongs_to,
)];

/// Runs a recording whose `call` fails from the `from`-th time on, `times` times, and compares the
/// recovered rows with the appends that it printed as successful.
fn record_with(call: &str, error: &str, from: usize, times: usize) {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().join("recording");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    strace.args(["-e", &format!("trace={call}")]);
    let last = from + times - 1;
    let inject = format!("inject={call}:error={error}:when={from}..{last}");
    strace.args(["-e", &inject]);
    let output = in_role(strace, "record despite errors", &root, 0)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let context = format!("{call} {error} {from}..{last}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{context}: {stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut expected = Vec::new();
    for line in text.lines() {
        if let Some(end) = line.strip_prefix("appended ") {
            let end: i64 = end.parse().unwrap();
            expected.extend(end - 50..end);
        }
    }
    if root.join(JOURNAL_DIRECTORY).exists() {
        recover(&root, &SystemClock).unwrap();
        assert_eq!(counters(&root), expected, "{context}: {text}");
        let contents = Contents::list(&root).unwrap();
        assert!(contents.journals.is_empty() && contents.superseded.is_empty());
    }
    for line in text.lines().filter(|line| line.starts_with("complained")) {
        assert!(line.contains("cannot "), "{context}: {line}");
    }
}

fn a_failed_call_costs_at_most_the_append_that_it_belongs_to() {
    for (call, error) in [
        ("pwrite64", "ENOSPC"),
        ("fdatasync", "EIO"),
        ("fsync", "EIO"),
        ("renameat2", "EIO"),
        ("renameat2", "EINVAL"),
        ("unlink", "EIO"),
        ("mkdir", "ENOSPC"),
        ("ftruncate", "EIO"),
    ] {
        for from in [2, 3, 4, 5, 7, 9, 12, 17, 25, 40] {
            record_with(call, error, from, 1);
        }
        record_with(call, error, 3, 20);
    }
    // The first calls belong to the start of the program.
    for from in [20, 25, 30, 35] {
        record_with("openat", "EMFILE", from, 1);
    }
}
