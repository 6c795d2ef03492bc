//! What `check` and `probes` answer about Go programs: patterns, costs, hints that lead on, and the
//! functions in C next to the Go functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{host, recorder, targets};

/// A program in a directory of its own.
struct Program {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl Program {
    fn new(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let built = targets::build_go("goroutines", flags, None);
        let path = targets::own_copy(&built, directory.path());
        fs::remove_file(built).unwrap();
        Self {
            _directory: directory,
            path,
        }
    }

    fn strip(&self) {
        let stripped = Command::new("strip").arg(&self.path).status();
        assert!(stripped.unwrap().success());
    }
}

/// What `check` answers about probes on functions of the program, each after the name of its kind:
/// the observed and the refused ones.
fn check(program: &Path, probes: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let operations = probes.iter().enumerate().map(|(index, probe)| {
        let (kind, function) = probe.split_once(':').unwrap();
        format!("op{index}={kind}:{}:{function}", program.display())
    });
    let operations: Vec<String> = operations.collect();
    recorder::check(&operations)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key}: {value}"))
}

/// The reason and the hint of the only answer, a refusal.
fn refusal(program: &Path, probe: &str) -> String {
    let (observed, refused) = check(program, &[probe]);
    assert_eq!(
        (observed.len(), refused.len()),
        (0, 1),
        "{probe}: {observed:?}"
    );
    refused[0].to_string()
}

#[test]
fn a_pattern_stands_for_the_functions_whose_names_it_matches() {
    if !host::allows_bpf() {
        return;
    }
    let program = Program::new(&["-ldflags=-s -w"]);
    for (pattern, expected) in [
        ("main.(*list[...]).*", &["main.__list_...__.push"][..]),
        ("main.s?m*", &["main.sum_..._"]),
        (
            "main.op*",
            &["main.op", "main.op_deferred", "main.op_recovers"],
        ),
        ("main.(*).get", &["main.__inner_.get"]),
    ] {
        let (observed, refused) = check(&program.path, &[&format!("go:{pattern}")]);
        let names = observed.iter().chain(&refused);
        let names: BTreeSet<&str> = names.map(|probe| text(probe, "operation")).collect();
        let names: Vec<&str> = names.iter().map(|name| &name["op0.".len()..]).collect();
        let names: Vec<&str> = names
            .into_iter()
            .filter(|name| !name.contains(".func"))
            .collect();
        assert_eq!(names, expected, "{pattern}");
        assert!(refused.is_empty(), "{pattern}: {refused:?}");
    }
    let missing = refusal(&program.path, "go:main.no_such*");
    assert!(missing.contains("whose name matches"), "{missing}");
    let many = refusal(&program.path, "go:runtime.*");
    assert!(many.contains("write a longer pattern"), "{many}");
}

#[test]
fn each_go_function_has_its_class_and_counts_in_the_totals() {
    if !host::allows_bpf() {
        return;
    }
    let program = Program::new(&["-tags=c", "-buildmode=pie"]);
    let path = program.path.display().to_string();
    let answer = recorder::json(&["probes", "--costs", &path]);
    let functions = answer["go_functions"].as_array().unwrap();
    let mut counts = BTreeMap::<String, i64>::new();
    let mut addresses = BTreeSet::new();
    for function in functions {
        let class = function["cost_class"].as_str();
        let refused = function["refused"].as_str();
        assert_eq!(class.is_some(), refused.is_none(), "{function}");
        assert_eq!(
            class.is_some(),
            function["finish_us"].is_number(),
            "{function}"
        );
        assert!(addresses.insert(text(function, "address")), "{function}");
        *counts
            .entry(class.unwrap_or("refused").to_owned())
            .or_default() += 1;
    }
    let observable: i64 = counts
        .iter()
        .filter(|(class, _)| *class != "refused")
        .map(|(_, n)| n)
        .sum();
    assert!(observable > 1000, "{counts:?}");
    for function in answer["functions"].as_array().unwrap() {
        let go = function["refused"]
            .as_str()
            .is_some_and(|why| why.contains("it is Go code"));
        if !go && addresses.insert(text(function, "address")) {
            let class = function["cost_class"].as_str().unwrap_or("refused");
            *counts.entry(class.to_owned()).or_default() += 1;
        }
    }
    let totals = answer["totals"].as_object().unwrap();
    for (class, total) in totals
        .iter()
        .filter(|(class, _)| *class != "with_finish_jump")
    {
        let counted = counts.get(class).copied().unwrap_or_default();
        assert_eq!(total.as_i64().unwrap(), counted, "{class}");
    }
    // As `check` has them.
    let named = |name: &&str| {
        let mut functions = functions.iter();
        functions
            .find(|function| text(function, "name") == *name)
            .unwrap()
    };
    let names = [
        "main.op",
        "main.leaf",
        "main.large",
        "main.choose",
        "main.main",
    ];
    let (observed, refused) = check(
        &program.path,
        &names
            .map(|name| format!("go:{name}"))
            .each_ref()
            .map(String::as_str),
    );
    assert!(refused.is_empty(), "{refused:?}");
    for (name, probe) in names.iter().zip(&observed) {
        let stepped = |key: &str| {
            let sites = probe[key].as_array().unwrap();
            sites.iter().any(|site| site["stepped"].as_bool().unwrap())
        };
        let class = match (stepped("begins"), stepped("finishes")) {
            (false, false) => "emulated",
            (true, true) => "two_steps",
            _ => "one_step",
        };
        assert_eq!(text(named(name), "cost_class"), class, "{name}");
    }
}

