//! A path leads to another file, to one that is observed already, or to nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::scene::*;
use crate::support::host;
use crate::support::recorder::{self, Recorder};
use crate::support::targets;

#[test]
fn a_program_behind_a_link_that_is_changed_and_changed_back() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let link = scene.root.with_file_name("current");
    let lead_to = |file: &Path| {
        let new = link.with_extension("new");
        std::os::unix::fs::symlink(file, &new).unwrap();
        fs::rename(&new, &link).unwrap();
    };
    lead_to(&scene.program);
    let mut recorder = scene.record(&link, &[]);
    ran_first(&targets::run(&link, CALLS));
    for file in [&scene.next, &scene.program, &scene.next] {
        lead_to(file);
        recorder.wait_for_line(OBSERVED);
        recorder.forget_lines();
        assert!(targets::run(&link, CALLS).status.success());
    }
    recorder.stop().check();
    // No call is counted twice, although the files come back.
    assert_eq!(scene.finished(), 4_000);
    assert_short(&gaps(&scene.recording()), &["file replaced"; 3]);
}

#[test]
fn a_file_that_cannot_be_observed_leaves_a_gap_to_the_end() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let recorder = scene.record(&scene.program, &[]);
    let running = targets::start_waiting(&scene.program, CALLS);
    let new = scene.program.with_extension("new");
    fs::write(&new, "#!/bin/sh\necho nothing to observe\n").unwrap();
    fs::rename(&new, &scene.program).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    ran_first(&running.go());
    recorder.stop().check();
    assert_eq!(
        gaps(&scene.recording()),
        [("file replaced".to_owned(), None)]
    );
    assert_eq!(scene.finished(), 1000);
    let last = scene.recording().times("annotations", "at");
    let early = last.into_iter().max().unwrap() - scene.recording().gaps()[0].0;
    assert!(early > 1_000_000_000, "{early} ns before the end");
}

#[test]
fn files_that_were_one_file_by_two_paths_and_two_that_become_one() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let other = scene.root.with_file_name("other");
    fs::hard_link(&scene.program, &other).unwrap();
    // Two operations of one instruction are refused: each path has a function of its own.
    let probes = [
        probe("op", &scene.program),
        format!("other=uprobe:{}:other", other.display()),
    ];
    let mut recorder = Recorder::start(&scene.root, &["--op", &probes[0], "--op", &probes[1]]);
    ran_first(&targets::run(&other, CALLS));
    // Only one of the two paths leads to the new file.
    let third = scene.version(3);
    replace(&other, &third);
    recorder.wait_for_line(OBSERVED);
    recorder.forget_lines();
    assert!(targets::run(&other, CALLS).status.success());
    ran_first(&targets::run(&scene.program, CALLS));
    // Both lead to one new file, at nearly the same moment: one that is observed for the operations of
    // one path would not be observed for those of the other.
    let fourth = scene.version(4);
    let paths = [&other, &scene.program].map(|path| (path.with_extension("new"), path));
    for (new, _) in &paths {
        fs::hard_link(&fourth, new).unwrap();
    }
    for (new, path) in &paths {
        fs::rename(new, path).unwrap();
    }
    for _ in 0..2 {
        recorder.wait_for_line(OBSERVED);
        let line = format!("{OBSERVED}\n");
        recorder.forget_line(&line);
    }
    assert!(targets::run(&other, CALLS).status.success());
    let ended = recorder.stop().check();
    let recording = scene.recording();
    let calls = recording.checked("op").finished;
    // The third version has only the other function's probes.
    assert_eq!(calls, 3_000, "{}", ended.stderr);
    assert_eq!(recording.checked("other").finished, 4);
    assert_short(&gaps(&recording), &["file replaced"; 3]);
}

#[test]
fn two_files_one_of_which_is_removed_and_two_that_change_places() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let second = scene.root.with_file_name("second");
    fs::copy(scene.version(3), &second).unwrap();
    let probes = [probe("first", &scene.program), probe("second", &second)];
    let arguments = ["--op", &probes[0][..], "--op", &probes[1]];
    let mut recorder = Recorder::start(&scene.root, &arguments);
    let kept = second.with_extension("kept");
    fs::rename(&second, &kept).unwrap();
    scene.replace_by(&scene.version(4));
    recorder.wait_for_line(OBSERVED);
    assert!(targets::run(&scene.program, CALLS).status.success());
    fs::rename(&kept, &second).unwrap();
    assert!(targets::run(&second, CALLS).status.success());
    recorder.forget_lines();
    // They change places: each file has the probes of the other operation.
    let aside = second.with_extension("aside");
    fs::rename(&second, &aside).unwrap();
    fs::rename(&scene.program, &second).unwrap();
    fs::rename(&aside, &scene.program).unwrap();
    recorder.wait_for_line("for other operations");
    std::thread::sleep(Duration::from_secs(5));
    let ended = recorder.stop().check();
    let told = ended.stderr.matches("for other operations").count();
    assert!(told <= 2, "{}", ended.stderr);
    let recording = scene.recording();
    let totals = ["first", "second"].map(|name| recording.checked(name).finished);
    assert_eq!(totals, [1_000, 1_000], "{}", ended.stderr);
    let open = gaps(&recording)
        .iter()
        .filter(|(_, length)| length.is_none())
        .count();
    assert_eq!(open, 2, "{:?}", gaps(&recording));
}

#[test]
fn a_long_wait_is_told_in_parts_that_a_killed_recorder_leaves() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let mut recorder = scene.record(&scene.program, &[]);
    fs::remove_file(&scene.program).unwrap();
    fs::create_dir(&scene.program).unwrap();
    recorder.wait_for_line("and the new file is not observed");
    std::thread::sleep(Duration::from_secs(14));
    recorder.kill();
    let (status, _, stderr) = recorder::run(&["recover", scene.root.to_str().unwrap()]);
    assert!(status.success(), "{stderr}");
    let found = gaps(&scene.recording());
    let length: f64 = found
        .iter()
        .filter(|(cause, _)| cause == "file replaced")
        .filter_map(|(_, length)| *length)
        .sum();
    assert!(length >= 10.0, "{found:?}");
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
