//! Bad input gets one clear line and exit status 2, and what was recorded stays readable.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::host;
use support::recorder::{self, Recorder};
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
    let unknown = record(&format!("op=uprobe:{program}:mian"));
    assert!(
        unknown.contains("has no function 'mian' (did you mean 'main'?)"),
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

/// Root in name only: no capability is left to any program that it starts.
const WITHOUT_CAPABILITIES: &[&str] = &["--bounding-set=-all", "--inh-caps=-all"];
/// Another user. Not to be had where / itself is closed to others, as in a chroot below a private directory.
const ANOTHER_USER: &[&str] = &["--reuid=65534", "--regid=65534", "--clear-groups"];

#[test]
fn without_rights_the_reason_is_said() {
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

/// `setpriv` takes the rights away.
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
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(
            said.lines().count() == 1 && said.contains("root") && said.contains("hint: "),
            "{said}"
        );
        String::from_utf8(ended.stdout).unwrap()
    };
    refused(&["record", "-o", &output, "--op", &probe]);
    assert!(!Path::new(&output).exists(), "nothing is left behind");
    // What is there stays as it is.
    fs::create_dir(&output).unwrap();
    fs::set_permissions(&output, fs::Permissions::from_mode(0o777)).unwrap();
    refused(&["record", "-o", &output, "--op", &probe]);
    assert_eq!(fs::read_dir(&output).unwrap().count(), 0);
    // `check` still says what it knows.
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

#[test]
fn a_mistyped_command_line_is_refused_in_one_line() {
    assert!(refused(&["record", "--queue-batche", "4"]).contains("'--queue-batches'"));
    assert!(refused(&["recrod"]).contains("'record'"));
    assert!(refused(&["replay"]).contains("--synthetic <SEED> --output <DIR>"));
    assert!(refused(&["record", "--pid", "0"]).contains("record --help"));
    assert!(refused(&[]).contains("soakbox-recorder --help"));
    for asked in ["--help", "--version"] {
        let (status, stdout, stderr) = recorder::run(&[asked]);
        assert!(status.success() && stderr.is_empty(), "{stderr}");
        assert!(stdout.contains("soakbox-recorder"), "{stdout}");
    }
}

#[test]
fn what_is_out_of_bounds_is_refused_by_its_flag() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:op", targets::build("ops.c", &[]).display());
    for (flag, value) in [
        ("--queue-batches", "99999999999"),
        ("--queue-batches", "0"),
        ("--in-flight", "1048577"),
        ("--in-flight", "0"),
        ("--journal-bytes", "0"),
        ("--flush-interval", "1ms"),
        ("--ring-bytes", "0"),
    ] {
        let line = refused(&["record", "-o", &output, "--op", &probe, flag, value]);
        assert!(line.contains(flag), "{line}");
    }
    let config = directory.path().join("soak.toml");
    let path = config.display().to_string();
    let configured = ["record", "-o", &output, "--op", &probe, "--config", &path];
    fs::write(&config, "[limits]\njournal_bytes = 0\n").unwrap();
    assert!(refused(&configured).contains("journal-bytes"));
    fs::write(&config, "pid = 0\n").unwrap();
    assert!(refused(&configured).contains("pid is 0"));
    assert!(!Path::new(&output).exists());
}

#[test]
fn a_place_that_takes_no_recording_is_refused() {
    let program = targets::build("ops.c", &[]);
    let probe = format!("op=uprobe:{}:op", program.display());
    let file = program.display().to_string();
    assert!(refused(&["record", "-o", &file, "--op", &probe]).contains("is not a directory"));
    assert!(refused(&["replay", "--synthetic", "1", "-o", &file]).contains("is not a directory"));
    let recovering = refused(&["recover", &file]);
    assert!(!recovering.contains("-o"), "{recovering}");
    if !host::allows_bpf() {
        return;
    }
    // mkdir says ENOENT there, although the directory above exists.
    let line = refused(&["record", "-o", "/proc/x", "--op", &probe]);
    assert!(line.contains("/proc/x"), "{line}");
}

