//! `finish=jump` is offered where it helps, and refused where the finish would not be certain.

use std::path::Path;

use serde_json::Value;

use crate::support::recorder::{self, refused};
use crate::support::targets;

const FLAGS: [&str; 3] = ["-O2", "-w", "-pthread"];

fn refusal(program: &Path, name: &str, rules: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:{name}{rules}", program.display());
    refused(&["record", "-o", &output, "--op", &probe])
}

#[test]
fn the_rule_is_named_where_it_helps() {
    let program = targets::build("leaves.c", &FLAGS);
    for (name, to) in [
        ("to_sleep", "(to 'syscall')"),
        ("to_pointer", "tail call"),
        ("to_other", "lead to 'to_pointer'"),
    ] {
        let line = refusal(&program, name, "");
        assert!(
            line.contains(to) && line.contains("write finish=jump"),
            "{line}"
        );
    }
    let probe = format!("op=uprobe:{}:to_sleep,finish=jump", program.display());
    let answer = recorder::json(&["check", "--op", &probe]);
    let probe = &answer["probes"][0];
    assert_eq!(
        probe["warnings"],
        serde_json::json!([
            "finish=jump: the operation finishes where it jumps to 'syscall'; what is executed there is not part of it"
        ])
    );
    let finish = probe["finish"].as_str().unwrap();
    assert!(
        finish.starts_with("at 1 jump that cannot be followed ("),
        "{finish}"
    );
}

#[test]
fn a_finish_that_is_not_certain_is_refused() {
    let program = targets::build("leaves.c", &FLAGS);
    let line = refusal(&program, "inside", ",finish=jump");
    assert!(line.contains("may lead back into it"), "{line}");
    let line = refusal(&program, "to_import", ",finish=jump,success=ret>=0");
    assert!(
        line.contains("(to 'random'), where the return value"),
        "{line}"
    );
    // Every finish has its value where it does not leave.
    let plain = targets::build("plain.c", &["-O2"]);
    let probe = format!(
        "op=uprobe:{}:op,finish=jump,success=ret:i32>=0",
        plain.display()
    );
    let answer = recorder::json(&["check", "--op", &probe]);
    assert_eq!(answer["probes"][0]["warnings"], serde_json::json!([]));
    let marker = targets::build("ops_marker.c", &[]);
    let probe = format!("op=marker:{}:op,finish=jump", marker.display());
    let line = refused(&["check", "--op", &probe]);
    assert!(line.contains("is for uprobe:FILE:FUNCTION only"), "{line}");
}

#[test]
fn probes_counts_what_the_rule_would_observe() {
    let program = targets::build("leaves.c", &FLAGS);
    let answer = recorder::json(&["probes", "--costs", program.to_str().unwrap()]);
    let functions = answer["functions"].as_array().unwrap();
    let of = |name: &str| {
        functions
            .iter()
            .find(|function| function["name"] == name)
            .unwrap()
    };
    for name in ["to_import", "to_pointer", "to_other"] {
        assert!(of(name)["refused"].is_string() && of(name)["with_finish_jump"].is_string());
    }
    assert_eq!(of("inside")["with_finish_jump"], Value::Null);
    let (refused, with_jumps) = (
        &answer["totals"]["refused"],
        &answer["totals"]["with_finish_jump"],
    );
    assert!(refused.as_u64() > with_jumps.as_u64() && with_jumps.as_u64() > Some(5));
}