#[test]
fn functions_in_c_are_observed_and_go_functions_are_named_as_such() {
    if !host::allows_bpf() {
        return;
    }
    let program = Program::new(&["-tags=c", "-buildmode=pie"]);
    let (observed, refused) = check(&program.path, &["uprobe:through"]);
    assert_eq!((observed.len(), refused.len()), (1, 0), "{refused:?}");
    assert!(
        text(&observed[0], "abandonment").contains("equal stack pointer"),
        "{observed:?}"
    );
    assert!(
        !text(&observed[0], "finish").starts_with("a uretprobe"),
        "{observed:?}"
    );
    let vouched = refusal(&program.path, "uprobe:through,finish=uretprobe");
    assert!(vouched.contains("the stacks of Go move"), "{vouched}");
    for stripped in [false, true] {
        if stripped {
            program.strip();
        }
        let go = refusal(&program.path, "uprobe:main.op");
        assert!(
            go.contains("it is Go code") && go.contains("go:FILE:FUNCTION"),
            "{go}"
        );
    }
}

#[test]
fn a_hint_about_the_error_leads_to_a_probe_that_is_accepted() {
    if !host::allows_bpf() {
        return;
    }
    let program = Program::new(&[]);
    let instances = |program: &Path, probe: &str| {
        let refused = refusal(program, probe);
        let (_, names) = refused
            .split_once("observe one instance by its name: ")
            .unwrap_or_else(|| panic!("{refused}"));
        let names = names.split('"').next().unwrap().split(", main.");
        let names = names.map(|name| format!("main.{}", name.trim_start_matches("main.")));
        names.collect::<Vec<String>>()
    };
    let listed = recorder::json(&["probes", &program.path.display().to_string()]);
    let names = listed["go_functions"].to_string();
    // Up to Go 1.20 the instances have one name.
    if !names.contains("main.after_any[go.shape.") {
        let refused = refusal(&program.path, "go:main.after_any[...],success=goerr");
        assert!(
            refused.contains("leave the rule 'success' out"),
            "{refused}"
        );
        return;
    }
    for rule in ["goerr", "goerr:2"] {
        let names = instances(
            &program.path,
            &format!("go:main.after_any[...],success={rule}"),
        );
        assert!(names.len() > 1, "{names:?}");
        for name in names {
            let (observed, refused) = check(&program.path, &[&format!("go:{name},success=goerr")]);
            assert_eq!(
                (observed.len(), refused.len()),
                (1, 0),
                "{name}: {refused:?}"
            );
        }
    }
    let wrong = refusal(&program.path, "go:main.after_int,success=goerr:3");
    assert!(
        wrong.contains("write success=goerr, or success=goerr:1"),
        "{wrong}"
    );
    let none = refusal(&program.path, "go:main.no_error,success=goerr");
    assert!(none.contains("leave the rule 'success' out"), "{none}");
    program.strip();
    // One number for all instances may be right for some of them only.
    let (observed, refused) = check(&program.path, &["go:main.after_any,success=goerr:1"]);
    assert_eq!((observed.len(), refused.len()), (1, 0), "{refused:?}");
    let warnings = observed[0]["warnings"].to_string();
    assert!(
        warnings.contains("is taken for all 2 instances"),
        "{warnings}"
    );
}
