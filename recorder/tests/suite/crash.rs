//! A recorder that is killed loses at most one flush interval, and nothing that was sealed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::host;
use crate::support::outside_gaps::{check_outside_gaps, run_of};
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::targets::{self, Endless};
use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader, SerializedFileReader};

const SECOND_NS: i64 = 1_000_000_000;

fn utc_ns() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

fn recover(root: &Path) -> serde_json::Value {
    recorder::json(&["recover", &root.display().to_string()])
}

const TABLES: [&str; 4] = [
    "operation_log",
    "operation_metrics",
    "recorder_health",
    "annotations",
];

/// Rows of each sealed file, by its footer.
fn sealed(root: &Path) -> BTreeMap<PathBuf, i64> {
    let recording = Recording::open(root);
    let files = TABLES.iter().flat_map(|table| recording.files(table));
    let rows = |path: PathBuf| {
        let reader = SerializedFileReader::new(fs::File::open(&path).unwrap());
        let reader = reader.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let rows = reader.metadata().file_metadata().num_rows();
        (path, rows)
    };
    files.map(rows).collect()
}

/// Recovers. The rows that are reported as saved must be the rows of the new sealed files, and no
/// earlier file may have changed.
fn recover_and_compare(root: &Path) {
    let before = sealed(root);
    let gaps = |root: &Path| Recording::open(root).gaps().len() as i64;
    let gaps_before = gaps(root);
    let report = recover(root);
    let after = sealed(root);
    let new = after.iter().filter(|(path, _)| !before.contains_key(*path));
    let new: i64 = new.map(|(_, rows)| rows).sum();
    // The row of the gap is written by the recovery, not saved by it.
    let saved = new - (gaps(root) - gaps_before);
    assert_eq!(report["rows_saved"].as_i64(), Some(saved), "{report}");
    assert_unchanged(&before, &after);
}

fn assert_unchanged(before: &BTreeMap<PathBuf, i64>, after: &BTreeMap<PathBuf, i64>) {
    for (path, rows) in before {
        assert_eq!(after.get(path), Some(rows), "{}", path.display());
    }
}

/// Times and values of the rows of each recorder's run, by the UUID in the file names.
fn rows_by_run(recording: &Recording) -> Vec<Vec<(i64, i64)>> {
    let mut runs: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for path in recording.files("operation_log") {
        let uuid = run_of(&path);
        let file = fs::File::open(&path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let times = batch.column_by_name("finished_at").unwrap();
            let times = times.as_primitive::<TimestampNanosecondType>().values();
            let values = batch.column_by_name("return_value").unwrap();
            let values = values.as_primitive::<Int64Type>().values();
            let rows = times.iter().copied().zip(values.iter().copied());
            runs.entry(uuid.clone()).or_default().extend(rows);
        }
    }
    let mut runs: Vec<_> = runs.into_values().collect();
    runs.iter_mut().for_each(|rows| rows.sort_unstable());
    runs.sort_unstable();
    runs
}

#[test]
fn kill_loses_at_most_one_interval() {
    kill_in_turn(10);
}

#[test]
#[ignore = "half an hour"]
fn a_thousand_kills_lose_at_most_one_interval_each() {
    kill_in_turn(334);
}

/// Three times at once: kills `times` recorders at random moments, one after the other.
fn kill_in_turn(times: u64) {
    if !host::allows_bpf() {
        return;
    }
    let seed = host::seed();
    std::thread::scope(|scope| {
        for series in 0..3 {
            scope.spawn(move || kill(times, seed.rotate_left(series * 21)));
        }
    });
}

