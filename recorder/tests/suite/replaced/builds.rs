//! Each build of a program is observed, and those that run before go on.

use std::fs;
use std::time::Duration;

use super::scene::*;
use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets::{self, Endless};
use crate::support::toolchains;

#[test]
fn a_program_that_is_replaced_while_it_runs_is_observed_in_both_files() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let mut recorder = scene.record(&scene.program, &[]);
    let running = targets::start_waiting(&scene.program, CALLS);
    scene.replace_by(&scene.next);
    recorder.wait_for_line(OBSERVED);
    for _ in 0..3 {
        scene.run_next();
    }
    // A process that ran before is still observed.
    ran_first(&running.go());
    // Seals what is open; a file that is begun later names both builds.
    recorder.signal(libc::SIGHUP);
    std::thread::sleep(Duration::from_secs(3));
    let ended = recorder.stop().check();
    let recording = scene.recording();
    assert_short(&gaps(&recording), &["file replaced"]);
    assert_eq!(scene.finished(), 4_000, "{}", ended.stderr);
    let notes = recording.words("annotations", "text");
    let is_told = |note: &String| note.contains(OBSERVED) && note.contains("(build ");
    assert_eq!(notes.iter().filter(|note| is_told(note)).count(), 1);
    // Files from now on name both builds.
    let last = recording.last_footer("operation_metrics");
    let builds: Vec<_> = last.provenance.observed.iter().collect();
    assert!(
        builds.len() == 2 && builds[0].build_id != builds[1].build_id,
        "{builds:?}"
    );
}

#[test]
fn each_of_many_versions_is_observed_however_it_comes() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let mut recorder = scene.record(&scene.program, &[]);
    ran_first(&targets::run(&scene.program, CALLS));
    let mut causes = Vec::new();
    for number in 3..8 {
        let version = scene.version(number);
        match number % 3 {
            0 => {
                fs::copy(&version, &scene.program).unwrap();
                causes.push("file overwritten");
            }
            1 => {
                scene.replace_by(&version);
                causes.push("file replaced");
            }
            // As a linker does. Nothing can be started meanwhile.
            _ => {
                fs::remove_file(&scene.program).unwrap();
                std::thread::sleep(Duration::from_millis(1_500));
                fs::copy(&version, &scene.program).unwrap();
                causes.push("file replaced");
            }
        }
        recorder.wait_for_line(OBSERVED);
        recorder.forget_lines();
        let outcome = targets::run(&scene.program, CALLS);
        assert!(outcome.status.success(), "{number}: {outcome:?}");
        let shown = format!("version {number}:");
        assert!(outcome.stdout.starts_with(&shown), "{outcome:?}");
    }
    recorder.stop().check();
    assert_short(&gaps(&scene.recording()), &causes);
    assert_eq!(scene.finished(), 6_000);
}

/// It needs a program of the kernel side that the first build did not.
#[test]
fn a_build_whose_operation_ends_in_another_way_is_observed() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let mut recorder = scene.record(&scene.program, &[]);
    ran_first(&targets::run(&scene.program, CALLS));
    for number in [9, 4, 5] {
        scene.replace_by(&scene.version(number));
        recorder.wait_for_line(OBSERVED);
        recorder.forget_lines();
        assert!(targets::run(&scene.program, CALLS).status.success());
    }
    recorder.stop().check();
    assert_eq!(scene.finished(), 4_000);
    assert_short(&gaps(&scene.recording()), &["file replaced"; 3]);
}

