//! A directory for one test, with a copy of a target: a probe is on a file, so that each test needs
//! one of its own.

use std::path::PathBuf;

use super::recorder::Recorder;
use super::targets;

pub(crate) struct Place {
    directory: tempfile::TempDir,
    pub(crate) program: PathBuf,
}

impl Place {
    /// With a copy of `ops.c`.
    pub(crate) fn new() -> Self {
        Self::of("ops.c")
    }

    /// With a copy of this target.
    pub(crate) fn of(source: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = targets::own_copy(&targets::build(source, &[]), directory.path());
        Self { directory, program }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Directory of the recording, where a test makes one only.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("recording")
    }

    pub(crate) fn probe(&self) -> String {
        format!("op=uprobe:{}:op", self.program.display())
    }

    /// Records into the directory of this name.
    pub(crate) fn record(&self, name: &str) -> Recorder {
        Recorder::start(&self.path(name), &["--op", &self.probe()])
    }

    /// Lets the target make this number of calls.
    pub(crate) fn calls(&self, number: &str) {
        let calls = targets::run(&self.program, &["calls", number, "1", "0"]);
        assert!(calls.status.success());
    }
}