/// Kills `times` recorders, one after the other, in one directory.
fn kill(times: u64, seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("cpu.c", &[]), directory.path());
    // An endless series of operations, one each millisecond, which return 0, 1, 2, …
    let target = Endless::start(&program, &["sleep", "100000000", "1000000"]);
    let probe = format!("op=uprobe:{}:op", program.display());
    let (mut kills, mut sealed_before) = (Vec::new(), BTreeMap::new());
    for round in 0..times {
        // Small journals rotate often, so that kills fall into seals too.
        let recorder = Recorder::start(&root, &["--op", &probe, "--journal-bytes", "20000"]);
        let started = utc_ns();
        std::thread::sleep(Duration::from_millis(
            600 + seed.rotate_left(round as u32 * 7) % 1_500,
        ));
        sealed_before.extend(sealed(&root));
        let killed = utc_ns();
        recorder.kill();
        kills.push((started, killed));
        if round % 3 == 0 {
            recover_and_compare(&root);
        }
    }
    drop(target);
    recover_and_compare(&root);
    assert!(sealed_before.len() as u64 > times, "kills fall into seals");
    assert_unchanged(&sealed_before, &sealed(&root));

    let recording = Recording::open(&root);
    let runs = rows_by_run(&recording);
    assert_eq!(runs.len() as u64, times, "every run has rows");
    let mut most = 0;
    for (rows, (started, killed)) in runs.into_iter().zip(kills) {
        let missing = killed - rows.last().unwrap().0;
        assert!(
            missing <= SECOND_NS,
            "{missing} ns before the kill are missing"
        );
        most = most.max(missing);
        assert!(
            rows[0].0 - started < SECOND_NS / 4,
            "the beginning is there"
        );
        // There is one thread, so in order of time the values are consecutive: none is missing, and
        // none is there twice.
        for pair in rows.windows(2) {
            assert_eq!(pair[1].1, pair[0].1 + 1, "{pair:?}");
        }
    }
    eprintln!(
        "longest tail lost in {times} kills: {} ms",
        most / 1_000_000
    );
    let checked = check_outside_gaps(&recording, times as usize);
    eprintln!("the counts of {checked} intervals outside the gaps agree with the rows");
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
        let mut paths = lines[rename].split('"').skip(1).step_by(2);
        let (sealing, segment) = (paths.next().unwrap(), Path::new(paths.next().unwrap()));
        let journal = sealing.replace(".sealing", ".journal");
        assert!(sealing.ends_with(".sealing"), "{}", lines[rename]);
        let directory = segment.parent().unwrap();
        assert_eq!(
            directory.parent().unwrap().file_name().unwrap(),
            "operation_log"
        );
        let opened = |path: &str| format!("{path}>");
        let before = |what: &str| {
            lines[..rename]
                .iter()
                .rposition(|line| line.contains(what) && line.contains(&opened(sealing)))
        };
        let written = before("write(")
            .or(before("pwrite64("))
            .expect("the temporary is written");
        let synced = before("sync(").expect("the temporary is synced");
        assert!(written < synced, "written, then synced, then renamed");
        let after = &lines[rename..];
        let directory = opened(directory.to_str().unwrap());
        let directory = after
            .iter()
            .position(|line| line.contains("sync(") && line.contains(&directory))
            .expect("the directory is synced");
        let is_deleted = |line: &&str| line.contains("unlink") && line.contains(&journal);
        let deleted = after
            .iter()
            .position(is_deleted)
            .expect("the journal is deleted");
        assert!(
            directory < deleted,
            "the directory is synced before the journal is deleted"
        );
        assert!(
            !lines[..rename].iter().any(is_deleted),
            "the journal is there until its segment is"
        );
    }
    // A file gets the name of a segment only by the rename.
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("O_CREAT") && line.contains(".parquet")),
        "{trace}"
    );
}

#[test]
fn two_recorders_share_a_directory() {
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
    // The start and the end of the second recorder did not touch the journals of the first.
    first.stop().check();
    let recording = Recording::open(&root);
    assert_eq!(recording.checked("first").finished, 4_000);
    assert_eq!(recording.checked("second").finished, 4_000);
    assert_eq!(recording.gaps(), []);
}

#[test]
fn events_that_overflow_the_ring_are_counted_as_lost() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("ops_marker.c", &[]), directory.path());
    let probe = format!("op=marker:{}:op", program.display());
    let recorder = Recorder::start(&root, &["--op", &probe, "--ring-bytes", "4096"]);
    // A recorder that is stopped drains nothing; its BPF programs go on counting.
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
    assert_eq!(totals.lost, totals.lost_ring_full, "{totals:?}");
    assert!(
        ended.stderr.contains("lost in one interval"),
        "{}",
        ended.stderr
    );
}
