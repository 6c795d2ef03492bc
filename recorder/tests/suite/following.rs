//! `--pid` follows one process, whichever process ids /proc shows, and ends when it ends.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::host;
use crate::support::recorder::{self, Recorder, refused};
use crate::support::recording::Recording;
use crate::support::targets;

/// A recorder that does not notice the end of its process ends after this long, without an
/// annotation of that end.
const TOO_LONG: &str = "20s";

fn sees_the_end(root: &Path) -> bool {
    let kinds = Recording::open(root).words("annotations", "kind");
    kinds.iter().any(|kind| kind == "target_exited")
}

/// Runs target and recorder together at `place`; the target starts its work once the recorder is
/// attached. Where `rooted`, the target runs in a chroot, and the probe's path is the one inside.
fn followed_in(place: &Place, rooted: bool) {
    let directory = tempfile::tempdir().unwrap();
    let (dir, root) = (directory.path(), directory.path().join("recording"));
    let inside = dir.join("inside");
    fs::create_dir(&inside).unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &["-static"]), &inside);
    let arguments = ["calls", "300", "2", "7"];
    let alone = targets::run(&program, &arguments);
    let (file, start) = if rooted {
        let file = format!("/{}", program.file_name().unwrap().display());
        assert!(!Path::new(&file).exists(), "it must not be found here");
        let start = format!("chroot {} {file}", inside.display());
        (file, start)
    } else {
        let file = program.display().to_string();
        (file.clone(), file)
    };
    let script = format!(
        "mkfifo {dir}/go; {start} --wait {arguments} <{dir}/go >{dir}/out & target=$!; exec 9>{dir}/go
         while ! readlink /proc/[0-9]*/exe | grep -qx {program}; do sleep 0.02; done
         {recorder} record -o {root} --op op=uprobe:{file}:op --duration {TOO_LONG} --pid $target 2>{dir}/stderr & recorder=$!
         while ! grep -qs 'recording ' {dir}/stderr; do kill -0 $recorder || exit 90; sleep 0.02; done
         echo go >&9; exec 9>&-; wait $target || exit 91; wait $recorder || exit 92",
        dir = dir.display(),
        arguments = arguments.join(" "),
        program = program.display(),
        recorder = env!("CARGO_BIN_EXE_soakbox-recorder"),
        root = root.display(),
    );
    let ended = (place.command)(&script)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let stderr = fs::read_to_string(dir.join("stderr")).unwrap_or_default();
    let name = place.name;
    assert_eq!(ended.code(), Some(0), "{name} {rooted}: {stderr}");
    assert_eq!(
        fs::read_to_string(dir.join("out")).unwrap(),
        alone.stdout,
        "{name} {rooted}"
    );
    assert!(sees_the_end(&root), "{name} {rooted}: {stderr}");
    let recording = Recording::open(&root);
    let totals = recording.checked("op");
    assert_eq!(totals.finished, 300, "{name} {rooted}: {stderr}");
    if place.is_namespace {
        let own = |pid: Option<i64>| pid.is_some_and(|pid| pid < 200);
        assert!(
            recording.of("op", "pid").into_iter().all(own),
            "as the namespace numbers them"
        );
    }
}

/// Where a script runs.
struct Place {
    name: &'static str,
    is_namespace: bool,
    command: fn(&str) -> Command,
}

const HERE: Place = Place {
    name: "here",
    is_namespace: false,
    command: |script| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    },
};
const BARE: Place = Place {
    name: "a namespace with another's /proc",
    is_namespace: true,
    command: |script| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "sh", "-c", script]);
        command
    },
};
const OWN_PROC: Place = Place {
    name: "a namespace with its own /proc",
    is_namespace: true,
    command: host::in_pid_namespace,
};

#[test]
fn inside_a_pid_namespace_with_the_proc_of_another() {
    if !host::allows_bpf() || !host::has_tool("unshare") {
        return;
    }
    followed_in(&BARE, false);
}

#[test]
fn inside_a_pid_namespace_with_its_own_proc() {
    if !host::allows_bpf() || !host::has_pid_namespaces() {
        return;
    }
    followed_in(&OWN_PROC, false);
}

#[test]
fn a_file_is_found_in_the_root_of_the_process_that_is_followed() {
    if !host::allows_bpf() || !host::has_tool("unshare") {
        return;
    }
    followed_in(&HERE, true);
    followed_in(&BARE, true);
}

