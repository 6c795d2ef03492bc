//! What a service manager and a terminal learn about a recording, and messages as JSON.

use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::disk::Disk;
use crate::support::host;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::session::Session;
use crate::support::targets;

struct Place {
    directory: tempfile::TempDir,
    program: PathBuf,
    socket: UnixDatagram,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self {
            directory,
            program,
            socket,
        }
    }

    fn command(&self, flags: &[&str]) -> Command {
        self.command_into(&self.directory.path().join("recording"), flags)
    }

    fn command_into(&self, root: &Path, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
        command.arg("record").arg("-o").arg(root);
        command
            .arg("--op")
            .arg(format!("op=uprobe:{}:op", self.program.display()));
        command
            .args(flags)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
        command
            .env("WATCHDOG_USEC", "300000000")
            .env_remove("WATCHDOG_PID");
        command
    }

    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

#[test]
fn a_service_manager_is_told_of_the_begin_the_progress_and_the_end() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = Recorder::spawn(place.command(&[]));
    assert_eq!(place.next(), "READY=1");
    targets::run(&place.program, &["calls", "50", "1", "0"]);
    let (mut operations, mut messages) = (0.0, 0);
    // Those of the calls may be among the later ones, where the target had to wait for a CPU.
    while messages < 4 || operations == 0.0 && messages < 30 {
        messages += 1;
        let progress = place.next();
        let (status, watchdog) = progress.split_once('\n').unwrap();
        assert_eq!(watchdog, "WATCHDOG=1");
        let rate = status
            .strip_prefix("STATUS=")
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        operations += rate.parse::<f64>().unwrap();
        assert!(
            status.contains(" 0 lost, memory ") && status.contains(" free"),
            "{status}"
        );
    }
    // 50, but for intervals that are shorter or longer than a second on a busy host.
    assert!((5.0..1_000.0).contains(&operations), "{operations}");
    recorder.stop().check();
    let last = std::iter::repeat_with(|| place.next()).find(|text| !text.starts_with("STATUS="));
    assert_eq!(last.unwrap(), "STOPPING=1\nSTATUS=sealing\nWATCHDOG=1");
}

#[test]
fn a_recorder_that_is_stopped_shows_no_progress() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = Recorder::spawn(place.command(&[]));
    assert_eq!(place.next(), "READY=1");
    place.next();
    recorder.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_millis(300));
    place.socket.set_nonblocking(true).unwrap();
    while place.socket.recv(&mut [0; 4096]).is_ok() {}
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(place.socket.recv(&mut [0; 4096]).is_err());
    recorder.signal(libc::SIGCONT);
    place.socket.set_nonblocking(false).unwrap();
    assert!(place.next().contains("WATCHDOG=1"));
    recorder.stop().check();
}

/// Signs of life come from the loop that hands rows on. A timer of their own would go on here.
#[test]
fn a_disk_that_hangs_ends_the_signs_of_life_and_loses_nothing() {
    if !host::allows_bpf() {
        return;
    }
    let Some(disk) = Disk::mount() else { return };
    let place = Place::new();
    let root = disk.path().join("recording");
    // The loop waits as soon as the queue is full.
    let recorder = Recorder::spawn(place.command_into(&root, &["--queue-batches", "1"]));
    assert_eq!(place.next(), "READY=1");
    assert!(place.next().contains("WATCHDOG=1"));
    let hung = disk.hang();
    targets::run(&place.program, &["calls", "50", "1", "0"]);
    let silence = Some(Duration::from_secs(4));
    place.socket.set_read_timeout(silence).unwrap();
    let signs = (0..60).take_while(|_| place.socket.recv(&mut [0; 4096]).is_ok());
    let signs = signs.count();
    assert!(
        signs < 60,
        "{signs} signs of life, although nothing is written"
    );
    drop(hung);
    let patience = Some(Duration::from_secs(20));
    place.socket.set_read_timeout(patience).unwrap();
    assert!(place.next().contains("WATCHDOG=1"));
    targets::run(&place.program, &["calls", "70", "1", "0"]);
    recorder.stop().check();
    let recording = Recording::open(&root);
    let totals = recording.totals("op");
    assert_eq!((totals.finished, totals.lost), (120, 0), "{totals:?}");
    assert_eq!(recording.rows("operation_log"), 120);
    assert_eq!(recording.gaps(), []);
}

