//! No signal leaves a recording unsealed without a message: which signals end it, which do not, and
//! the effect of two in a row.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::targets::{self, Endless};

/// Number of runs with journals that are not sealed.
fn journals(root: &Path) -> usize {
    let runs = fs::read_dir(root.join("journal"));
    runs.into_iter().flatten().flatten().count()
}

fn assert_sealed(root: &Path, stderr: &str) {
    assert_eq!(journals(root), 0, "{stderr}");
    assert_eq!(Recording::open(root).gaps(), [], "{stderr}");
    assert!(stderr.contains("sealed "), "{stderr}");
    assert!(!stderr.contains("not sealed"), "{stderr}");
}

/// Signals that ask for an end.
const ENDING: [i32; 8] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGQUIT,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGXCPU,
    libc::SIGPWR,
];

#[test]
fn every_signal_that_asks_for_an_end_seals_the_recording() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    for signal in ENDING {
        let name = format!("signal {signal}");
        let recorder = place.record(&name);
        let calls = targets::run(&place.program, &["calls", "50", "1", "0"]);
        assert!(calls.status.success());
        recorder.signal(signal);
        let stderr = recorder.wait().check().stderr;
        let root = place.path(&name);
        assert_sealed(&root, &stderr);
        assert_eq!(
            Recording::open(&root).checked("op").finished,
            50,
            "{name}: {stderr}"
        );
    }
}

#[test]
fn a_signal_that_asks_for_nothing_ends_nothing() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = place.record("recording");
    let unexpected = [libc::SIGUSR2, libc::SIGSTKFLT, 34, 50, 64];
    let harmless = [
        libc::SIGXFSZ,
        libc::SIGPIPE,
        libc::SIGIO,
        libc::SIGWINCH,
        libc::SIGCHLD,
    ];
    for _ in 0..3 {
        unexpected
            .into_iter()
            .chain(harmless)
            .for_each(|signal| recorder.signal(signal));
        std::thread::sleep(Duration::from_millis(100));
    }
    let calls = targets::run(&place.program, &["calls", "50", "1", "0"]);
    assert!(calls.status.success());
    let stderr = recorder.stop().check().stderr;
    assert_sealed(&place.path("recording"), &stderr);
    let totals = Recording::open(&place.path("recording")).checked("op");
    assert_eq!(totals.finished, 50, "{stderr}");
    let noted: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("goes on"))
        .collect();
    assert_eq!(
        noted.len(),
        unexpected.len(),
        "each is reported once: {stderr}"
    );
    assert!(
        noted[0].contains("SIGUSR2") && noted[0].contains("hint: "),
        "{stderr}"
    );
}

#[test]
fn signals_within_a_second_are_one_request() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let target = Endless::start(&place.program, &["rate", "1000000", "2000"]);
    // The longer ones leave the recorder time to see the second signal in, on a busy host.
    let gaps_ms = [0, 0, 0, 1, 1, 2, 3, 5, 10, 30, 100, 200, 300];
    for (round, gap_ms) in gaps_ms.into_iter().enumerate() {
        let name = format!("round {round}");
        let recorder = place.record(&name);
        std::thread::sleep(Duration::from_millis(50 * round as u64));
        let signals = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT];
        recorder.signal(signals[round % 3]);
        let first = Instant::now();
        std::thread::sleep(Duration::from_millis(gap_ms));
        if first.elapsed() < Duration::from_millis(400) {
            recorder.signal_if_there(signals[round / 3 % 3]);
        }
        let stderr = recorder.wait().check().stderr;
        assert_sealed(&place.path(&name), &stderr);
    }
    drop(target);
}

#[test]
fn gnu_timeout_ends_a_recording_in_order() {
    if !host::allows_bpf() || !host::has_tool("timeout") {
        return;
    }
    let place = Place::new();
    let start = |round: usize| {
        let root = place.path(&format!("round {round}"));
        let mut command = Command::new("timeout");
        // It signals its child, and then its group, which the child is in.
        command.args([
            "1.5",
            env!("CARGO_BIN_EXE_soakbox-recorder"),
            "record",
            "-o",
        ]);
        command.arg(&root).args(["--op", &place.probe()]);
        if round.is_multiple_of(3) {
            command.arg("--").arg(&place.program);
            command.args(["rate", "100000", "1000"]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        (root, command.process_group(0).spawn().unwrap())
    };
    for _ in 0..2 {
        let started: Vec<_> = (0..6).map(start).collect();
        for (root, child) in started {
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(124), "{stderr}");
            assert_sealed(&root, &stderr);
            fs::remove_dir_all(&root).unwrap();
        }
    }
}

/// Ends a recorder by `signal` that was started after `prepare`.
fn ends_all_the_same(signal: i32, prepare: fn()) {
    let place = Place::new();
    let root = place.path("recording");
    let mut command = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
    command
        .args(["record", "-o"])
        .arg(&root)
        .args(["--op", &place.probe()]);
    command
        .args(["--duration", "30s"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    // SAFETY: what the callers pass calls functions that are async-signal-safe only.
    unsafe {
        command.pre_exec(move || {
            prepare();
            Ok(())
        });
    }
    let started = Instant::now();
    let recorder = Recorder::spawn(command);
    recorder.signal(signal);
    let stderr = recorder.wait().check().stderr;
    assert_sealed(&root, &stderr);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "not by its duration: signal {signal}"
    );
}

#[test]
fn a_recorder_started_with_signals_blocked_ends_all_the_same() {
    if !host::allows_bpf() {
        return;
    }
    ends_all_the_same(libc::SIGTERM, || {
        // SAFETY: sigfillset and sigprocmask are async-signal-safe.
        unsafe {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
        }
    });
}

/// As a shell without job control starts what is followed by `&`.
#[test]
fn a_recorder_in_the_background_of_a_script_is_ended_by_the_signals_that_it_ignores() {
    if !host::allows_bpf() {
        return;
    }
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        ends_all_the_same(signal, || {
            for ignored in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                // SAFETY: async-signal-safe.
                unsafe { libc::signal(ignored, libc::SIG_IGN) };
            }
        });
    }
}

