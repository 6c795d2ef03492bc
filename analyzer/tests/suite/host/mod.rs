//! Tests that the machine does not allow. A skip is reported on stderr past libtest's capture
//! (`.ci/run` lists skips), and it is a failure if `SOAKBOX_REQUIRE_…=1` forbids it. All test files
//! of this package use this file to skip tests.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Reports that the running test is skipped because `what` is missing. The test fails if `variable`
/// is 1.
pub(crate) fn skip(variable: &str, what: &str) {
    let required = std::env::var_os(variable).is_some_and(|value| value == "1");
    assert!(!required, "{variable}=1, but no {what}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    // Not eprintln: libtest captures it and discards it, since the test passes.
    let line = format!("skipped: {test} needs {what}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A program of the workspace that succeeds with the arguments `probe`. `None`, with a reported
/// skip, if it was not built or is not allowed to observe.
pub(crate) fn workspace_program(name: &str, probe: &[&str]) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_soakbox-analyzer")).with_file_name(name);
    let works = Command::new(&path)
        .args(probe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if works.is_ok_and(|status| status.success()) {
        return Some(path);
    }
    let what = format!("{} {probe:?} (built, with BPF rights)", path.display());
    skip("SOAKBOX_REQUIRE_KERNEL", &what);
    None
}

/// A process that this test started. It is killed when this value is dropped.
pub(crate) struct Own(pub(crate) Child);

impl Own {
    /// Starts the process with all standard streams at /dev/null.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().expect("the program starts"))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