#[test]
fn an_operation_that_the_new_file_does_not_have_is_named_and_the_others_are_observed() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let of = |function: &str| format!("{function}=uprobe:{}:{function}", scene.program.display());
    let arguments = ["--op", &of("other"), "--op", &of("op"), "--skip-refused"];
    let mut recorder = Recorder::start(&scene.root, &arguments);
    ran_first(&targets::run(&scene.program, CALLS));
    scene.replace_by(&scene.next);
    recorder.wait_for_line(OBSERVED);
    scene.run_next();
    scene.replace_by(&scene.version(3));
    recorder.forget_lines();
    recorder.wait_for_line(OBSERVED);
    assert!(targets::run(&scene.program, CALLS).status.success());
    let ended = recorder.stop().check();
    assert_eq!(scene.finished(), 3_000);
    assert_eq!(scene.recording().checked("other").finished, 2);
    let notes = scene.recording().words("annotations", "text");
    let named = notes
        .iter()
        .filter(|note| note.ends_with(", without other, not found in it"));
    assert_eq!(named.count(), 1, "{notes:?}\n{}", ended.stderr);
}

#[test]
fn a_go_program_is_observed_in_each_of_its_builds() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("program");
    let builds: [(&[&str], _); 3] = [
        (&[], None),
        (&["-buildmode=pie"], None),
        (&["-ldflags=-w"], None),
    ];
    // Another toolchain keeps a goroutine's id elsewhere.
    let others = toolchains::available(&["go1.21.13"]).into_iter();
    let builds = builds
        .into_iter()
        .chain(others.map(|version| (&[][..], Some(version))));
    let root = directory.path().join("recording");
    let probe = format!("op=go:{}:main.op", program.display());
    let mut recorder = None;
    let (mut begun, mut finished) = (0, 0);
    for (flags, version) in builds {
        let built = targets::build_go("goroutines", flags, version);
        let new = program.with_extension("new");
        fs::copy(&built, &new).unwrap();
        fs::remove_file(&built).unwrap();
        fs::rename(&new, &program).unwrap();
        match &mut recorder {
            None => recorder = Some(Recorder::start(&root, &["--op", &probe])),
            Some(recorder) => {
                recorder.wait_for_line(OBSERVED);
                recorder.forget_lines();
            }
        }
        let counts = targets::run(&program, &["op", "500", "70"]).counts();
        begun += counts.begun;
        finished += counts.finished;
    }
    recorder.unwrap().stop().check();
    let totals = Recording::open(&root).checked("op");
    assert_eq!((totals.begun, totals.finished), (begun, finished));
}

#[test]
fn a_replaced_program_under_a_limit_of_overhead_and_until_it_ends() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    // The second one binds for most of the time: an operation takes about a thousand times as long as
    // its probes.
    const CALLS: [i64; 2] = [800, 8_000];
    for (limit, binds) in [("90%", false), ("0.03%", true)] {
        let scene_root = scene.root.with_extension(limit);
        let probe = format!("op=uprobe:{}:op", scene.program.display());
        let arguments = [
            "--op",
            &probe,
            "--max-overhead",
            limit,
            "--until-exit=500ms",
        ];
        let running =
            targets::start_waiting(&scene.program, &[&CALLS[0].to_string()[..], "2000000"]);
        let mut recorder = Recorder::start(&scene_root, &arguments);
        scene.replace_by(&scene.next);
        recorder.wait_for_line(OBSERVED);
        let second =
            targets::start_waiting(&scene.program, &[&CALLS[1].to_string()[..], "2000000"]);
        let (first_pid, second_pid) = (running.pid(), second.pid());
        assert!(running.go().status.success());
        // Far longer than half a second: the new file's process is waited for.
        std::thread::sleep(Duration::from_secs(2));
        let outcome = second.go();
        assert!(outcome.status.success(), "{outcome:?}");
        recorder.wait().check();
        let recording = Recording::open(&scene_root);
        assert_short(&gaps(&recording), &["file replaced"]);
        let totals = recording.checked("op");
        // Probes that were attached twice would leave begins or finishes over.
        assert_eq!((totals.abandoned, totals.unmatched), (0, 0), "{totals:?}");
        let all = totals.finished + totals.finished_unobserved;
        assert!(all <= CALLS[0] + CALLS[1], "{totals:?}");
        let pids = recording.integers("operation_log", "pid");
        let has_rows = |pid: u32| pids.contains(&Some(i64::from(pid)));
        assert!(totals.finished > 0, "{limit}: {totals:?}");
        // Where the limit binds, either process may have run without probes; the next test has that.
        for pid in [first_pid, second_pid] {
            assert!(binds || has_rows(pid), "{pid}: {totals:?}");
        }
        // The next round begins with the first version again.
        let first = targets::build("replaced.c", &["-DVERSION=1"]);
        scene.replace_by(&first);
    }
}

