//! A long recording is complete to the last row, and the memory of its recorder does not grow. Run
//! by `make endurance`.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::memory::MOST_BYTES;
use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets;

const PER_SECOND: u64 = 5_000;
const JOURNAL_BYTES: u64 = 1 << 20;
/// The most by which the memory may grow from the first part of the recording to the last, bytes.
const MEMORY_SLACK: i64 = 4 << 20;

#[test]
#[ignore = "half an hour; SOAKBOX_SOAK_MINUTES makes it another time"]
fn a_long_recording_is_complete_and_its_recorder_does_not_grow() {
    if !host::allows_bpf() {
        return;
    }
    let minutes = std::env::var("SOAKBOX_SOAK_MINUTES");
    let minutes: u64 = minutes.map_or(30, |text| text.parse().expect("minutes"));
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let probe = format!("op=uprobe:{}:op", program.display());
    let journal = JOURNAL_BYTES.to_string();
    let recorder = Recorder::start(
        &root,
        &[
            "--op",
            &probe,
            "--rotate-after",
            "20s",
            "--journal-bytes",
            &journal,
        ],
    );
    let calls = (minutes * 60 * PER_SECOND).to_string();
    let running =
        thread::spawn(move || targets::run(&program, &["rate", &calls, &PER_SECOND.to_string()]));
    let mut samples = Vec::new();
    while !running.is_finished() {
        thread::sleep(Duration::from_secs(1));
        samples.push(Sample::of(recorder.pid(), &root));
    }
    let outcome = running.join().unwrap();
    recorder.stop().check();
    assert!(outcome.status.success(), "{outcome:?}");

    let recording = Recording::open(&root);
    let totals = recording.checked("op");
    assert_eq!(
        (totals.finished, totals.lost),
        (outcome.counts().finished, 0)
    );

    let settled = &samples[samples.len() / 5..];
    let part = (settled.len() / 8).max(1);
    let most = |samples: &[Sample], value: fn(&Sample) -> i64| {
        samples.iter().map(value).max().unwrap_or_default()
    };
    let (early, late) = (&settled[..part], &settled[settled.len() - part..]);
    let memory = [early, late].map(|samples| most(samples, |sample| sample.memory_bytes));
    // The fewest, because a running seal holds some for a moment, and a leak never releases them.
    let fewest = |samples: &[Sample]| samples.iter().map(|sample| sample.descriptors).min();
    let descriptors = [early, late].map(|samples| fewest(samples).unwrap_or_default());
    let journals = most(&samples, |sample| sample.journal_bytes);
    let files = recording.files("operation_log").len();
    let bytes: u64 = recording
        .files("operation_log")
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    let health = |column| {
        let values = recording.integers("recorder_health", column);
        values.into_iter().flatten().collect::<Vec<_>>()
    };
    let cpu_columns = ["recorder_cpu_user_ns", "recorder_cpu_system_ns"];
    let cpu_ns: i64 = cpu_columns.into_iter().flat_map(health).sum();
    println!(
        "{minutes} min at {PER_SECOND} operations/s: {} rows in {files} files, {:.2} bytes/row, 0 lost\n\
         recorder: {:.2}% of a core; memory {:.1} MB early, {:.1} MB late; descriptors {} early, {} late\n\
         journals at most {:.2} MB; longest flush {:.1} ms",
        totals.recorded,
        bytes as f64 / totals.recorded as f64,
        cpu_ns as f64 / (minutes * 60) as f64 / 1e7,
        memory[0] as f64 / 1e6,
        memory[1] as f64 / 1e6,
        descriptors[0],
        descriptors[1],
        journals as f64 / 1e6,
        health("flush_max_ns").into_iter().max().unwrap() as f64 / 1e6,
    );
    assert!(memory[1] <= memory[0] + MEMORY_SLACK, "{memory:?}");
    assert!(memory[1] <= MOST_BYTES, "{memory:?}");
    assert!(descriptors[1] <= descriptors[0], "{descriptors:?}");
    // While one of the tables fills its journal, another journal is being sealed.
    assert!(journals <= 3 * JOURNAL_BYTES as i64, "{journals}");
}

/// The resources of the recorder at one moment.
struct Sample {
    memory_bytes: i64,
    descriptors: i64,
    journal_bytes: i64,
}

impl Sample {
    fn of(pid: u32, root: &Path) -> Self {
        let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
        let pages: i64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        let journals = fs::read_dir(root.join("journal")).unwrap().flatten();
        let files = journals.flat_map(|run| fs::read_dir(run.path()).into_iter().flatten());
        let sizes = files
            .flatten()
            .map(|file| file.metadata().map_or(0, |data| data.len()));
        Self {
            memory_bytes: pages * 4096,
            descriptors: descriptors as i64,
            journal_bytes: sizes.sum::<u64>() as i64,
        }
    }
}
