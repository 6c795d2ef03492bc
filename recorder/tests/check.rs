//! What `check` says of each probe: where its finish is observed and why there, its risk and its cost.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use serde_json::Value;
use support::recorder;
use support::targets;

/// The probe as JSON and as the table has it. Whether this host allows BPF does not matter to either.
fn check(operation: &str) -> (Value, String) {
    let (_, table, _) = recorder::run(&["check", "--op", operation]);
    let (_, json, said) = recorder::run(&["check", "--op", operation, "--format", "json"]);
    let answer: Value =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {said}"));
    (answer["probes"][0].clone(), table)
}

fn stepped(probe: &Value) -> Vec<bool> {
    let sites = ["begins", "finishes"].map(|sites| probe[sites].as_array().unwrap().clone());
    let stepped = sites.concat();
    stepped
        .iter()
        .map(|site| site["stepped"].as_bool().unwrap())
        .collect()
}

#[test]
fn a_function_that_may_be_unwound_finishes_at_its_returns_and_pays_for_it() {
    let program = targets::build("exceptions.cpp", &[]);
    let (probe, table) = check(&format!("op=uprobe:{}:op", program.display()));
    let finish = probe["finish"].as_str().unwrap();
    let sites = probe["finishes"].as_array().unwrap().len();
    assert!(
        finish.starts_with(&format!("at {sites} return instructions (")),
        "{finish}"
    );
    assert!(
        finish.contains("an exception or panic could unwind"),
        "the reason: {finish}"
    );
    let costly = stepped(&probe).iter().filter(|stepped| **stepped).count();
    assert!(
        costly > 0,
        "a return instruction is single-stepped: {probe}"
    );
    assert!(
        table.contains(&format!("single-steps ({costly})")),
        "{table}"
    );
}

#[test]
fn a_function_that_nothing_can_leave_otherwise_finishes_by_a_uretprobe() {
    let program = targets::build("cpu.c", &[]);
    let (probe, table) = check(&format!(
        "op=uprobe:{}:op,success=ret:i32>=0",
        program.display()
    ));
    let finish = probe["finish"].as_str().unwrap();
    assert!(finish.starts_with("by a uretprobe"), "{finish}");
    assert_eq!(probe["begins"], probe["finishes"], "both at its entry");
    assert_eq!(probe["success"], "ret:i32>=0");
    assert!(stepped(&probe).iter().all(|stepped| !stepped), "{probe}");
    assert!(!table.contains("single-steps"), "{table}");
}

#[test]
fn a_marker_finishes_by_itself_at_no_single_step() {
    let program = targets::build("ops_marker.c", &[]);
    let (probe, table) = check(&format!("op=marker:{}:op", program.display()));
    assert_eq!(
        (&probe["kind"], &probe["finish"]),
        (&"marker".into(), &"by the marker".into())
    );
    assert_eq!(probe["success"], "as the marker says");
    assert!(stepped(&probe).iter().all(|stepped| !stepped), "{probe}");
    assert!(!table.contains("single-steps"), "{table}");
}
