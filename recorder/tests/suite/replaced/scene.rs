//! A program of several versions, in a directory of its own, and what a recording says of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets::{self, Outcome};

pub(super) const CALLS: &[&str] = &["1000"];

/// What the recorder tells when it observes a file that has taken the place of another one.
pub(super) const OBSERVED: &str = "the new file is observed";

/// A program in a directory of its own, and the version that will replace it.
pub(super) struct Scene {
    _directory: tempfile::TempDir,
    pub(super) root: PathBuf,
    pub(super) program: PathBuf,
    pub(super) next: PathBuf,
}

impl Scene {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [program, next] = ["-DVERSION=1", "-DVERSION=2"].map(|version| {
            let built = targets::build("replaced.c", &[version]);
            targets::own_copy(&built, directory.path())
        });
        Self {
            root: directory.path().join("recording"),
            _directory: directory,
            program,
            next,
        }
    }

    /// A further version, which is at no path that is observed.
    pub(super) fn version(&self, number: u32) -> PathBuf {
        let built = targets::build("replaced.c", &[&format!("-DVERSION={number}")]);
        let directory = self.root.with_file_name(format!("version {number}"));
        fs::create_dir(&directory).unwrap();
        targets::own_copy(&built, &directory)
    }

    /// Puts a copy of `next` in the program's place.
    pub(super) fn replace_by(&self, next: &Path) {
        replace(&self.program, next);
    }

    pub(super) fn record(&self, file: &Path, arguments: &[&str]) -> Recorder {
        let probe = format!("op=uprobe:{}:op", file.display());
        Recorder::start(&self.root, &[&["--op", &probe], arguments].concat())
    }

    /// Runs the file that is at the program's path now; it must be the next version, unharmed.
    pub(super) fn run_next(&self) {
        let alone = targets::run(&self.next, CALLS);
        assert!(alone.stdout.starts_with("version 2"), "{alone:?}");
        assert_eq!(targets::run(&self.program, CALLS), alone);
    }

    pub(super) fn recording(&self) -> Recording {
        Recording::open(&self.root)
    }

    /// Number of recorded operations, all of which must have finished.
    pub(super) fn finished(&self) -> i64 {
        let totals = self.recording().checked("op");
        assert_eq!(totals.begun, totals.finished, "{totals:?}");
        totals.finished
    }
}

pub(super) fn ran_first(outcome: &Outcome) {
    assert!(outcome.status.success(), "{outcome:?}");
    assert!(outcome.stdout.starts_with("version 1"), "{outcome:?}");
}

/// The gaps of a recording: cause, and length in s where it ended before the recording did.
pub(super) fn gaps(recording: &Recording) -> Vec<(String, Option<f64>)> {
    let mut gaps = Vec::new();
    let texts = recording.words("annotations", "text").into_iter();
    let kinds = recording.words("annotations", "kind").into_iter();
    let (from, until) = (
        recording.times("annotations", "at"),
        recording.some_times("annotations", "until"),
    );
    for ((kind, text), (from, until)) in kinds.zip(texts).zip(from.into_iter().zip(until)) {
        if kind == "gap" {
            gaps.push((text, until.map(|until| (until - from) as f64 / 1e9)));
        }
    }
    gaps
}

pub(super) fn assert_short(gaps: &[(String, Option<f64>)], causes: &[&str]) {
    let found: Vec<&str> = gaps.iter().map(|(cause, _)| cause.as_str()).collect();
    assert_eq!(found, causes, "{gaps:?}");
    // A second between two looks at the path, and the time to read the file on a busy machine.
    let is_short = |(_, length): &(String, Option<f64>)| {
        length.is_some_and(|length| (0.0..20.0).contains(&length))
    };
    assert!(gaps.iter().all(is_short), "{gaps:?}");
}

/// Puts `next` at `path` by a rename.
pub(super) fn replace(path: &Path, next: &Path) {
    let new = path.with_extension("new");
    fs::copy(next, &new).unwrap();
    fs::rename(&new, path).unwrap();
}

pub(super) fn probe(name: &str, file: &Path) -> String {
    format!("{name}=uprobe:{}:op", file.display())
}

/// The process that attaches, of a recorder.
pub(super) fn attaching(recorder: &Recorder) -> u32 {
    let pid = recorder.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
}
