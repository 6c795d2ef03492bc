//! `finish=uretprobe`: a person vouches that a uretprobe does no harm to a program that could unwind.
//! The counts are exact as long as that is true, and the recording tells who was vouched for.

use std::path::Path;

use crate::support::recorder::{self, Recorder, refused};
use crate::support::recording::Recording;
use crate::support::{host, targets};
use serde_json::Value;

/// The probe of `check` for one operation.
fn checked(probe: &str) -> Value {
    let answer = recorder::json(&["check", "--op", probe]);
    answer["probes"][0].clone()
}

fn op_of(program: &Path, rules: &str) -> String {
    format!("op=uprobe:{}:op{rules}", program.display())
}

#[test]
fn counts_are_exact_in_programs_that_unwind_elsewhere() {
    if !host::allows_bpf() {
        return;
    }
    for (source, arguments, risk) in [
        // Past the operation by longjmp, which the kernel follows: those are abandoned.
        ("jumps.c", &["jumps", "300", "5", "3"][..], "longjmp"),
        // Thrown and caught inside it.
        ("exceptions.cpp", &["inside", "300"], "exception"),
        // In a program that could switch stacks.
        ("leaks.cpp", &["throws", "0", "300"], "swapcontext"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recording");
        let program = targets::own_copy(&targets::build(source, &[]), directory.path());
        let alone = targets::run(&program, arguments);
        let probe = op_of(&program, ",finish=uretprobe,success=ret:i32>=0");
        let recorder = Recorder::start(&root, &["--op", &probe]);
        let observed = targets::run(&program, arguments);
        let stderr = recorder.stop().check().stderr;
        assert_eq!(observed, alone, "{source}");
        let recording = Recording::open(&root);
        let (totals, counts) = (recording.checked("op"), alone.counts());
        assert!(counts.finished > 0);
        assert_eq!(totals.begun, counts.begun, "{source}: {totals:?}");
        assert_eq!(totals.finished, counts.finished, "{source}: {totals:?}");
        assert_eq!(totals.abandoned, counts.abandoned, "{source}: {totals:?}");
        assert_eq!((totals.lost, totals.unmatched), (0, 0), "{source}");
        // One warning, and the reason in the footer of each file.
        let warnings = stderr
            .lines()
            .filter(|line| line.contains("finish=uretprobe"));
        assert_eq!(warnings.count(), 1, "{stderr}");
        let vouched = recording.footer().provenance.vouched;
        assert_eq!(vouched.len(), 1);
        assert_eq!(vouched[0].operation, "op");
        assert!(vouched[0].risk.contains(risk), "{vouched:?}");
    }
}

#[test]
fn check_names_the_risk_where_there_is_one() {
    let program = targets::build("jumps.c", &[]);
    let (usual, vouched) = (
        checked(&op_of(&program, "")),
        checked(&op_of(&program, ",finish=uretprobe")),
    );
    assert_eq!(usual["vouched"], Value::Null);
    assert!(!usual["finish"].as_str().unwrap().contains("uretprobe"));
    assert!(vouched["vouched"].as_str().unwrap().contains("longjmp"));
    assert!(
        vouched["finish"]
            .as_str()
            .unwrap()
            .starts_with("by a uretprobe")
    );
    assert_eq!(vouched["finishes"].as_array().unwrap().len(), 1);
    assert_eq!(vouched["warnings"].as_array().unwrap().len(), 1);
    // Nothing to vouch for: nobody is warned.
    let plain = targets::build("plain.c", &["-O0"]);
    let plain = checked(&op_of(&plain, ",finish=uretprobe"));
    assert_eq!(plain["vouched"], Value::Null);
    assert_eq!(plain["warnings"], serde_json::json!([]));
}

#[test]
fn where_harm_is_certain_nobody_can_vouch() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let refused = |probe: &str, reason: &str| {
        let line = refused(&["record", "-o", &output, "--op", probe]);
        assert!(line.contains(reason), "{probe}: {line}");
        assert!(line.contains("leave"), "{probe}: {line}");
    };
    let libc = targets::own_copy(
        Path::new("/lib/x86_64-linux-gnu/libc.so.6"),
        directory.path(),
    );
    for name in ["_setjmp", "__sigsetjmp", "getcontext", "vfork", "dlsym"] {
        let probe = format!("op=uprobe:{}:{name},finish=uretprobe", libc.display());
        refused(&probe, "uses its own return address");
    }
    let copied = targets::build("clones.c", &["-O3"]);
    refused(&op_of(&copied, ",finish=uretprobe"), "made copies");
    let marker = targets::build("ops_marker.c", &[]);
    let marker = format!("op=marker:{}:op,finish=uretprobe", marker.display());
    refused(&marker, "is for uprobe:FILE:FUNCTION only");
    let go = targets::build_go("goroutines", &[], None);
    for kind in ["go", "uprobe"] {
        let probe = format!("op={kind}:{}:main.burns,finish=uretprobe", go.display());
        refused(&probe, "stacks of Go");
    }
    std::fs::remove_file(go).unwrap();
}
