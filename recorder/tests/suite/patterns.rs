//! Patterns in function names: each function that matches is an operation of its own, with exactly
//! its own calls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::recorder::{self, Recorder, refused};
use crate::support::recording::Recording;
use crate::support::{host, targets};
use serde_json::Value;
use soakbox_recorder::binary::pattern;
use wildmatch::WildMatch;

/// The end of the operation's name and the key under which the target prints the function's count.
const METHODS: [(&str, &str); 10] = [
    ("Store", "constructed"),
    ("fetch-int-", "fetch_int"),
    ("fetch-long-", "fetch_long"),
    ("find-int-int-", "find_int"),
    ("find-long-long-", "find_long"),
    ("get-", "get"),
    ("get-const", "get_const"),
    ("only", "only"),
    ("take-ref-", "take_left"),
    ("take-ref-ref-", "take_right"),
];

fn compile(directory: &Path, text: &str, flags: &[&str]) -> PathBuf {
    let (source, program) = (directory.join("source.cpp"), directory.join("program"));
    std::fs::write(&source, text).unwrap();
    let compiled = Command::new("g++")
        .args(["-O1", "-x", "c++"])
        .args(flags)
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .status();
    assert!(compiled.unwrap().success());
    program
}

fn names(probes: &[Value]) -> Vec<&str> {
    let names = probes.iter();
    names
        .map(|probe| probe["operation"].as_str().unwrap())
        .collect()
}

#[test]
fn the_functions_that_match_are_those_whose_symbols_or_readable_names_do() {
    let program = targets::build("overloads.cpp", &[]);
    let bytes = std::fs::read(program).unwrap();
    let elf = object_symbols(&bytes);
    for text in ["_ZN3app*", "app::Store::*", "app::*::[a-z]*", "*e*", "m?in"] {
        let found = pattern::matches(&bytes, "program", text);
        let found: Vec<String> = match found {
            Ok(found) => found
                .unwrap()
                .into_iter()
                .map(|found| found.symbol)
                .collect(),
            Err(refused) => {
                assert!(
                    refused
                        .to_string()
                        .contains("no function whose name matches")
                );
                Vec::new()
            }
        };
        // Each address by one of its names.
        let mut expected: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for (symbol, readable, address) in &elf {
            if WildMatch::new(text).matches(symbol) || WildMatch::new(text).matches(readable) {
                expected.entry(*address).or_default().push(symbol);
            }
        }
        assert_eq!(
            found.len(),
            expected.len(),
            "{text}: {found:?} {expected:?}"
        );
        for names in expected.values() {
            let of_address = found.iter().filter(|found| names.contains(&found.as_str()));
            assert_eq!(of_address.count(), 1, "{text}: {names:?} in {found:?}");
        }
    }
}

/// Symbol, readable name without parameters, and address of each function, by `nm`.
fn object_symbols(bytes: &[u8]) -> Vec<(String, String, u64)> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("program");
    std::fs::write(&program, bytes).unwrap();
    let nm = |flags: &[&str]| {
        let output = Command::new("nm")
            .args(flags)
            .arg(&program)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (plain, readable) = (nm(&["-p"]), nm(&["-p", "-C"]));
    let lines = plain.lines().zip(readable.lines());
    lines
        .filter_map(|(plain, readable)| {
            let mut words = plain.split_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            let kind = words.next()?;
            let symbol = words.next()?.to_owned();
            let (_, readable) = readable.split_once(&format!(" {kind} "))?;
            let readable = readable.replace("(anonymous namespace)", "{anonymous_namespace}");
            let path = readable.split(['(', '<']).next()?;
            let path = path.split_whitespace().last()?;
            "tTwW"
                .contains(kind)
                .then(|| (symbol, path.to_owned(), address))
        })
        .collect()
}

#[test]
fn a_name_that_a_function_has_is_no_pattern() {
    let directory = tempfile::tempdir().unwrap();
    let text = "struct V { int x; __attribute__((noinline)) V operator*(int k) { return {x * k + 1}; }\n\
                __attribute__((noinline)) void operator*=(int k) { x = x * k + 3; } };\n\
                int main(int argc, char **) { V v{argc}; v *= 3; return (v * 2).x & 1; }";
    let program = compile(directory.path(), text, &[]);
    let program = program.display();
    let (probes, refused) = recorder::check(&[&format!("op=uprobe:{program}:V::operator*")]);
    assert_eq!((names(&probes), refused.len()), (vec!["op"], 0));
    let (probes, refused) = recorder::check(&[&format!("op=uprobe:{program}:V::operator?=")]);
    assert_eq!(
        (names(&probes), refused.len()),
        (vec!["op.V.operator__"], 0)
    );
    let (probes, _) = recorder::check(&[&format!("op=uprobe:{program}:V::op*")]);
    // In the order of the symbols: `_ZN1VmLEi` is that of `operator*=`.
    assert_eq!(names(&probes), ["op.V.operator__", "op.V.operator_"]);
}

