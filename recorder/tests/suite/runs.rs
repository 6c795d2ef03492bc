//! `runs` records two builds in turn, continues after an interruption, and keeps in place only what
//! is complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::recorder::{json, refused, run};
use crate::support::recording::Recording;
use crate::support::{host, targets};

/// Two builds of a program in a directory of their own, and the runs of them.
struct Builds {
    directory: tempfile::TempDir,
    base: String,
    candidate: String,
}

impl Builds {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let copy = |name: &str, flags: &[&str]| {
            let place = directory.path().join(name);
            fs::create_dir(&place).unwrap();
            let program = targets::own_copy(&targets::build("ops.c", flags), &place);
            program.to_str().unwrap().to_owned()
        };
        Self {
            base: copy("old build", &["-Wl,--build-id=0x11"]),
            candidate: copy("new", &["-Wl,--build-id=0x22"]),
            directory,
        }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("runs")
    }

    /// The arguments of `runs` for commands with these arguments.
    fn arguments(&self, base: &str, candidate: &str, more: &[&str]) -> Vec<String> {
        let (root, old, new) = (
            self.root().display().to_string(),
            &self.base,
            &self.candidate,
        );
        let mut arguments = vec!["runs".to_owned(), format!("--output={root}")];
        arguments.push(format!("--base='{old}' {base}"));
        arguments.push(format!("--candidate={new} {candidate}"));
        arguments.push(format!("--base-op=op=uprobe:{old}:op"));
        arguments.push(format!("--candidate-op=op=uprobe:{new}:op"));
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        arguments
    }

    fn refused(&self, base: &str, candidate: &str, more: &[&str]) -> String {
        let arguments = self.arguments(base, candidate, more);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused(&words)
    }

    /// Finished operations of the complete runs of a side, by pair.
    fn finished(&self, side: &str) -> Vec<i64> {
        let checked = |path: &PathBuf| Recording::open(path).checked("op").finished;
        entries(&self.root().join(side))
            .iter()
            .map(checked)
            .collect()
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(directory).into_iter().flatten();
    let paths: BTreeSet<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    paths.into_iter().collect()
}

fn first_row(recording: &Path) -> i64 {
    let starts = Recording::open(recording).times("operation_log", "finished_at");
    starts.into_iter().min().unwrap()
}

#[test]
fn two_builds_are_recorded_in_turn() {
    if !host::allows_bpf() {
        return;
    }
    for seed in [1, 2, 3] {
        let builds = Builds::new();
        let more = [format!("--seed={seed}"), "--pairs=2".to_owned()];
        let more = more.each_ref().map(String::as_str);
        let arguments = builds.arguments("calls 300 2 7", "calls 200 2 7", &more);
        let (status, _, stderr) = run(&arguments);
        assert!(status.success(), "{stderr}");
        assert_eq!(builds.finished("base"), [300, 300], "{stderr}");
        assert_eq!(builds.finished("candidate"), [200, 200], "{stderr}");
        assert_eq!(
            entries(&builds.root().join("unfinished")),
            [""; 0].map(PathBuf::from)
        );
        let place = builds.root().display().to_string();
        let compare = format!("soakbox-analyzer compare {place}/base --against {place}/candidate");
        assert!(stderr.contains(&compare), "{stderr}");

        let starts = |pair: &str| {
            ["base", "candidate"].map(|side| first_row(&builds.root().join(side).join(pair)))
        };
        let [first, second] = ["001", "002"].map(starts);
        assert!(first.iter().max() < second.iter().min());
        let base_begins = [first, second].map(|[base, candidate]| base < candidate);
        assert_ne!(base_begins[0], base_begins[1], "each side begins once");

        // All pairs are there; then a third one is asked for.
        let (status, _, again) = run(&arguments);
        assert!(status.success() && !again.contains("run 1"), "{again}");
        let more = builds.arguments("calls 300 2 7", "calls 200 2 7", &["--pairs=3"]);
        let (status, _, stderr) = run(&more);
        assert!(status.success(), "{stderr}");
        // The two that were planned may have been compared.
        assert!(stderr.contains("warning: 2 pairs were planned"), "{stderr}");
        assert!(
            last(&stderr).contains("3 pairs are recorded, and 2 were planned"),
            "{stderr}"
        );
        assert_eq!(builds.finished("base"), [300; 3]);
        assert_eq!(builds.finished("candidate"), [200; 3]);
    }
}

