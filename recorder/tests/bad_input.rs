//! Bad input gets one clear line and exit status 2, and what was recorded stays readable.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::host;
use support::recorder;
use support::recording::Recording;
use support::targets;

/// Runs the recorder, which must refuse; its one line.
fn refused(arguments: &[&str]) -> String {
    let (status, stdout, stderr) = recorder::run(arguments);
    assert_eq!(status.code(), Some(2), "{arguments:?}: {stdout}{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 1, "one line: {stderr}");
    assert!(
        lines[0].starts_with("soakbox-recorder: error: ") && lines[0].contains("hint: "),
        "{stderr}"
    );
    lines[0].to_owned()
}

#[test]
fn what_is_not_there_is_named_with_what_is_like_it() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let program = targets::build("ops.c", &[]).display().to_string();
    let record = |probe: &str| refused(&["record", "-o", &output, "--op", probe]);
    assert!(record("op=uprobe:/does/not/exist:op").contains("/does/not/exist"));
    let unknown = record(&format!("op=uprobe:{program}:op_bdoy"));
    assert!(
        unknown.contains("op_bdoy") && unknown.contains("op"),
        "{unknown}"
    );
    assert!(record(&format!("op=marker:{program}:op")).contains("marker"));
    assert!(record("op").contains("uprobe:FILE:FUNCTION"));
    assert!(record(&format!("op=uprobe:{program}:op,colour=red")).contains("colour"));
    let twice = format!("op=uprobe:{program}:op");
    let same = refused(&[
        "record",
        "-o",
        &output,
        "--op",
        &twice,
        "--op",
        &format!("b=uprobe:{program}:op"),
    ]);
    assert!(same.contains("same code"), "{same}");
    assert!(
        refused(&["record", "-o", &output, "--op", &twice, "--op", &twice])
            .contains("two operations")
    );
    assert!(refused(&["record", "-o", &output]).contains("--op"));
    assert!(
        refused(&["record", "-o", &output, "--op", &twice, "--pid", "4194304"]).contains("4194304")
    );
    assert!(
        refused(&[
            "record",
            "-o",
            &output,
            "--op",
            &twice,
            "--ring-bytes",
            "5000"
        ])
        .contains("power of two")
    );
    assert!(
        refused(&[
            "record",
            "-o",
            &output,
            "--op",
            &twice,
            "--duration",
            "soon"
        ])
        .contains("soon")
    );
    assert!(refused(&["recover", "/does/not/exist"]).contains("/does/not/exist"));
    assert!(
        !Path::new(&output).exists(),
        "a refused recording leaves nothing behind"
    );
}

#[test]
fn a_configuration_with_unknown_keys_is_refused_by_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("soak.toml");
    fs::write(&config, "output = 'x'\n[limits]\nring_byts = 4096\n").unwrap();
    let path = config.display().to_string();
    let line = refused(&["record", "--config", &path]);
    assert!(
        line.contains("soak.toml:3") && line.contains("ring_byts"),
        "{line}"
    );
    fs::write(&config, "output = \n").unwrap();
    assert!(refused(&["record", "--config", &path]).contains("soak.toml:1"));
    assert!(refused(&["record", "--config", "/does/not/exist.toml"]).contains("exist.toml"));
}

#[test]
fn a_configuration_does_what_the_flags_do() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let (root, config) = (
        directory.path().join("recording"),
        directory.path().join("soak.toml"),
    );
    let text = format!(
        "output = '{}'\nop = ['op=uprobe:{}:op']\nduration = '1500ms'\n[limits]\nring_bytes = 65536\n",
        root.display(),
        program.display()
    );
    fs::write(&config, text).unwrap();
    let recorder = std::thread::spawn(move || {
        recorder::run(&["record", "--config", &config.display().to_string()])
    });
    std::thread::sleep(std::time::Duration::from_millis(900));
    assert!(
        targets::run(&program, &["calls", "100", "1", "0"])
            .status
            .success()
    );
    let (status, _, said) = recorder.join().unwrap();
    assert!(status.success(), "{said}");
    assert_eq!(Recording::open(&root).checked("op").finished, 100, "{said}");
}

#[test]
fn without_rights_the_reason_is_said() {
    if !host::allows_bpf() || !host::has_tool("setpriv") {
        return;
    }
    let directory = tempfile::Builder::new()
        .prefix("rights")
        .tempdir_in("/tmp")
        .unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let recorder = targets::own_copy(
        Path::new(env!("CARGO_BIN_EXE_soakbox-recorder")),
        directory.path(),
    );
    let output = directory.path().join("recording");
    Command::new("chmod")
        .arg("777")
        .arg(directory.path())
        .status()
        .unwrap();
    let ended = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(&recorder)
        .args(["record", "-o"])
        .arg(&output)
        .arg("--op")
        .arg(format!("op=uprobe:{}:op", program.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(
        said.lines().count() == 1 && said.contains("root") && said.contains("hint: "),
        "{said}"
    );
}

/// A small file system of its own, unmounted also where the test fails.
struct Mount(tempfile::TempDir);

impl Mount {
    fn tmpfs(options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(directory.path())
            .status()
            .unwrap();
        assert!(status.success(), "mount needs root");
        Self(directory)
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount")
            .args(["-o", &options])
            .arg(self.0.path())
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_read_only_directory_is_refused_at_once() {
    if !host::allows_bpf() {
        return;
    }
    let mount = Mount::tmpfs("ro,size=1m");
    let program = targets::build("ops.c", &[]);
    let output = mount.0.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:op", program.display());
    let line = refused(&["record", "-o", &output, "--op", &probe]);
    assert!(line.contains("ead-only"), "{line}");
}

#[test]
fn a_full_disk_ends_the_recording_and_what_is_there_stays_readable() {
    if !host::allows_bpf() {
        return;
    }
    let mount = Mount::tmpfs("size=1m");
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops_marker.c", &[]), directory.path());
    let root = mount.0.path().join("recording");
    let probe = format!("op=marker:{}:op", program.display());
    let output = root.display().to_string();
    let (status, _, said) = recorder::run(&[
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
    assert_eq!(status.code(), Some(2), "{said}");
    let errors: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].contains("No space left"), "{said}");
    // With room again, recovery seals what was written until then.
    mount.remount("size=64m");
    let (status, stdout, stderr) = recorder::run(&["recover", &output, "--format", "json"]);
    assert!(status.success(), "{stderr}");
    let rows = Recording::open(&root).rows("operation_log");
    assert!(rows > 1_000, "{rows} rows, {stdout}");
}
