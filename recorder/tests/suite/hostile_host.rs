//! A hostile host: no rights, no disk space, a hangup, an earlier recording that cannot be
//! recovered. Every row that was recorded stays readable.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::host;
use crate::support::recorder::{self, Recorder, refused};
use crate::support::recording::Recording;
use crate::support::session::Session;
use crate::support::targets;
use crate::support::tmpfs::Tmpfs;

/// Root by user id only: no program that it starts has any capability.
const WITHOUT_CAPABILITIES: &[&str] = &["--bounding-set=-all", "--inh-caps=-all"];
/// Another user. Not possible where / itself is closed to others, as in a chroot below a private
/// directory.
const ANOTHER_USER: &[&str] = &["--reuid=65534", "--regid=65534", "--clear-groups"];

#[test]
fn without_rights_the_reason_is_reported() {
    if !host::allows_bpf() || !host::has_tool("setpriv") {
        return;
    }
    refused_without_rights(WITHOUT_CAPABILITIES);
    let another = Command::new("setpriv")
        .args(ANOTHER_USER)
        .args(["--", "true"])
        .output();
    if another.is_ok_and(|output| output.status.success()) {
        refused_without_rights(ANOTHER_USER);
    }
}

/// Every command must be refused with the reason where `setpriv` has removed the rights.
fn refused_without_rights(setpriv: &[&str]) {
    let directory = tempfile::Builder::new()
        .prefix("rights")
        .tempdir_in("/tmp")
        .unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let recorder = targets::own_copy(
        Path::new(env!("CARGO_BIN_EXE_soakbox-recorder")),
        directory.path(),
    );
    let output = directory.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:op", program.display());
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = |arguments: &[&str]| {
        let ended = Command::new("setpriv")
            .args(setpriv)
            .arg("--")
            .arg(&recorder)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.lines().count() == 1 && stderr.contains("root") && stderr.contains("hint: "),
            "{stderr}"
        );
        String::from_utf8(ended.stdout).unwrap()
    };
    refused(&["record", "-o", &output, "--op", &probe]);
    assert!(!Path::new(&output).exists(), "nothing is left behind");
    // An existing directory stays as it is.
    fs::create_dir(&output).unwrap();
    fs::set_permissions(&output, fs::Permissions::from_mode(0o777)).unwrap();
    refused(&["record", "-o", &output, "--op", &probe]);
    assert_eq!(fs::read_dir(&output).unwrap().count(), 0);
    // `check` still prints everything that it knows.
    let table = refused(&["check", "--op", &probe]);
    assert!(
        table.contains("kernel ") && table.contains("not allowed") && table.contains("begin "),
        "{table}"
    );
    let json = refused(&["check", "--op", &probe, "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["allowed"], false, "{json}");
    assert!(answer["reason"].is_string(), "{json}");
    assert_eq!(answer["probes"][0]["operation"], "op", "{json}");
}

#[test]
fn a_read_only_directory_is_refused_at_once() {
    if !host::allows_bpf() {
        return;
    }
    let mount = Tmpfs::mount("ro,size=1m").expect("mount needs root");
    let program = targets::build("ops.c", &[]);
    let output = mount.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:op", program.display());
    let line = refused(&["record", "-o", &output, "--op", &probe]);
    assert!(line.contains("ead-only"), "{line}");
}

#[test]
fn a_full_disk_ends_the_recording_and_its_rows_stay_readable() {
    if !host::allows_bpf() {
        return;
    }
    let mount = Tmpfs::mount("size=1m").expect("mount needs root");
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops_marker.c", &[]), directory.path());
    let root = mount.path().join("recording");
    let probe = format!("op=marker:{}:op", program.display());
    let output = root.display().to_string();
    let (status, _, stderr) = recorder::run(&[
        "record",
        "-o",
        &output,
        "--op",
        &probe,
        "--",
        &program.display().to_string(),
        "calls",
        "600000",
        "2",
        "0",
    ]);
    assert_eq!(status.code(), Some(2), "{stderr}");
    let errors: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(errors[0].contains("No space left"), "{stderr}");
    // With room again, recovery seals the rows that were written until then.
    mount.remount("size=64m");
    let (status, stdout, stderr) = recorder::run(&["recover", &output, "--format", "json"]);
    assert!(status.success(), "{stderr}");
    let rows = Recording::open(&root).rows("operation_log");
    assert!(rows > 1_000, "{rows} rows, {stdout}");
}

/// Starts a recorder that records into `directory`.
fn recording(directory: &Path) -> Recorder {
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory);
    let probe = format!("op=uprobe:{}:op", program.display());
    Recorder::start(&directory.join("recording"), &["--op", &probe])
}

#[test]
fn a_terminal_that_is_closed_ends_a_recording_properly() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let probe = format!("op=uprobe:{}:op", program.display());
    let session = Session::on_a_terminal();
    let root = directory.path().join("recording");
    let recorder = Recorder::start_in(&session, &root, &["--op", &probe]);
    session.hang_up();
    // A shell sends it as well.
    recorder.signal_if_there(libc::SIGHUP);
    let ended = recorder.wait().check();
    assert!(ended.stderr.contains("sealed "), "{}", ended.stderr);
    let journals = fs::read_dir(directory.path().join("recording/journal")).unwrap();
    assert_eq!(journals.count(), 0, "{}", ended.stderr);
}

#[test]
fn a_hangup_that_was_ignored_from_the_start_stays_ignored() {
    if !host::allows_bpf() || !host::has_tool("nohup") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let mut child = Command::new("nohup")
        .arg(env!("CARGO_BIN_EXE_soakbox-recorder"))
        .args(["record", "--duration", "2s", "-o"])
        .arg(directory.path().join("recording"))
        .arg("--op")
        .arg(format!("op=uprobe:{}:op", program.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut next = || stderr.next().map(Result::unwrap);
    while !next().expect("it records").contains("recording ") {}
    // SAFETY: our own child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGHUP) }, 0);
    let rest: Vec<String> = std::iter::from_fn(next).collect();
    assert!(child.wait().unwrap().success());
    // A signal that seals or ends is named.
    assert!(!rest.iter().any(|line| line.contains("SIGHUP")), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("sealed ")), "{rest:?}");
}

#[test]
fn a_journal_that_cannot_be_recovered_does_not_stop_a_new_recording() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // A journal directory that not even root can lock: a directory has the name of its lock file.
    let left = directory
        .path()
        .join("recording/journal/0a6c1d1e-1111-4111-8111-111111111111");
    let journal = left.join("operation_log-000001.journal");
    fs::create_dir_all(left.join("lock")).unwrap();
    fs::write(&journal, "torn").unwrap();
    let ended = recording(directory.path()).stop().check();
    let warnings: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("warning: an earlier recorder left journals here"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", ended.stderr);
    assert!(journal.exists());
}
