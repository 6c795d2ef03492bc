//! The command line of `compare`: runs are given once, settings apply to something, and a reader
//! that closes the pipe changes no exit status.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::program::{Place, analyzer, one_space, refused, text};
use serde_json::Value;
use soakbox_testing::Soak;

#[test]
fn a_run_is_given_once_and_one_on_both_sides_is_named() {
    let place = Place::new();
    let seal = |seed: u64| {
        let soak = Soak {
            seconds: 30,
            seed,
            ..Soak::default()
        };
        place.seal_soak(&format!("run-{seed}"), &soak)
    };
    let [a, b, c] = [1, 2, 3].map(seal);
    let file = place.path().join("good.baseline");
    let file = file.to_str().unwrap();
    assert!(
        analyzer(&["baseline", "create", &a, &b, "-o", file])
            .status
            .success()
    );
    let copy = place.path().join("copy");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(&a)
        .arg(&copy)
        .status()
        .unwrap();
    assert!(copied.success());
    let copy = copy.to_str().unwrap();
    for (side, command) in [
        ("BASE", &["compare", &a, &a, "--against", &c][..]),
        ("BASE", &["compare", &b, &a, copy, "--against", &c]),
        ("BASE", &["compare", file, &b, "--against", &c]),
        ("--against", &["compare", &c, "--against", &a, file]),
        ("BASE", &["compare", &a, &b, &a, "--plan"]),
        (
            "RECORDING",
            &["baseline", "create", &a, copy, "-o", &format!("{file}2")],
        ),
        ("RECORDING", &["baseline", "add", file, &c, &c]),
    ] {
        let reason = refused(command);
        let line = reason.lines().last().unwrap();
        assert!(line.starts_with(&format!("error: {side}: ")), "{line}");
        assert!(line.ends_with("; hint: name each run once"), "{line}");
    }
    assert!(refused(&["baseline", "add", file, copy]).contains("already; hint: "));
    let output = analyzer(&["compare", file, "--against", copy, &c, "--format", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["shared_runs"], serde_json::json!([copy]));
    let shown = text(&analyzer(&["compare", &a, "--against", copy]).stdout);
    assert!(
        one_space(&shown).contains(&format!("same also runs of the base: {copy}\n")),
        "{shown}"
    );
    let shown = text(&analyzer(&["compare", &a, "--against", &c]).stdout);
    assert!(!shown.contains("also runs of the base"), "{shown}");
}

#[test]
fn a_closed_pipe_does_not_change_the_verdict() {
    let place = Place::new();
    let seal = |seed: u64, scale: f64| place.seal(&format!("run-{seed}"), seed, scale);
    let runs = [seal(1, 1.0), seal(2, 1.0), seal(3, 1.3), seal(4, 1.3)];
    let [a, b, c, d] = &runs;
    for format in ["table", "json", "markdown"] {
        for (sides, status) in [([a, b, c, d], 1), ([c, d, a, b], 0)] {
            let [one, two, three, four] = sides;
            let mut child = Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
                .args([
                    "compare",
                    one,
                    two,
                    "--against",
                    three,
                    four,
                    "--format",
                    format,
                ])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            // The reader is gone before the first byte.
            drop(child.stdout.take());
            let stderr = BufReader::new(child.stderr.take().unwrap());
            let messages: Vec<String> = stderr.lines().map(Result::unwrap).collect();
            assert_eq!(messages, [""; 0]);
            assert_eq!(child.wait().unwrap().code(), Some(status), "{format}");
        }
    }
}

#[test]
fn settings_that_apply_to_nothing_are_refused() {
    let place = Place::new();
    let path = place.path().join("run");
    Soak {
        seconds: 30,
        ..Soak::default()
    }
    .seal(&path);
    let run = path.to_str().unwrap();
    let file = |name: &str, content: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown = file("unknown.toml", "[operations.nosuch]\ncpu = \"5%\"\n");
    let wrong = file("wrong.toml", "[operations.rule_refresh]\ncpu = \"x\"\n");
    let large = file("large.toml", "[thresholds]\ncpu = \"200%\"\n");
    let of = |more: &[&str]| refused(&[&["compare", run, "--against", run], more].concat());
    for (more, expected) in [
        (
            &["--threshold", "nosuch:duration_p99=10%"][..],
            "threshold of nosuch: no run has this operation; hint: ",
        ),
        (
            &["--config", &unknown],
            "threshold of nosuch: no run has this operation; hint: ",
        ),
        (
            &["--threshold", "memory=1e9"],
            "--threshold memory=1000000000: 1000000000 is no change of memory: ",
        ),
        (
            &["--threshold", "200%"],
            "--threshold 200%: 200% is too much: the largest threshold is 99%",
        ),
        (
            &["--threshold", "failure_rate=101%"],
            "the largest threshold is 100%",
        ),
        (
            &["--config", &wrong],
            "--config: [operations.rule_refresh] cpu: x is no change: ",
        ),
        (
            &["--config", &large],
            "--config: [thresholds] cpu: 200% is too much",
        ),
        (
            &["--explain", "nosuch", "cpu"],
            "; hint: there are rule_refresh duration_p50, ",
        ),
    ] {
        let reason = of(more);
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
    // A threshold of an operation that is not compared now is one of the recording nevertheless.
    let more = [
        "--operation",
        "rule_refresh",
        "--threshold",
        "traffic_control:cpu=7%",
    ];
    let output = analyzer(&[&["compare", run, "--against", run], &more[..]].concat());
    assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
