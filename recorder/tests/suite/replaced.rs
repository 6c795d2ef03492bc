//! An observed program that is overwritten or replaced while it is recorded: the new one runs
//! unharmed, and the recording has a gap from the moment at which the program is no longer
//! observed.

use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets::{self, Outcome};

const CALLS: &[&str] = &["1000"];

/// A program in a directory of its own, and the version that will replace it.
struct Scene {
    _directory: tempfile::TempDir,
    root: PathBuf,
    program: PathBuf,
    next: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [program, next] = ["-DVERSION=1", "-DVERSION=2"].map(|version| {
            let built = targets::build("replaced.c", &[version]);
            targets::own_copy(&built, directory.path())
        });
        Self {
            root: directory.path().join("recording"),
            _directory: directory,
            program,
            next,
        }
    }

    fn record(&self, file: &Path, arguments: &[&str]) -> Recorder {
        let probe = format!("op=uprobe:{}:op", file.display());
        Recorder::start(&self.root, &[&["--op", &probe], arguments].concat())
    }

    /// Runs the file that is at the program's path now; it must be the next version, unharmed.
    fn run_next(&self) {
        let alone = targets::run(&self.next, CALLS);
        assert!(alone.stdout.starts_with("version 2"), "{alone:?}");
        assert_eq!(targets::run(&self.program, CALLS), alone);
    }

    fn recording(&self) -> Recording {
        Recording::open(&self.root)
    }

    /// Number of recorded operations, all of which must have finished.
    fn finished(&self) -> i64 {
        let totals = self.recording().checked("op");
        assert_eq!(totals.begun, totals.finished, "{totals:?}");
        totals.finished
    }
}

fn ran_first(outcome: &Outcome) {
    assert!(outcome.status.success(), "{outcome:?}");
    assert!(outcome.stdout.starts_with("version 1"), "{outcome:?}");
}

#[test]
fn a_program_that_is_overwritten_while_nobody_runs_it() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let recorder = scene.record(&scene.program, &[]);
    ran_first(&targets::run(&scene.program, CALLS));
    let start = Instant::now();
    fs::copy(&scene.next, &scene.program).unwrap();
    let waited = start.elapsed();
    for _ in 0..20 {
        scene.run_next();
    }
    let ended = recorder.stop().check();
    assert_eq!(scene.recording().gap_causes(), ["file overwritten"]);
    assert_eq!(scene.finished(), 1000);
    assert!(
        ended.stderr.contains("was opened for writing"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("no lease"), "{}", ended.stderr);
    // The kernel would let the writer go on by itself after 45 s.
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    eprintln!("the writer waited {waited:?}");
}

#[test]
fn a_program_that_is_overwritten_by_a_writer_from_before_the_recording() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let bytes = fs::read(&scene.next).unwrap();
    let mut writer = fs::OpenOptions::new()
        .write(true)
        .open(&scene.program)
        .unwrap();
    let recorder = scene.record(&scene.program, &[]);
    writer.rewind().unwrap();
    writer.write_all(&bytes).unwrap();
    writer.set_len(bytes.len() as u64).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    drop(writer);
    scene.run_next();
    let ended = recorder.stop().check();
    assert_eq!(scene.recording().gap_causes(), ["file overwritten"]);
    assert!(ended.stderr.contains("no lease"), "{}", ended.stderr);
}

#[test]
fn a_program_that_is_replaced_while_it_runs() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let recorder = scene.record(&scene.program, &[]);
    let running = targets::start_waiting(&scene.program, CALLS);
    let new = scene.program.with_extension("new");
    fs::copy(&scene.next, &new).unwrap();
    fs::rename(&new, &scene.program).unwrap();
    scene.run_next();
    // A process that ran before is still observed.
    ran_first(&running.go());
    std::thread::sleep(Duration::from_secs(3));
    recorder.stop().check();
    assert_eq!(scene.recording().gap_causes(), ["file replaced"]);
    assert_eq!(scene.finished(), 1000);
    let times = Recording::open(&scene.root).times("annotations", "at");
    let last = times.into_iter().max().unwrap();
    let early = last - scene.recording().gaps()[0].0;
    assert!(early > 1_000_000_000, "{early} ns before the end");
}

#[test]
fn a_program_behind_a_link_that_is_changed_to_another_file() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let link = scene.root.with_file_name("current");
    std::os::unix::fs::symlink(&scene.program, &link).unwrap();
    let recorder = scene.record(&link, &[]);
    ran_first(&targets::run(&link, CALLS));
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&scene.next, &link).unwrap();
    recorder.stop().check();
    assert_eq!(scene.recording().gap_causes(), ["file replaced"]);
    assert_eq!(scene.finished(), 1000);
}

#[test]
fn a_process_that_outlives_its_file_is_recorded_without_a_gap() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let running = targets::start_waiting(&scene.program, CALLS);
    let pid = running.pid().to_string();
    let recorder = scene.record(&scene.program, &["--pid", &pid]);
    fs::rename(&scene.next, &scene.program).unwrap();
    ran_first(&running.go());
    recorder.wait().check();
    assert_eq!(scene.recording().gap_causes(), [""; 0]);
    assert_eq!(scene.finished(), 1000);
}
