//! The output of `check` for each probe: where its finish is observed and why, its risk and its
//! cost.

use crate::support::recorder;
use crate::support::targets;
use serde_json::Value;

/// The probe as JSON, and the whole table. Neither depends on whether this host allows BPF.
fn check(operation: &str) -> (Value, String) {
    let (_, table, _) = recorder::run(&["check", "--op", operation]);
    let (_, json, stderr) = recorder::run(&["check", "--op", operation, "--format", "json"]);
    let answer: Value =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {stderr}"));
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
fn a_function_that_can_only_return_finishes_by_a_uretprobe() {
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
fn a_marker_finishes_by_itself_without_a_single_step() {
    let program = targets::build("ops_marker.c", &[]);
    let (probe, table) = check(&format!("op=marker:{}:op", program.display()));
    assert_eq!(
        (&probe["kind"], &probe["finish"]),
        (&"marker".into(), &"by the marker".into())
    );
    assert_eq!(probe["success"], "as the marker reports it");
    assert!(stepped(&probe).iter().all(|stepped| !stepped), "{probe}");
    assert!(!table.contains("single-steps"), "{table}");
}

#[test]
fn a_rule_that_may_read_something_else_in_a_copy_is_in_a_warning() {
    let program = targets::build("clones.c", &["-O3"]);
    let probe = format!("op=uprobe:{}:op", program.display());
    let (plain, _) = check(&probe);
    assert_eq!(plain["copies"], serde_json::json!(["op.constprop.0"]));
    assert_eq!(plain["warnings"], serde_json::json!([]));
    let (ruled, table) = check(&format!("{probe},success=ret:i32>=0"));
    let warning = ruled["warnings"][0].as_str().unwrap();
    assert!(warning.contains("op.constprop.0"), "{warning}");
    assert!(table.contains(warning), "{table}");
}

#[test]
fn a_path_is_shown_as_it_was_typed_next_to_where_it_leads() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("a,b::c\\d");
    std::fs::create_dir(&place).unwrap();
    let program = targets::own_copy(&targets::build("ops_marker.c", &[]), &place);
    let link = place.join("link");
    std::os::unix::fs::symlink(&program, &link).unwrap();
    let escaped = |path: &std::path::Path| {
        let path = path.display().to_string();
        path.replace('\\', r"\\")
            .replace(',', r"\,")
            .replace(':', r"\:")
    };
    for kind in ["marker", "uprobe"] {
        let (direct, _) = check(&format!("op={kind}:{}:op", escaped(&program)));
        assert_eq!(direct["file"], program.display().to_string());
        assert!(direct["resolved_file"].is_null(), "{direct}");
        let (linked, table) = check(&format!("op={kind}:{}:op", escaped(&link)));
        assert_eq!(linked["file"], link.display().to_string());
        assert_eq!(linked["resolved_file"], program.display().to_string());
        assert_eq!(linked["begins"], direct["begins"]);
        let both = format!("{}, which is {}", link.display(), program.display());
        assert!(table.contains(&both), "{table}");
    }
}

/// The key of a built program is exact: `-DLIMIT=-1` is not `-DLIMIT=1`.
#[test]
fn targets_with_other_flags_are_other_programs() {
    let mut programs = vec![
        targets::build("plain.c", &[]),
        targets::build("plain.c", &["-DLIMIT=1"]),
        targets::build("plain.c", &["-DLIMIT=-1"]),
        targets::build("plain.c", &["-DLIMIT=1 "]),
        targets::build("plain.c", &["-D", "LIMIT=1"]),
    ];
    programs.sort();
    programs.dedup();
    assert_eq!(programs.len(), 5, "{programs:?}");
}
