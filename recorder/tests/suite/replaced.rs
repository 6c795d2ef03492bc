//! An observed program that is overwritten or replaced while it is recorded: the new one runs
//! unharmed, and is observed in its turn; the recording has a gap for the time between.

use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::host;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::targets::{self, Outcome};
use crate::support::toolchains;

const CALLS: &[&str] = &["1000"];

/// What the recorder tells when it observes a file that has taken the place of another one.
const OBSERVED: &str = "the new file is observed";

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

    /// A further version, which is at no path that is observed.
    fn version(&self, number: u32) -> PathBuf {
        let built = targets::build("replaced.c", &[&format!("-DVERSION={number}")]);
        let directory = self.root.with_file_name(format!("version {number}"));
        fs::create_dir(&directory).unwrap();
        targets::own_copy(&built, &directory)
    }

    /// Puts a copy of `next` in the program's place by a rename.
    fn replace_by(&self, next: &Path) {
        let new = self.program.with_extension("new");
        fs::copy(next, &new).unwrap();
        fs::rename(&new, &self.program).unwrap();
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

/// The gaps of a recording: cause, and length in s where it ended before the recording did.
fn gaps(recording: &Recording) -> Vec<(String, Option<f64>)> {
    let mut gaps = Vec::new();
    let texts = recording.words("annotations", "text").into_iter();
    let kinds = recording.words("annotations", "kind").into_iter();
    let (from, until) = (
        recording.times("annotations", "at"),
        recording.some_times("annotations", "until"),
    );
    for ((kind, text), (from, until)) in kinds.zip(texts).zip(from.into_iter().zip(until)) {
        if kind == "gap" {
            gaps.push((text, until.map(|until| (until - from) as f64 / 1e9)));
        }
    }
    gaps
}

fn assert_short(gaps: &[(String, Option<f64>)], causes: &[&str]) {
    let found: Vec<&str> = gaps.iter().map(|(cause, _)| cause.as_str()).collect();
    assert_eq!(found, causes, "{gaps:?}");
    // A second between two looks at the path, and the time to read the file on a busy machine.
    let is_short = |(_, length): &(String, Option<f64>)| {
        length.is_some_and(|length| (0.0..20.0).contains(&length))
    };
    assert!(gaps.iter().all(is_short), "{gaps:?}");
}

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
    for limit in ["90%", "0.03%"] {
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
        for pid in [first_pid, second_pid] {
            let rows = pids.iter().filter(|&&other| other == Some(i64::from(pid)));
            assert!(rows.count() > 0, "{pid}: {totals:?}");
        }
        // The next round begins with the first version again.
        let first = targets::build("replaced.c", &["-DVERSION=1"]);
        scene.replace_by(&first);
    }
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

/// Puts `next` at `path` by a rename.
fn replace(path: &Path, next: &Path) {
    let new = path.with_extension("new");
    fs::copy(next, &new).unwrap();
    fs::rename(&new, path).unwrap();
}

fn probe(name: &str, file: &Path) -> String {
    format!("{name}=uprobe:{}:op", file.display())
}

/// The process that attaches, of a recorder.
fn attaching(recorder: &Recorder) -> u32 {
    let pid = recorder.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
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
    // Both lead to one new file.
    let fourth = scene.version(4);
    for path in [&other, &scene.program] {
        let new = path.with_extension("new");
        fs::hard_link(&fourth, &new).unwrap();
        fs::rename(&new, path).unwrap();
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
    let after = descriptors(&recorder);
    assert!(after <= before + 2, "{before} {after}");
    recorder.stop().check();
    assert_eq!(scene.finished(), 1_000);
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
    ran_first(&running.go());
    let second = targets::start_waiting(&scene.program, CALLS);
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
