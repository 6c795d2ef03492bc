//! Programs whose system calls fail: by a library that is preloaded (`preload.c`), below the program,
//! so that nothing in the program knows of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What happens to calls on the files below a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// An error number, `late` and an error number, `short`, or `none`; see `preload.c`.
    pub(crate) what: &'static str,
    /// The first call, counted from 1.
    pub(crate) from: usize,
    pub(crate) times: usize,
}

impl Fault {
    /// Lets calls of `program` on files below `root` fail, and has each of them listed in `log`.
    pub(crate) fn inject(&self, program: &mut Command, root: &Path, log: &Path) {
        program
            .env("LD_PRELOAD", library())
            .env("SOAKBOX_FAULT_ROOT", root)
            .env("SOAKBOX_FAULT", self.what)
            .env("SOAKBOX_FAULT_FROM", self.from.to_string())
            .env("SOAKBOX_FAULT_TIMES", self.times.to_string())
            .env("SOAKBOX_FAULT_LOG", log);
    }
}

/// The library, built once.
fn library() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = BUILT.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let library = place.path().join("preload.so");
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/segments");
        let built = Command::new("gcc")
            .args([
                "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
            ])
            .args([library.clone(), tests.join("segment_support/preload.c")])
            .status();
        assert!(built.unwrap().success());
        (place, library)
    });
    library
}