#[test]
fn the_next_build_is_observed_while_a_limit_of_overhead_binds() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    // An operation takes some ten times as long as its probes.
    const ENDLESS: &[&str] = &["2000000000", "20000"];
    let first = Endless::start(&scene.program, ENDLESS);
    let mut recorder = scene.record(&scene.program, &["--max-overhead=1%"]);
    std::thread::sleep(Duration::from_secs(2));
    scene.replace_by(&scene.next);
    recorder.wait_for_line(OBSERVED);
    drop(first);
    let second = Endless::start(&scene.program, ENDLESS);
    let pid = Some(i64::from(second.pid()));
    // A time on comes in each cycle, which has seconds.
    let has_rows = |_| {
        recorder.signal(libc::SIGUSR1);
        std::thread::sleep(Duration::from_secs(1));
        let pids = scene.recording().integers("operation_log", "pid");
        pids.contains(&pid)
    };
    assert!((0..40).any(has_rows), "no operation of the next build");
    drop(second);
    recorder.stop().check();
    let recording = scene.recording();
    assert_short(&gaps(&recording), &["file replaced"]);
    let totals = recording.checked("op");
    // The first process was running when it was attached to: some of its finishes have no begin. Each of
    // the two was killed, in an operation that was observed or not.
    assert!(totals.abandoned <= 2, "{totals:?}");
    let [on, off] = ["observed_ns", "unobserved_ns"].map(|column| {
        let times = recording.integers("operation_metrics", column);
        times.into_iter().flatten().sum::<i64>()
    });
    assert!(off > on, "{on} ns on, {off} ns off");
}

#[test]
fn what_a_killed_recorder_leaves_of_a_replaced_program_runs_unharmed() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let mut recorder = scene.record(&scene.program, &[]);
    let running = targets::start_waiting(&scene.program, CALLS);
    scene.replace_by(&scene.next);
    recorder.wait_for_line(OBSERVED);
    let second = targets::start_waiting(&scene.program, CALLS);
    recorder.kill();
    // Whichever of the processes runs first, neither finds a breakpoint.
    ran_first(&running.go());
    let alone = targets::run(&scene.next, CALLS);
    assert_eq!(second.go(), alone);
    scene.run_next();
}

#[test]
fn a_deployment_within_a_short_time_until_the_end_is_waited_for() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let running = targets::start_waiting(&scene.program, CALLS);
    let recorder = scene.record(&scene.program, &["--until-exit=200ms"]);
    scene.replace_by(&scene.next);
    // It runs when the first one ends, long before its file is looked at or just after that.
    let second = targets::start_waiting(&scene.program, CALLS);
    ran_first(&running.go());
    std::thread::sleep(Duration::from_secs(4));
    assert!(second.go().status.success());
    recorder.wait().check();
    assert_eq!(scene.finished(), 2_000);
}

#[test]
fn the_watch_over_the_files_of_one_process_rests() {
    if !host::allows_bpf() {
        return;
    }
    let scene = Scene::new();
    let running = targets::start_waiting(&scene.program, CALLS);
    let pid = running.pid().to_string();
    let recorder = scene.record(&scene.program, &["--pid", &pid]);
    let ticks = |pid: u32| -> u64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let attaching = attaching(&recorder);
    std::thread::sleep(Duration::from_secs(2));
    let before = ticks(attaching);
    std::thread::sleep(Duration::from_secs(4));
    let used = ticks(attaching) - before;
    // 400 ticks are all of a core.
    assert!(used < 40, "{used}");
    ran_first(&running.go());
    recorder.wait().check();
}
