//! A recorder that is killed loses at most one flush interval, and nothing that was sealed.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use support::host;
use support::recorder::{self, Recorder};
use support::recording::Recording;
use support::targets;

const SECOND_NS: i64 = 1_000_000_000;

fn utc_ns() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

fn recover(root: &Path) -> serde_json::Value {
    let (status, stdout, stderr) =
        recorder::run(&["recover", &root.display().to_string(), "--format", "json"]);
    assert!(status.success(), "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Times of the rows of each recorder's run, from the file names' uuid.
fn rows_by_run(recording: &Recording) -> std::collections::BTreeMap<String, Vec<i64>> {
    use arrow::array::AsArray;
    use arrow::datatypes::TimestampNanosecondType;
    let mut runs: std::collections::BTreeMap<String, Vec<i64>> = Default::default();
    for path in recording.files("operation_log") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let uuid = name.rsplit('-').nth(1).unwrap().to_owned();
        let file = fs::File::open(&path).unwrap();
        let reader =
            parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let times = batch.column_by_name("finished_at").unwrap();
            let times = times
                .as_primitive::<TimestampNanosecondType>()
                .values()
                .to_vec();
            runs.entry(uuid.clone()).or_default().extend(times);
        }
    }
    runs
}

#[test]
fn kill_loses_at_most_one_interval() {
    kill(30);
}

#[test]
#[ignore = "eight minutes"]
fn three_hundred_kills_lose_at_most_one_interval_each() {
    kill(300);
}

/// Kills so many recorders at random moments, one after the other, in one directory.
fn kill(times: u64) {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("cpu.c", &[]), directory.path());
    // An operation each millisecond, for as long as it takes.
    let mut target = Command::new(&program)
        .args(["sleep", "100000000", "1000000"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let seed = host::seed();
    let probe = format!("op=uprobe:{}:op", program.display());
    let mut kills = Vec::new();
    for round in 0..times {
        // Small journals rotate often, so that kills fall into seals too.
        let recorder = Recorder::start(&root, &["--op", &probe, "--journal-bytes", "20000"]);
        let started = utc_ns();
        std::thread::sleep(Duration::from_millis(
            600 + seed.rotate_left(round as u32 * 7) % 1_500,
        ));
        let killed = utc_ns();
        recorder.kill();
        kills.push((started, killed));
        if round % 3 == 0 {
            recover(&root);
        }
    }
    target.kill().unwrap();
    target.wait().unwrap();
    recover(&root);

    let recording = Recording::open(&root);
    let runs = rows_by_run(&recording);
    assert_eq!(runs.len() as u64, times, "every run has rows");
    let mut runs: Vec<Vec<i64>> = runs.into_values().collect();
    runs.sort_by_key(|rows| rows.iter().min().copied());
    let mut most = 0;
    for (mut rows, (started, killed)) in runs.into_iter().zip(kills) {
        rows.sort_unstable();
        let missing = killed - rows.last().unwrap();
        assert!(
            missing <= SECOND_NS,
            "{missing} ns before the kill are missing"
        );
        most = most.max(missing);
        assert!(rows[0] - started < SECOND_NS / 4, "the beginning is there");
        let hole = rows.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(hole < SECOND_NS / 4, "no hole inside a run: {hole} ns");
        // One thread: no two operations end at one time.
        let count = rows.len();
        rows.dedup();
        assert_eq!(rows.len(), count, "no row is there twice");
    }
    eprintln!(
        "longest tail lost in {times} kills: {} ms",
        most / 1_000_000
    );
    let kinds = recording.words("annotations", "kind");
    let gaps = kinds.iter().filter(|kind| *kind == "gap").count() as u64;
    assert_eq!(gaps, times, "each crash is a gap in the recording");
    assert!(
        fs::read_dir(root.join("journal")).unwrap().next().is_none(),
        "nothing is left to recover"
    );
}

#[test]
fn sealing_writes_syncs_renames_and_syncs_the_directory_in_that_order() {
    if !host::allows_bpf() || !host::has_tool("strace") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let trace = directory.path().join("trace");
    let output = Command::new("strace")
        .args([
            "-f",
            "-y",
            "-e",
            "trace=openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat",
            "-o",
        ])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_soakbox-recorder"))
        .args(["replay", "--synthetic", "1", "--seconds", "3", "-o"])
        .arg(&root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let trace = fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let renames: Vec<usize> = (0..lines.len())
        .filter(|&at| {
            lines[at].contains("rename")
                && lines[at].contains("operation_log-")
                && lines[at].contains(".parquet")
        })
        .collect();
    assert!(!renames.is_empty(), "{trace}");
    for rename in renames {
        let before = |what: &str| {
            lines[..rename]
                .iter()
                .rposition(|line| line.contains(what) && line.contains(".sealing"))
        };
        let written = before("write(")
            .or(before("pwrite64("))
            .expect("the temporary is written");
        let synced = before("sync(").expect("the temporary is synced");
        assert!(written < synced, "written, then synced, then renamed");
        let after = &lines[rename..];
        let directory = after
            .iter()
            .position(|line| line.contains("sync(") && line.contains("/date="))
            .expect("the directory is synced");
        let deleted = after
            .iter()
            .position(|line| line.contains("unlink") && line.contains("operation_log-"))
            .expect("the journal is deleted");
        assert!(
            directory < deleted,
            "the directory is synced before the journal goes"
        );
    }
    // A file only gets the name of a segment by the rename.
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("O_CREAT") && line.contains(".parquet")),
        "{trace}"
    );
}

