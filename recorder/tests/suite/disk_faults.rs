//! A file system that is full for some calls, at any moment of a recording: each operation has a row
//! or is counted in a note, and its time is in a gap.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::segment_support::preload::Fault;
use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets;

const ENOSPC: &str = "28";
const CALLS: u64 = 4_000;

#[test]
fn rows_that_find_the_disk_full_are_counted_whichever_call_finds_it() {
    if !host::allows_bpf() || !host::has_tool("gcc") {
        return;
    }
    let seed = host::seed();
    let place = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), place.path());
    let probe = format!("op=uprobe:{}:op", program.display());
    let mut lossy = 0;
    for round in 0..8 {
        let drawn = seed.rotate_left(round * 8) as usize;
        // The first calls belong to the start, which may be refused.
        let fault = Fault {
            what: ENOSPC,
            from: 40 + drawn % 60,
            times: 1 + drawn / 64 % 20,
        };
        let root = place.path().join(format!("recording-{round}"));
        let log = place.path().join(format!("log-{round}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
        command
            .arg("record")
            .arg("-o")
            .arg(&root)
            .args(["--op", &probe]);
        command.args(["--when-disk-full", "pause", "--rotate-after", "1s"]);
        command.args(["--flush-interval", "200ms"]);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        fault.inject(&mut command, &root, &log);
        let recorder = Recorder::spawn(command);
        for _ in 0..4 {
            let number = (CALLS / 4).to_string();
            let calls = targets::run(&program, &["calls", &number, "1", "0"]);
            assert!(calls.status.success());
            std::thread::sleep(Duration::from_millis(700));
        }
        // What a recorder loses that ends on a full disk nobody can note.
        let failed = wait_for_the_end_of(&fault, &log);
        let ended = recorder.stop();
        let context = format!("{fault:?}: {failed}\n{}", ended.stderr);
        assert!(ended.status.success(), "{context}");
        let recording = Recording::open(&root);
        let texts = recording.words("annotations", "text");
        let lost = texts.iter().filter_map(|text| {
            let (before, _) = text.split_once(" of operation_log")?;
            before.rsplit(' ').next()?.parse::<u64>().ok()
        });
        let lost: u64 = lost.sum();
        let rows = recording.rows("operation_log") as u64;
        assert_eq!(rows + lost, CALLS, "{context}: {texts:?}");
        let gaps = recording.gap_causes();
        assert!(gaps.iter().all(|cause| cause == "disk full"), "{context}");
        assert!(lost == 0 || !gaps.is_empty(), "{context}");
        lossy += u64::from(lost > 0);
    }
    eprintln!("rows were lost in {lossy} of 8 rounds");
}

/// Waits until there is room again; the calls that failed, a line for each.
fn wait_for_the_end_of(fault: &Fault, log: &Path) -> String {
    let waited = Instant::now();
    loop {
        let failed = std::fs::read_to_string(log).unwrap_or_default();
        if failed.lines().count() >= fault.times {
            return failed;
        }
        assert!(
            waited.elapsed() < Duration::from_secs(120),
            "{fault:?}: {failed}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