fn start(arguments: &[String]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"))
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_and_stopped_runs_are_kept_aside_and_the_same_command_line_continues() {
    if !host::allows_bpf() {
        return;
    }
    let builds = Builds::new();
    let arguments = builds.arguments("rate 1000 500", "rate 600 500", &["--pairs=2"]);
    for (aside, signal) in (1..).zip(["KILL", "TERM"]) {
        let mut recorder = start(&arguments);
        let deadline = Instant::now() + Duration::from_secs(60);
        let unfinished = builds.root().join("unfinished");
        // Some rows of the run after the last complete one are durable.
        while entries(&unfinished).len() < aside
            || entries(&unfinished)
                .iter()
                .any(|path| entries(&path.join("journal")).is_empty() && entries(path).len() < 2)
        {
            assert!(Instant::now() < deadline, "{:?}", entries(&unfinished));
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_millis(300));
        let pid = recorder.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(!recorder.wait().unwrap().success());
        // A command goes on when its recorder ends, for two seconds at most.
        std::thread::sleep(Duration::from_millis(2_500));
        assert_eq!(entries(&builds.root().join("base")).len(), 0);
        assert_eq!(entries(&unfinished).len(), aside);
        for recording in entries(&unfinished) {
            json(&["recover", recording.to_str().unwrap()]);
        }
    }
    let (status, _, stderr) = run(&arguments);
    assert!(status.success(), "{stderr}");
    assert_eq!(builds.finished("base"), [1_000, 1_000]);
    assert_eq!(builds.finished("candidate"), [600, 600]);
    assert_eq!(entries(&builds.root().join("unfinished")).len(), 2);
}

#[test]
fn a_command_that_fails_ends_the_runs_and_is_kept_where_it_may_fail() {
    if !host::allows_bpf() {
        return;
    }
    let builds = Builds::new();
    let fails = "sh -c '$0 calls 50 2 7; exit 3'";
    let failing = |more: &[&str]| {
        let mut arguments = builds.arguments("calls 50 2 7", "", more);
        arguments[3] = format!("--candidate={} {}", fails, builds.candidate);
        arguments
    };
    let (status, _, stderr) = run(&failing(&["--pairs=1"]));
    assert_eq!(status.code(), Some(2), "{stderr}");
    let line = stderr.lines().last().unwrap();
    assert!(
        line.contains("candidate") && line.contains("exit status 3"),
        "{line}"
    );
    assert!(line.contains("hint: "), "{line}");
    assert_eq!(entries(&builds.root().join("candidate")).len(), 0);
    let (status, _, stderr) = run(&failing(&["--pairs=1", "--ignore-failure"]));
    assert!(status.success(), "{stderr}");
    assert_eq!(builds.finished("base"), [50]);
    assert_eq!(builds.finished("candidate"), [50]);
}

/// The last line, in which the runs end.
fn last(stderr: &str) -> &str {
    stderr.lines().last().unwrap()
}

#[test]
fn after_an_interruption_the_comparison_to_type_has_its_share_of_false_alarms() {
    if !host::allows_bpf() {
        return;
    }
    let builds = Builds::new();
    let root = builds.root().display().to_string();
    // The commands fail when two pairs are there, until the file `go` is.
    let two = r#"test -e "$1/go" || ! test -e "$1/base/002" || ! test -e "$1/candidate/002""#;
    let command =
        |program: &str| format!(r#"sh -c '"$0" calls 50 2 7; {two}' '{program}' '{root}'"#);
    let mut arguments = builds.arguments("", "", &["--pairs=3"]);
    arguments[2] = format!("--base={}", command(&builds.base));
    arguments[3] = format!("--candidate={}", command(&builds.candidate));
    let compare = format!("soakbox-analyzer compare {root}/base --against {root}/candidate");
    let (status, _, stderr) = run(&arguments);
    assert_eq!(status.code(), Some(2), "{stderr}");
    let now = format!(
        "2 of 3 pairs are complete; hint: the same command line continues; {compare} --planned 3 "
    );
    assert!(stderr.contains(&now), "{stderr}");
    assert!(last(&stderr).contains("exit status 1"), "{stderr}");
    fs::write(builds.root().join("go"), "").unwrap();
    // The second time nothing is left to record, and the answer is the same.
    for _ in 0..2 {
        let (status, _, stderr) = run(&arguments);
        assert!(status.success(), "{stderr}");
        let end = format!(
            "3 pairs are recorded; hint: {compare}; if the first 2 were compared already, with \
             --planned 3 --looked 2"
        );
        assert!(last(&stderr).ends_with(&end), "{stderr}");
    }
}

#[test]
fn pairs_that_are_added_share_the_rate_of_false_alarms() {
    if !host::allows_bpf() {
        return;
    }
    let builds = Builds::new();
    let arguments = |more: &[&str]| builds.arguments("calls 50 2 7", "calls 50 2 7", more);
    let recorded = |more: &[&str]| {
        let (status, _, stderr) = run(&arguments(more));
        assert!(status.success(), "{stderr}");
        stderr
    };
    let first = recorded(&["--pairs=1", "--planned=3"]);
    let expected = "1 of 3 planned pairs are recorded; hint: ";
    assert!(last(&first).contains(expected), "{first}");
    assert!(last(&first).contains("/candidate --planned 3; "), "{first}");
    for (more, expected) in [
        (
            &["--pairs=4"][..],
            "--pairs 4 is more than the 3 pairs that are planned",
        ),
        (&["--pairs=2", "--planned=4"], "3 pairs are planned, not 4"),
    ] {
        let line = builds.refused("calls 50 2 7", "calls 50 2 7", more);
        assert!(line.contains(expected), "{line}");
    }
    let second = recorded(&["--pairs=2", "--planned=3"]);
    assert!(
        last(&second).contains(" --planned 3 --looked 1; "),
        "{second}"
    );
    let third = recorded(&["--pairs=3"]);
    assert!(last(&third).ends_with(" --planned 3 --looked 2"), "{third}");
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    if !host::allows_bpf() {
        return;
    }
    let builds = Builds::new();
    let arguments = builds.arguments("calls 50 2 7", "calls 50 2 7", &["--pairs=1", "--seed=4"]);
    let (status, _, stderr) = run(&arguments);
    assert!(status.success(), "{stderr}");
    let refused = |base: &str, more: &[&str], expected: &str| {
        let line = builds.refused(base, "calls 50 2 7", more);
        assert!(line.contains(expected), "{expected}: {line}");
    };
    refused("calls 51 2 7", &["--pairs=2"], "the base of these runs is");
    refused(
        "calls 50 2 7",
        &["--seed=5"],
        "the seed of these runs is 4, not 5",
    );
    refused(
        "calls 50 2 7",
        &["--ring-bytes=65536"],
        "the probes or limits of the base",
    );
    refused(
        "calls 50 2 7",
        &["--duration=5s"],
        "--duration does not apply",
    );
    refused("calls 50 2 '7", &[], "has no end");
    // It was built again between the runs.
    fs::copy(&builds.candidate, &builds.base).unwrap();
    refused(
        "calls 50 2 7",
        &["--pairs=2"],
        "has changed since the first run of the base",
    );
    assert_eq!(entries(&builds.root().join("base")).len(), 1);

    fs::write(builds.root().join("runs.json"), "{}").unwrap();
    refused("calls 50 2 7", &[], "runs.json");
}