#[test]
fn a_later_second_signal_ends_at_once_and_unsealed_journals_are_reported_and_recovered() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("ops_marker.c", &[]), directory.path());
    let probe = format!("op=marker:{}:op", program.display());
    let mut recorder = Recorder::start(&root, &["--op", &probe, "--rotate-after=1d"]);
    // Enough rows for a seal that takes a while.
    targets::run(&program, &["calls", "1000000", "1", "0"]);
    std::thread::sleep(Duration::from_millis(2_500));
    recorder.signal(libc::SIGTERM);
    // It has begun to end; then it is stopped until the second signal counts as a request of its
    // own.
    recorder.wait_for_line("SIGTERM: ending");
    recorder.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_millis(1_100));
    recorder.signal(libc::SIGINT);
    let started = Instant::now();
    recorder.signal(libc::SIGCONT);
    let ended = recorder.wait();
    let took = started.elapsed();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    let lines = ended.stderr.lines();
    let lines: Vec<&str> = lines.filter(|line| line.contains("not sealed")).collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    let next = format!("hint: run `soakbox-recorder recover {}`", root.display());
    assert!(lines[0].contains(&next), "{}", ended.stderr);
    assert!(!lines[0].contains(" 0 journals"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("sealed 1"), "{}", ended.stderr);
    assert!(took < Duration::from_secs(3), "{took:?}");
    // What `recover` saves is what the recorder had left unsealed: all rows.
    let report = recorder::json(&["recover", &root.display().to_string()]);
    let recording = Recording::open(&root);
    let rows = recording.of("op", "pid").len();
    // Some may have found the ring full, where the recorder had to wait for a CPU. Those of an interval
    // are written before its counts.
    let counted = recording.totals("op").recorded;
    assert!(
        counted > 300_000 && rows as i64 >= counted,
        "{rows} {counted} {report}"
    );
    assert!(
        report["rows_saved"].as_i64().unwrap() >= rows as i64,
        "{report}"
    );
}

fn wait_for_file(file: &Path, without: &str) {
    let waited = Instant::now();
    while !file.exists() {
        assert!(waited.elapsed() < Duration::from_secs(60), "{without}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_signal_to_the_recorder_alone_leaves_its_command_running() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    for signal in [libc::SIGTERM, libc::SIGALRM, libc::SIGQUIT] {
        let root = place.path(&format!("signal {signal}"));
        let [called, go, done] = ["called", "go", "done"].map(|name| place.path(name));
        let script = format!(
            "exec 2>/dev/null; {program} calls 50 1 0; : >{called}; while [ ! -e {go} ]; do sleep 0.02; done; {program} calls 70 1 0; : >{done}",
            program = place.program.display(),
            called = called.display(),
            go = go.display(),
            done = done.display()
        );
        let recorder = Recorder::start(&root, &["--op", &place.probe(), "--", "sh", "-c", &script]);
        wait_for_file(&called, "the command does not run");
        recorder.signal(signal);
        let stderr = recorder.wait().check().stderr;
        assert_sealed(&root, &stderr);
        assert!(stderr.contains("runs on, unobserved"), "{stderr}");
        fs::write(&go, "").unwrap();
        wait_for_file(&done, "the command came to harm");
        for file in [&called, &go, &done] {
            fs::remove_file(file).unwrap();
        }
        let totals = Recording::open(&root).checked("op");
        assert_eq!(totals.finished, 50, "{totals:?}");
    }
}

#[test]
fn a_command_that_ends_is_reported_once_its_recording_is_complete() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let ends = [
        (
            "exit 3",
            "the command ended with exit status 3; the recording is complete",
        ),
        (
            "kill -KILL $$",
            "the command ended with signal 9; the recording is complete",
        ),
    ];
    for (script, line) in ends {
        let root = place.path(script);
        let path = root.display().to_string();
        let probe = place.probe();
        let words = [
            "record", "-o", &path, "--op", &probe, "--", "sh", "-c", script,
        ];
        let (status, _, stderr) = recorder::run(&words);
        assert!(status.success(), "{stderr}");
        let lines: Vec<&str> = stderr.lines().collect();
        let at = |text: &str| lines.iter().position(|line| line.contains(text));
        assert!(at(line).is_some() && at(line) > at("sealed "), "{stderr}");
        assert_sealed(&root, &stderr);
    }
}

#[test]
fn the_status_of_a_command_is_reported_where_the_caller_ignores_sigchld() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let root = place.path("recording");
    let mut command = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
    command
        .args(["record", "-o"])
        .arg(&root)
        .args(["--op", &place.probe()]);
    command
        .args(["--", "sh", "-c", "exit 5"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    // SAFETY: signal is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
            Ok(())
        });
    }
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(output.status.signal(), None);
    assert!(stderr.contains("exit status 5"), "{stderr}");
}