#[test]
fn the_messages_of_a_command_are_its_own() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let said = place.directory.path().join("said");
    let script = format!(
        "echo $NOTIFY_SOCKET $WATCHDOG_USEC >{}; sleep 2.5",
        said.display()
    );
    let output = place
        .command(&["--", "sh", "-c", &script])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let socket = place.directory.path().join("notify");
    let said = std::fs::read_to_string(said).unwrap();
    assert_eq!(said, format!("{} 300000000\n", socket.display()));
    place.socket.set_nonblocking(true).unwrap();
    assert!(
        place.socket.recv(&mut [0; 4096]).is_err(),
        "the recorder is silent"
    );
}

#[test]
fn messages_are_json_where_that_is_asked_for_also_the_last_one() {
    let lines = |stderr: &str| -> Vec<serde_json::Value> {
        let lines = stderr.lines().map(serde_json::from_str);
        lines.map(|line| line.expect("JSON")).collect()
    };
    let words = [
        "record",
        "--log-format",
        "json",
        "-o",
        "/nowhere/x",
        "--op",
        "x",
    ];
    let (status, _, stderr) = recorder::run(&words);
    assert_eq!(status.code(), Some(2));
    let line = &lines(&stderr)[0];
    assert_eq!(line["level"], "error");
    assert!(
        line["message"].as_str().unwrap().contains("hint: "),
        "{line}"
    );
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let flags = ["--log-format", "json", "--for", "1500ms"];
    let output = place.command(&flags).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let lines = lines(&stderr);
    assert!(
        lines
            .iter()
            .all(|line| line["at"].as_str().unwrap().ends_with('Z'))
    );
    let has = |level: &str, text: &str| {
        let mut lines = lines.iter();
        lines.any(|line| line["level"] == level && line["message"].as_str().unwrap().contains(text))
    };
    assert!(
        has("info", "recording op into") && has("warning", "no call was seen"),
        "{stderr}"
    );
}

/// As by Ctrl-S, or by a connection that hangs.
#[test]
fn a_terminal_that_is_stopped_stops_neither_the_recording_nor_its_end() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let session = Session::on_a_terminal();
    let mut command = place.command(&["--for", "5s"]);
    command.env("TERM", "xterm");
    session.run(&mut command);
    let (mut leader, follower) = session.ends();
    command.stderr(Stdio::from(follower.try_clone().unwrap()));
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut shown = String::new();
    while !shown.contains(" lost, memory ") {
        let mut some = [0; 4096];
        let length = leader.read(&mut some).unwrap();
        shown.push_str(&String::from_utf8_lossy(&some[..length]));
    }
    rustix::termios::tcflow(&follower, rustix::termios::Action::OOff).unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it waits for the terminal");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}: {shown}");
    let recording = Recording::open(&place.directory.path().join("recording"));
    assert!(recording.rows("recorder_health") > 1);
}

#[test]
fn a_terminal_has_one_status_line_and_a_pipe_has_none() {
    if !host::allows_bpf() {
        return;
    }
    let shown = |flags: &[&str]| {
        let place = Place::new();
        let session = Session::on_a_terminal();
        let mut command = place.command(&[&["--for", "6s"], flags].concat());
        command.env("TERM", "xterm");
        session.run(&mut command);
        let (mut leader, follower) = session.ends();
        command.stderr(Stdio::from(follower));
        let mut child = command.spawn().unwrap();
        drop(command);
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            // A terminal without programs is an error to its reader.
            let _ = leader.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        assert!(child.wait().unwrap().success());
        reader.join().unwrap()
    };
    let text = shown(&[]);
    assert!(text.matches(" lost, memory ").count() >= 2, "{text:?}");
    // Each status begins its line anew, and nothing is left of it below the last messages.
    let (_, last) = text.rsplit_once(" lost, memory ").unwrap();
    assert!(
        last.contains("\r\u{1b}[K") && last.contains("sealed 0 rows"),
        "{last:?}"
    );
    assert!(!shown(&["--quiet"]).contains("lost, memory"));
    let place = Place::new();
    let output = place
        .command(&["--for", "2500ms"])
        .env("TERM", "xterm")
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("lost, memory"));
}