#[test]
fn copies_and_split_off_parts_count_as_their_function() {
    let program = targets::build("clones.c", &["-O3"]);
    let (probes, _) = recorder::check(&[&format!("x=uprobe:{}:op*", program.display())]);
    assert_eq!(names(&probes), ["x.op"]);
    assert_eq!(probes[0]["copies"], serde_json::json!(["op.constprop.0"]));
}

#[test]
fn patterns_of_too_many_of_no_and_of_used_names_are_refused_next_to_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let function = |i: usize| {
        format!(
            "extern \"C\" __attribute__((noinline)) int fun{i}(int x) {{ asm(\"\"); return x * {} + {i}; }}\n",
            i + 7
        )
    };
    let functions: String = (0..70).map(function).collect();
    let calls: Vec<String> = (0..70).map(|i| format!("fun{i}(argc)")).collect();
    let text = format!(
        "{functions}int main(int argc, char **) {{ return ({}) & 1; }}",
        calls.join("^")
    );
    let program = compile(directory.path(), &text, &[]);
    let program = program.display();
    let (probes, refused) = recorder::check(&[
        &format!("all=uprobe:{program}:fun*"),
        &format!("few=uprobe:{program}:fun6?"),
        &format!("none=uprobe:{program}:g*"),
        &format!("one.fun7=uprobe:{program}:fun7"),
        &format!("one=uprobe:{program}:fun[7]*"),
        &format!("one2=uprobe:{program}:fun?"),
    ]);
    let few: Vec<String> = (60..70).map(|i| format!("few.fun{i}")).collect();
    let mut observed = few.clone();
    observed.push("one.fun7".into());
    observed.extend((0..10).filter(|i| *i != 7).map(|i| format!("one2.fun{i}")));
    assert_eq!(names(&probes), observed);
    let reasons: Vec<(&str, &str)> = refused
        .iter()
        .map(|refused| {
            let text = |key: &str| refused[key].as_str().unwrap();
            (text("operation"), text("reason"))
        })
        .collect();
    let expected = [
        (
            "all",
            "70 functions match, 11 more than fit: one recording follows at most 64",
        ),
        ("none", "no function whose name matches 'g*'"),
        ("one", "no function whose name matches 'fun[7]*'"),
        ("one2.fun7", "one.fun7 and one2.fun7 observe the same code"),
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    for ((name, reason), (expected_name, expected)) in reasons.iter().zip(expected) {
        assert_eq!(*name, expected_name);
        assert!(reason.contains(expected), "{reason}");
    }
    let line = refused_line(&[
        &format!("a=uprobe:{program}:fun1?"),
        &format!("a.fun12=uprobe:{program}:fun20"),
    ]);
    assert!(line.contains("two operations are named a.fun12"), "{line}");
}

fn refused_line(operations: &[&str]) -> String {
    let mut arguments = vec!["check"];
    arguments.extend(operations.iter().flat_map(|operation| ["--op", operation]));
    refused(&arguments)
}

#[test]
fn each_match_is_recorded_with_its_own_calls() {
    if !host::allows_bpf() {
        return;
    }
    let rounds = 50 + host::seed() % 50;
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("overloads.cpp", &[]), directory.path());
    let root = directory.path().join("recording");
    let operation = format!("op=uprobe:{}:app::Store::*,type=3", program.display());
    let recorder = Recorder::start(&root, &["--op", &operation]);
    let outcome = targets::run(&program, &[rounds.to_string()]);
    recorder.stop().check();
    let counts = outcome.counts();
    let recording = Recording::open(&root);
    let operations = recording.footer().provenance.operations;
    assert_eq!(operations.len(), METHODS.len());
    let constant = operations
        .iter()
        .find(|operation| operation.operation.ends_with("get-const"))
        .unwrap();
    assert_eq!(
        constant.function.as_deref(),
        Some("app::Store::get() const")
    );
    assert!(
        constant.probe.contains("_ZNK3app5Store3getEv,type=3"),
        "{constant:?}"
    );
    for (end, key) in METHODS {
        let totals = recording.checked(&format!("op.app.Store.{end}"));
        assert_eq!(totals.lost, 0, "{end}");
        assert_eq!(totals.finished, counts.all[key], "{end}");
    }
}
