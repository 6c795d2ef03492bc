//! Comparisons of real runs: a program is recorded by `runs` and judged by the analyzer. How often
//! equal builds are called worse on this machine, and how often more work is found. Run by `make
//! endurance`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::host;
use crate::support::recorder::run;
use crate::support::targets;

/// Pairs of runs in a comparison.
const PAIRS: usize = 5;
/// A run is 4 s long: 8,000 operations of some 50 µs.
const CALLS: u64 = 8_000;
const PER_SECOND: u64 = 2_000;
const STEPS: u64 = 20_000;
/// Of 30 comparisons of equal builds at most 3 may be alarms.
const COMPARISONS: usize = 30;
const ALARMS: usize = 3;

/// How many of `comparisons` are `regressed`, and how many pass, where the candidate makes this
/// share of the steps. More work is found if a duration is worse.
fn judged(program: &Path, share: f64, comparisons: usize) -> [usize; 2] {
    let probe = format!("--op=op=uprobe:{}:op", program.display());
    let command = |share: f64| {
        let steps = (STEPS as f64 * share) as u64;
        format!("{} calls {CALLS} {PER_SECOND} {steps}", program.display())
    };
    let mut counts = [0, 0];
    for number in 1..=comparisons {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().display().to_string();
        let (status, _, stderr) = run(&[
            "runs".to_owned(),
            format!("--output={root}"),
            format!("--pairs={PAIRS}"),
            format!("--base={}", command(1.0)),
            format!("--candidate={}", command(share)),
            probe.clone(),
        ]);
        assert!(status.success(), "{stderr}");
        let answer = compare(&root);
        let verdict = answer["verdict"].as_str().unwrap();
        assert_eq!(
            (&answer["scope"], &answer["paired"]),
            (&"runs".into(), &true.into())
        );
        let effects = answer["effects"].as_array().unwrap();
        let named: Vec<&str> = effects
            .iter()
            .filter(|effect| effect["verdict"] == "regressed")
            .map(|effect| effect["metric"].as_str().unwrap())
            .collect();
        println!(
            "× {share}, comparison {number}: {verdict} {}",
            named.join(" ")
        );
        let of_durations = named.iter().any(|metric| metric.starts_with("duration_"));
        let counts_as_found = share == 1.0 || of_durations;
        counts[0] += usize::from(verdict == "regressed" && counts_as_found);
        counts[1] += usize::from(verdict == "pass");
    }
    counts
}

/// The verdict on the runs below `root`.
fn compare(root: &str) -> Value {
    let (base, candidate) = (format!("{root}/base"), format!("{root}/candidate"));
    let output = Command::new(analyzer())
        .args([
            "compare",
            &base,
            "--against",
            &candidate,
            "--format",
            "json",
        ])
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {message}"))
}

/// The analyzer that is built with the recorder: `cargo test --workspace` builds both.
fn analyzer() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
    let program = program.with_file_name("soakbox-analyzer");
    assert!(
        program.exists(),
        "{}: build it with the workspace",
        program.display()
    );
    program
}

#[test]
#[ignore = "about 80 minutes; SOAKBOX_COMPARISONS makes it another number than 30 of each kind"]
fn real_runs_of_one_build_are_rarely_called_worse_and_more_work_is_found() {
    if !host::allows_bpf() {
        return;
    }
    let comparisons = std::env::var("SOAKBOX_COMPARISONS");
    let comparisons: usize =
        comparisons.map_or(COMPARISONS, |text| text.parse().expect("a number"));
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("work.c", &[]), directory.path());
    let [alarms, passes] = judged(&program, 1.0, comparisons);
    let most = comparisons * ALARMS / COMPARISONS;
    let [half_more, _] = judged(&program, 1.5, comparisons);
    let [fifth_more, _] = judged(&program, 1.2, comparisons);
    let name = format!("{PAIRS} + {PAIRS} real runs of {} s", CALLS / PER_SECOND);
    let word = |holds: bool| if holds { "yes" } else { "NO" };
    let row = |figure: &str, bound: &str, seen: usize, holds: &str| {
        println!("| {name}, {figure} | {bound} | {seen} of {comparisons} | {holds} |");
    };
    let (few, all) = (alarms <= most, half_more == comparisons);
    row("one build: alarms", &format!("≤ {most}"), alarms, word(few));
    row("one build: passes", "", passes, "shown");
    row("50% more work: found", "all", half_more, word(all));
    row("20% more work: found", "", fifth_more, "shown");
    assert!(few && all, "{alarms} alarms, {half_more} found");
}
