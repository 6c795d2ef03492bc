//! A recording that cannot start leaves nothing, whichever step of its start fails: no probe, no
//! file, no command, no process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{host, targets};

/// System calls that a start needs, and how each can fail.
const STEPS: [(&str, &str); 11] = [
    ("signalfd4", "EMFILE"),
    ("eventfd2", "EMFILE"),
    ("clone3", "EAGAIN"),
    ("clone", "EAGAIN"),
    ("pipe2", "EMFILE"),
    ("mkdir", "EACCES"),
    ("flock", "ENOLCK"),
    ("socketpair", "EMFILE"),
    ("sendmsg", "EPIPE"),
    ("recvmsg", "EIO"),
    ("bpf", "EPERM"),
];
/// The last call that is made to fail. A start makes fewer of each of these calls, except of `bpf`.
const MOST: usize = 400;

struct Attempt {
    code: Option<i32>,
    stderr: String,
    /// The command ran.
    ran: bool,
}

/// Records a command by a recorder whose `call` fails the `count`-th time.
fn attempt(directory: &Path, program: &Path, call: &str, error: &str, count: usize) -> Attempt {
    let ran = directory.join("ran");
    let _ = fs::remove_file(&ran);
    let output = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={call}"),
        ])
        .args(["-e", &format!("inject={call}:error={error}:when={count}")])
        .args([env!("CARGO_BIN_EXE_soakbox-recorder"), "record", "-o"])
        .arg(directory.join("recording"))
        .args(["--op", &format!("op=uprobe:{}:op", program.display())])
        .args(["--", "touch"])
        .arg(&ran)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Attempt {
        code: output.status.code(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        ran: ran.exists(),
    }
}

/// Fails `call` at each step up to the first that is not reached; returns how many starts failed.
fn fail_each(program: &Path, call: &str, error: &str) -> usize {
    let mut failed = 0;
    let mut count = 1;
    while count < MOST {
        let directory = tempfile::tempdir().unwrap();
        let recording: PathBuf = directory.path().join("recording");
        let context = format!("{call} {error} {count}");
        let Attempt { code, stderr, ran } = attempt(directory.path(), program, call, error, count);
        if ran {
            // It had started. Later failures belong to other tests.
            if code == Some(0) && failed > 0 {
                break;
            }
        } else {
            failed += 1;
            assert_eq!(code, Some(2), "{context}: {stderr}");
            let errors = stderr.lines().filter(|line| line.contains("error: "));
            assert_eq!(errors.count(), 1, "{context}: {stderr}");
            assert!(!stderr.contains("panicked"), "{context}: {stderr}");
            assert!(!recording.exists(), "{context}: {stderr}");
        }
        // Each of the first calls, then fewer and fewer of them: many calls ask the kernel for the
        // same thing.
        count += 1 + count / 12;
    }
    failed
}

/// However far a start comes with few open files.
#[test]
fn where_open_files_run_out_the_hint_names_their_limit() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("plain.c", &[]), directory.path());
    let mut named = 0;
    for limit in (6..400).step_by(2) {
        let output = Command::new("sh")
            .args(["-c", "ulimit -n \"$0\"; exec \"$@\"", &limit.to_string()])
            .args([env!("CARGO_BIN_EXE_soakbox-recorder"), "record", "-o"])
            .arg(directory.path().join("recording"))
            .args(["--op", &format!("op=uprobe:{}:op", program.display())])
            .args(["--for", "1ms"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if output.status.success() {
            break;
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let error = stderr.lines().find(|line| line.contains("error: "));
        let error = error.unwrap_or_else(|| panic!("{limit}: {stderr}"));
        // Of the kernel side's programs, maps and probes.
        if error.contains("BPF") || error.contains("cannot attach") {
            assert!(error.contains("ulimit -n"), "{limit}: {error}");
            named += 1;
        }
    }
    eprintln!("{named} starts came to the kernel side");
    assert!(named > 3, "{named}");
}

#[test]
fn whichever_step_fails_nothing_is_left() {
    if !host::allows_bpf() || !host::has_tool("strace") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("plain.c", &[]), directory.path());
    for (call, error) in STEPS {
        let failed = fail_each(&program, call, error);
        eprintln!("{call}: {failed} starts failed");
        assert!(failed > 0, "{call} was not aimed at");
    }
}
