//! The file at the path is overwritten: its writer waits until the probes are removed.

use std::fs;
use std::io::{Seek, Write};
use std::time::{Duration, Instant};

use super::scene::*;
use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::targets;

#[test]
fn a_program_that_is_overwritten_while_nobody_runs_it() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let mut recorder = scene.record(&scene.program, &[]);
    ran_first(&targets::run(&scene.program, CALLS));
    let start = Instant::now();
    fs::copy(&scene.next, &scene.program).unwrap();
    let waited = start.elapsed();
    for _ in 0..20 {
        scene.run_next();
    }
    recorder.wait_for_line(OBSERVED);
    let ended = recorder.stop().check();
    assert_eq!(scene.recording().gap_causes(), ["file overwritten"]);
    assert!(scene.finished() >= 1000);
    assert!(
        ended.stderr.contains("was opened for writing"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("no lease"), "{}", ended.stderr);
    // The kernel would let the writer go on by itself after 45 s.
    assert!(waited < Duration::from_secs(20), "{waited:?}");
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
fn a_slow_writer_is_waited_for_and_many_builds_need_no_more_descriptors() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let mut recorder = scene.record(&scene.program, &[]);
    let bytes = fs::read(&scene.next).unwrap();
    let mut writer = fs::File::create(&scene.program).unwrap();
    for part in bytes.chunks(bytes.len() / 6 + 1) {
        writer.write_all(part).unwrap();
        std::thread::sleep(Duration::from_secs(1));
    }
    drop(writer);
    let closed = Instant::now();
    recorder.wait_for_line(OBSERVED);
    eprintln!("observed {:?} after the writer ended", closed.elapsed());
    scene.run_next();
    let descriptors = |recorder: &Recorder| {
        let path = format!("/proc/{}/fd", attaching(recorder));
        fs::read_dir(path).unwrap().count()
    };
    let before = descriptors(&recorder);
    for _ in 0..6 {
        recorder.forget_lines();
        fs::copy(&scene.next, &scene.program).unwrap();
        recorder.wait_for_line(OBSERVED);
    }
    // Some are open for a moment only, while a file is looked at.
    let is_as_before = |_| {
        std::thread::sleep(Duration::from_millis(20));
        descriptors(&recorder) <= before + 2
    };
    let after = descriptors(&recorder);
    assert!((0..500).any(is_as_before), "{before} {after}");
    recorder.stop().check();
    assert_eq!(scene.finished(), 1_000);
}
