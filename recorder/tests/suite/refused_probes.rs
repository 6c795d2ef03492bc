//! Probes that are refused next to others: `check` reports every one, and `record` goes on with the
//! others only where that was asked for.

use std::path::Path;

use crate::support::recorder::{self, Recorder, refused};
use crate::support::recording::Recording;
use crate::support::{host, targets};
use serde_json::Value;

/// Operations of `program`: `good` ones are observed, `bad` ones are not, each for another reason.
fn operations(program: &Path) -> Vec<String> {
    let program = program.display();
    [
        format!("bad_name=uprobe:{program}:no_such_function"),
        format!("good=uprobe:{program}:op"),
        format!("bad_code=uprobe:{program}:op"),
        "bad_file=uprobe:/no/such/file:op".to_owned(),
        format!("bad_marker=marker:{program}:nothing"),
    ]
    .iter()
    .flat_map(|operation| ["--op".to_owned(), operation.clone()])
    .collect()
}

const REASONS: [(&str, &str); 4] = [
    ("bad_name", "no function 'no_such_function'"),
    ("bad_code", "good and bad_code observe the same code"),
    ("bad_file", "cannot read /no/such/file"),
    ("bad_marker", "has no marker 'nothing'"),
];

#[test]
fn check_reports_every_probe_and_ends_with_2_where_one_is_refused() {
    let program = targets::build("ops.c", &[]);
    let operations = operations(&program);
    let mut arguments = vec!["check"];
    arguments.extend(operations.iter().map(String::as_str));
    let (status, table, stderr) = recorder::run(&arguments);
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    if host::allows_bpf() {
        assert!(stderr.contains("4 of 5 operations are refused"), "{stderr}");
    }
    arguments.extend(["--format", "json"]);
    let (status, json, stderr) = recorder::run(&arguments);
    assert_eq!(status.code(), Some(2), "{stderr}");
    let answer: Value = serde_json::from_str(&json).unwrap();
    let probes = answer["probes"].as_array().unwrap();
    assert_eq!(probes.len(), 1, "{json}");
    assert_eq!(probes[0]["operation"], "good");
    let refused = answer["refused"].as_array().unwrap();
    assert_eq!(refused.len(), REASONS.len(), "{json}");
    for (refused, (name, reason)) in refused.iter().zip(REASONS) {
        assert_eq!(refused["operation"], name);
        let text = refused["reason"].as_str().unwrap();
        assert!(text.contains(reason) && text.contains("hint: "), "{text}");
        assert!(table.contains(text), "{table}");
        let probe = refused["probe"].as_str().unwrap();
        assert!(operations.contains(&format!("{name}={probe}")), "{probe}");
    }
    // The numbers of the operations that are left are their own. Costs are measured anew.
    let unmeasured = |probe: &Value| {
        let mut probe = probe.as_object().unwrap().clone();
        for key in ["begin_us", "finish_us", "inside_us"] {
            assert_eq!(probe.remove(key).is_some(), host::allows_bpf(), "{key}");
        }
        probe.remove("emulated_finish_us");
        probe
    };
    let alone = format!("good=uprobe:{}:op", program.display());
    let (status, json, _) = recorder::run(&["check", "--op", &alone, "--format", "json"]);
    assert_eq!(status.success(), host::allows_bpf());
    let alone: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(unmeasured(&alone["probes"][0]), unmeasured(&probes[0]));
    assert_eq!(alone["refused"], serde_json::json!([]));
}

#[test]
fn record_refuses_a_part_unless_it_was_asked_for_and_never_records_nothing() {
    let program = targets::build("ops.c", &[]);
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let root_text = root.display().to_string();
    let operations = operations(&program);
    let all: Vec<&str> = operations.iter().map(String::as_str).collect();
    let line = refused(&[&["record", "-o", &root_text][..], &all].concat());
    assert!(line.contains("4 of 5 operations are refused"), "{line}");
    assert!(line.contains("--skip-refused"), "{line}");
    let none = [
        &["record", "-o", &root_text, "--skip-refused"][..],
        &all[..2],
    ]
    .concat();
    let line = refused(&none);
    assert!(line.contains("no_such_function"), "{line}");
    assert!(!root.exists());
}

#[test]
fn the_others_are_recorded_and_the_recording_tells_what_was_left_out() {
    if !host::allows_bpf() {
        return;
    }
    for by_file in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recording");
        let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
        let operations = operations(&program);
        let config = directory.path().join("soak.toml");
        std::fs::write(&config, "skip_refused = true\n").unwrap();
        let config = config.display().to_string();
        let mut arguments: Vec<&str> = operations.iter().map(String::as_str).collect();
        if by_file {
            arguments.extend(["--config", &config]);
        } else {
            arguments.push("--skip-refused");
        }
        let recorder = Recorder::start(&root, &arguments);
        let outcome = targets::run(&program, &["calls", "1000", "2", "7"]);
        let stderr = recorder.stop().check().stderr;
        let recording = Recording::open(&root);
        let totals = recording.checked("good");
        assert_eq!(totals.finished, outcome.counts().finished);
        assert!(totals.finished > 0);
        let footer = recording.footer();
        let left_out: Vec<&str> = footer
            .provenance
            .left_out
            .iter()
            .map(|left_out| left_out.operation.as_str())
            .collect();
        assert_eq!(left_out, REASONS.map(|(name, _)| name));
        for (left_out, (_, reason)) in footer.provenance.left_out.iter().zip(REASONS) {
            assert!(left_out.reason.contains(reason), "{left_out:?}");
        }
        let notes = recording.words("annotations", "text");
        for (name, reason) in REASONS {
            let lines = stderr.lines().filter(|line| line.contains(reason)).count();
            assert_eq!(lines, 1, "{name}: {stderr}");
            let noted = |text: &&String| {
                text.starts_with(&format!("operation left out: {name}: ")) && text.contains(reason)
            };
            assert_eq!(notes.iter().filter(noted).count(), 1, "{name}: {notes:?}");
        }
    }
}

#[test]
fn only_failures_are_refused_where_no_failure_is_known() {
    let program = targets::build("ops.c", &[]);
    let op = format!("op=uprobe:{}:op", program.display());
    let line = refused(&["record", "-o", "/nowhere", "--op", &op, "--only-failures"]);
    assert!(line.contains("add a rule success="), "{line}");
}