#[test]
fn a_process_that_nobody_reaps_has_ended() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (root, program) = (
        directory.path().join("recording"),
        targets::own_copy(&targets::build("ops.c", &[]), directory.path()),
    );
    let mut waiting = targets::start_waiting(&program, &["calls", "50", "1", "0"]);
    let (pid, op) = (
        waiting.pid().to_string(),
        format!("op=uprobe:{}:op", program.display()),
    );
    // `check` warns of a program that it does not run.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = targets::own_copy(&targets::build("ops.c", &[]), elsewhere.path());
    let other = format!("other=uprobe:{}:op", other.display());
    let (_, checked, _) = recorder::run(&["check", "--op", &op, "--op", &other, "--pid", &pid]);
    let warning = format!("process {pid} does not run this file");
    let (of_op, of_other) = checked.split_once("\nother ").unwrap();
    assert!(!of_op.contains(&warning), "{checked}");
    assert!(of_other.contains(&warning), "{checked}");
    let recorder = Recorder::start(&root, &["--op", &op, "--pid", &pid, "--duration", TOO_LONG]);
    waiting
        .child
        .stdin
        .take()
        .unwrap()
        .write_all(b"go\n")
        .unwrap();
    let stderr = recorder.wait().check().stderr;
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert!(state.contains(") Z "), "a zombie: {state}");
    assert!(sees_the_end(&root), "{stderr}");
    assert_eq!(
        Recording::open(&root).checked("op").finished,
        50,
        "{stderr}"
    );
    // A zombie is refused from the start, too.
    let late = refused(&["check", "--op", &op, "--pid", &pid]);
    assert!(late.contains(&format!("process {pid} has ended")), "{late}");
    assert!(waiting.child.wait().unwrap().success());
    let gone = refused(&["check", "--op", &op, "--pid", &pid]);
    assert!(gone.contains(&format!("no process {pid}")), "{gone}");
}

#[test]
fn the_id_of_an_ended_process_may_be_reused() {
    let last = Path::new("/proc/sys/kernel/ns_last_pid");
    if !host::allows_bpf()
        || !host::has_tool("unshare")
        || !host::has_file("/proc/sys/kernel/ns_last_pid")
    {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (dir, root) = (directory.path(), directory.path().join("recording"));
    let program = targets::own_copy(&targets::build("ops.c", &[]), dir);
    // The recorder is stopped while the target ends and another process gets its id.
    let script = format!(
        "mkfifo {dir}/go; {program} --wait calls 50 1 0 <{dir}/go >{dir}/out & target=$!; exec 9>{dir}/go
         {recorder} record -o {root} --op op=uprobe:{program}:op --duration {TOO_LONG} --pid $target 2>{dir}/stderr & recorder=$!
         while ! grep -qs 'recording ' {dir}/stderr; do kill -0 $recorder || exit 90; sleep 0.02; done
         kill -STOP $recorder; echo go >&9; exec 9>&-; wait $target || exit 91
         echo $((target - 1)) >{last}; sleep 60 & [ $! = $target ] || exit 92
         kill -CONT $recorder; wait $recorder || exit 93",
        dir = dir.display(),
        program = program.display(),
        recorder = env!("CARGO_BIN_EXE_soakbox-recorder"),
        root = root.display(),
        last = last.display(),
    );
    let place = if host::has_pid_namespaces() {
        OWN_PROC
    } else {
        BARE
    };
    let ended = (place.command)(&script).status().unwrap();
    let stderr = fs::read_to_string(dir.join("stderr")).unwrap_or_default();
    assert_eq!(ended.code(), Some(0), "{stderr}");
    assert!(sees_the_end(&root), "{stderr}");
    assert_eq!(
        Recording::open(&root).checked("op").finished,
        50,
        "{stderr}"
    );
}

#[test]
fn a_thread_is_not_a_process() {
    let op = format!("op=uprobe:{}:op", targets::build("ops.c", &[]).display());
    let stderr = std::thread::spawn(move || {
        // SAFETY: has no argument and accesses no memory.
        let thread = unsafe { libc::gettid() }.to_string();
        refused(&["check", "--op", &op, "--pid", &thread])
    });
    let stderr = stderr.join().unwrap();
    let process = std::process::id();
    assert!(stderr.contains("is a thread"), "{stderr}");
    assert!(
        stderr.contains(&format!("its process is {process}")),
        "{stderr}"
    );
}
