//! Builds and runs the target programs of `tests/targets`, and reads the counts that they print.
//! Does not read recordings.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::toolchains;

/// The counts that a target prints; `target.h` defines the first five.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counts {
    pub(crate) begun: i64,
    pub(crate) finished: i64,
    pub(crate) failures: i64,
    pub(crate) abandoned: i64,
    pub(crate) unmatched: i64,
    /// All keys, including those of one target only.
    pub(crate) all: BTreeMap<String, i64>,
}

impl Counts {
    /// Reads the line that a target printed.
    pub(crate) fn read(line: &str) -> Self {
        let object: Value =
            serde_json::from_str(line.trim()).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let all: BTreeMap<String, i64> = object
            .as_object()
            .expect("an object")
            .iter()
            .map(|(key, value)| (key.clone(), value.as_i64().expect("an integer")))
            .collect();
        Self {
            begun: all["begun"],
            finished: all["finished"],
            failures: all["failures"],
            abandoned: all["abandoned"],
            unmatched: all["unmatched"],
            all,
        }
    }
}

/// Everything of a target that is visible from outside; it must be the same with and without a
/// recorder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Outcome {
    pub(crate) fn counts(&self) -> Counts {
        Counts::read(&self.stdout)
    }
}

/// A target that waits for [`Waiting::go`] before it does anything.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) child: Child,
}

impl Waiting {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it run to its end.
    pub(crate) fn go(mut self) -> Outcome {
        let mut stdin = self.child.stdin.take().expect("piped");
        stdin.write_all(b"go\n").expect("the target reads its line");
        drop(stdin);
        outcome(self.child)
    }
}

/// A target that runs until it is dropped, also where a test fails.
#[derive(Debug)]
pub(crate) struct Endless {
    child: Child,
}

impl Endless {
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = start(&mut command);
        Self { child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the target's state").is_none()
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compiles `tests/targets/<name>` (with its ending: `ops.c`, `exceptions.cpp`, `panics.rs`) by
/// gcc, g++ or rustc. `flags` come after the usual ones: `["-O0"]`, `["-C", "opt-level=0"]`; the
/// default is an optimised build without debug information. The result is kept until a source or a
/// flag changes.
pub(crate) fn build(name: &str, flags: &[&str]) -> PathBuf {
    let compiler = if name.ends_with(".cpp") { "g++" } else { "gcc" };
    build_by(compiler, name, flags)
}

/// The same with another compiler for C or C++.
pub(crate) fn build_by(compiler: &str, name: &str, flags: &[&str]) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let source = tests.join("targets").join(name);
    let include = tests.join("../../schemas/include");
    let (stem, ending) = name.rsplit_once('.').expect("a name with its ending");
    let mut command = match ending {
        "c" => c_compiler(compiler, "gnu11", &include),
        "cpp" => c_compiler(compiler, "gnu++17", &include),
        "rs" => rust_compiler(),
        _ => panic!("{name}: no compiler for it"),
    };
    command.args(flags).arg(&source);

    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("targets");
    fs::create_dir_all(&directory).expect("a directory for the targets");
    let name = variant(&[&[compiler], flags].concat());
    let program = directory.join(format!("{stem}-{name}"));
    let headers = [
        tests.join("targets/target.h"),
        tests.join("targets/target.rs"),
        tests.join("targets/modes.h"),
        include.join("soakbox.h"),
        include.join("../src/marker.rs"),
        tests.join("suite/support/targets.rs"),
    ];
    let sources = headers.iter().chain([&source]);
    if is_newer(&program, sources) {
        return program;
    }
    // Several tests may build the same target at once: each makes its own file and renames it into
    // place.
    static BUILDS: AtomicU32 = AtomicU32::new(0);
    let unique = BUILDS.fetch_add(1, Ordering::Relaxed);
    let building = directory.join(format!("{stem}-{}-{unique}.new", std::process::id()));
    run_compiler(command.arg("-o").arg(&building));
    fs::rename(&building, &program).expect("the program in its place");
    program
}

/// Builds the Go program in `tests/targets/<name>` with `go build` and `flags`; `version` is that
/// of another toolchain than the installed one, such as `go1.21.13`. Go caches its builds itself.
pub(crate) fn build_go(name: &str, flags: &[&str], version: Option<&str>) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/targets")
        .join(name);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("targets");
    fs::create_dir_all(&directory).expect("a directory for the targets");
    static BUILDS: AtomicU32 = AtomicU32::new(0);
    let unique = BUILDS.fetch_add(1, Ordering::Relaxed);
    let program = directory.join(format!("{name}-{}-{unique}", std::process::id()));
    let mut command = toolchains::go(version);
    command
        .args(["build", "-o"])
        .arg(&program)
        .args(flags)
        .arg(".");
    run_compiler(command.current_dir(&source));
    program
}

fn run_compiler(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A name for the flags that no other flags have.
pub(crate) fn variant(flags: &[&str]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    // FNV-1a; the end of a flag is a byte that no flag has.
    for flag in flags {
        for byte in flag.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let words: String = flags.concat();
    let words = words.chars().filter(char::is_ascii_alphanumeric);
    let readable: String = words.take(40).collect();
    format!("{readable}-{hash:016x}")
}

/// A copy of a program in `directory`: a probe is on a file, so each test observes a file of its
/// own.
pub(crate) fn own_copy(program: &Path, directory: &Path) -> PathBuf {
    let copy = directory.join(program.file_name().expect("a file name"));
    // By another process: a child that another test forks meanwhile would inherit the copy open for
    // writing ("text file busy").
    let copied = Command::new("cp").arg(program).arg(&copy).status();
    assert!(
        copied.is_ok_and(|status| status.success()),
        "cannot copy {} to {}",
        program.display(),
        copy.display()
    );
    copy
}

/// Runs a target from start to end.
pub(crate) fn run<S: AsRef<OsStr>>(program: &Path, arguments: &[S]) -> Outcome {
    outcome(spawn(Command::new(program).args(arguments)))
}

/// Starts a target that waits until [`Waiting::go`], so that a test can attach before.
pub(crate) fn start_waiting<S: AsRef<OsStr>>(program: &Path, arguments: &[S]) -> Waiting {
    let child = spawn(Command::new(program).arg("--wait").args(arguments));
    Waiting { child }
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    start(command)
}

/// A test that has just written the program closed it, but a child that another test forked meanwhile
/// may have it open until it executes its own ("text file busy").
fn start(command: &mut Command) -> Child {
    let started = Instant::now();
    loop {
        match command.spawn() {
            Ok(child) => return child,
            Err(error)
                if error.kind() == ErrorKind::ExecutableFileBusy
                    && started.elapsed() < Duration::from_secs(20) =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("cannot run {command:?}: {error}"),
        }
    }
}

fn outcome(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("the target's output");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Outcome {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        status: output.status,
    }
}

fn c_compiler(compiler: &str, standard: &str, include: &Path) -> Command {
    let mut command = Command::new(compiler);
    command
        .arg(format!("-std={standard}"))
        .args([
            "-Wall", "-Wextra", "-Werror", "-O2", "-g0", "-pthread", "-I",
        ])
        .arg(include);
    command
}

fn rust_compiler() -> Command {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    // Only the last of several levels counts, so that a caller's flags may name another one.
    command.args(["--edition", "2024", "-C", "opt-level=2"]);
    command
}

fn is_newer<'a>(program: &Path, mut sources: impl Iterator<Item = &'a PathBuf>) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    let Ok(built) = modified(program) else {
        return false;
    };
    sources.all(|source| {
        modified(source).unwrap_or_else(|error| panic!("{}: {error}", source.display())) < built
    })
}