#[test]
fn two_recorders_share_a_directory_and_a_second_signal_ends_at_once() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let probe = |name: &str| format!("{name}=uprobe:{}:op", program.display());
    let first = Recorder::start(&root, &["--op", &probe("first")]);
    let second = Recorder::start(&root, &["--op", &probe("second")]);
    let outcome = targets::run(&program, &["calls", "4000", "2", "0"]);
    assert!(outcome.status.success());
    second.stop().check();
    // The second one's start and end did not touch the first one's journals.
    first.stop().check();
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("first").finished, 4_000);
    assert_eq!(recording.checked("second").finished, 4_000);
    assert!(
        !recording
            .words("annotations", "kind")
            .iter()
            .any(|kind| kind == "gap")
    );

    let third = Recorder::start(&root, &["--op", &probe("third")]);
    targets::run(&program, &["calls", "500", "1", "0"]);
    std::thread::sleep(Duration::from_millis(1_200));
    third.signal(libc::SIGSTOP);
    third.signal(libc::SIGTERM);
    third.signal(libc::SIGINT);
    third.signal(libc::SIGCONT);
    let ended = third.wait();
    assert!(!ended.status.success(), "{ended:?}");
    let report = recover(&root);
    assert!(report["rows_saved"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(recording.of("third", "pid").len(), 500);
}

#[test]
fn what_overflows_the_ring_is_counted_as_lost() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("ops_marker.c", &[]), directory.path());
    let probe = format!("op=marker:{}:op", program.display());
    let recorder = Recorder::start(&root, &["--op", &probe, "--ring-bytes", "4096"]);
    // A recorder that is stopped drains nothing; its kernel side goes on counting.
    recorder.signal(libc::SIGSTOP);
    let outcome = targets::run(&program, &["calls", "20000", "2", "3"]);
    recorder.signal(libc::SIGCONT);
    let counts = outcome.counts();
    let ended = recorder.stop().check();
    let totals = Recording::open(&root).checked("op");
    assert_eq!(totals.begun, counts.begun);
    assert_eq!(totals.finished, counts.finished, "{totals:?}");
    assert_eq!(
        totals.failures, counts.failures,
        "failures are exact even where rows are lost"
    );
    assert!(totals.lost > 10_000, "{totals:?}");
    assert!(
        ended.stderr.contains("lost in one interval"),
        "{}",
        ended.stderr
    );
}