#[test]
fn a_command_that_cannot_start_leaves_no_recording() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:op", targets::build("ops.c", &[]).display());
    let text = directory.path().join("text");
    fs::write(&text, "no program").unwrap();
    for command in ["./nonexist", "no-such-program", &text.display().to_string()] {
        let line = refused(&["record", "-o", &output, "--op", &probe, "--", command]);
        assert!(line.contains(command), "{line}");
    }
    assert!(!Path::new(&output).exists());
}

#[test]
fn check_refuses_what_record_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let link = directory.path().join("link");
    fs::hard_link(&program, &link).unwrap();
    let (program, link) = (program.display(), link.display());
    let a = format!("a=uprobe:{program}:op");
    for b in [
        format!("b=uprobe:{program}:op"),
        format!("b=uprobe:{link}:op"),
    ] {
        assert!(refused(&["check", "--op", &a, "--op", &b]).contains("same code"));
    }
    let config = directory.path().join("soak.toml");
    let path = config.display().to_string();
    fs::write(&config, "pid = 4194304\n").unwrap();
    assert!(refused(&["check", "--config", &path, "--op", &a]).contains("4194304"));
}

#[test]
fn check_attaches_nothing() {
    if !host::allows_bpf() || !host::has_tool("strace") {
        return;
    }
    let probe = format!("op=uprobe:{}:op", targets::build("ops.c", &[]).display());
    let traced = Command::new("strace")
        .args(["-f", "-e", "trace=bpf,perf_event_open"])
        .arg(env!("CARGO_BIN_EXE_soakbox-recorder"))
        .args(["check", "--op", &probe])
        .output()
        .unwrap();
    let calls = String::from_utf8_lossy(&traced.stderr);
    assert!(traced.status.success(), "{calls}");
    assert!(calls.contains("BPF_PROG_LOAD"), "{calls}");
    // aya asks whether links are known, with a descriptor that is none.
    let attached = calls.lines().find(|line| {
        [
            "BPF_RAW_TRACEPOINT_OPEN",
            "BPF_LINK_CREATE",
            "perf_event_open",
        ]
        .iter()
        .any(|call| line.contains(call) && !line.contains("= -1 "))
    });
    assert_eq!(attached, None);
}

#[test]
fn probes_lists_what_a_file_offers() {
    let program = targets::build("ops_marker.c", &[]).display().to_string();
    let (status, table, said) = recorder::run(&["probes", &program]);
    assert!(status.success(), "{said}");
    assert!(table.contains("marker    op\n"), "{table}");
    let (_, json, _) = recorder::run(&["probes", &program, "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["schema"], "soakbox.probes/1");
    let functions = answer["functions"].as_array().unwrap();
    let main = functions.iter().find(|function| function["name"] == "main");
    assert!(main.unwrap()["size"].as_u64().unwrap() > 0, "{json}");
    assert!(refused(&["probes", "/etc/passwd"]).contains("ELF"));
    assert!(refused(&["probes", "/does/not/exist"]).contains("cannot read"));
}

/// A recorder that is recording, its directory, and what it said so far.
fn recording(directory: &Path) -> Recorder {
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory);
    let probe = format!("op=uprobe:{}:op", program.display());
    Recorder::start(&directory.join("recording"), &["--op", &probe])
}

#[test]
fn a_hangup_ends_a_recording_properly() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let recorder = recording(directory.path());
    recorder.signal(libc::SIGHUP);
    // A terminal that goes can send it twice.
    recorder.signal(libc::SIGHUP);
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
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut next = || said.next().map(Result::unwrap);
    while !next().expect("it records").contains("recording ") {}
    let started = Instant::now();
    // SAFETY: our own child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGHUP) }, 0);
    while next().is_some() {}
    assert!(child.wait().unwrap().success());
    assert!(
        started.elapsed() > Duration::from_millis(1500),
        "the duration ends it, not the signal"
    );
}

#[test]
fn what_cannot_be_recovered_does_not_stop_a_new_recording() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // A place that cannot be taken, by root neither: a directory has the lock's name.
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
        .filter(|line| line.contains("warning: what an earlier recorder left"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", ended.stderr);
    assert!(journal.exists());
}
