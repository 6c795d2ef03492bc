//! Functions that end in tail calls are recorded exactly: each call once, with the value that it
//! returned through other functions, some of which are observed too.

use crate::support::recording::Recording;
use crate::support::{host, recorder, targets};

/// A line that the program printed.
#[derive(Clone, Debug)]
struct Own {
    name: String,
    began: i64,
    returned: i64,
    left: i64,
    sum: i64,
}

fn own(stdout: &str) -> Vec<Own> {
    let line = |line: &str| {
        let (name, numbers) = line.split_once(' ').unwrap();
        let numbers: Vec<i64> = numbers
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        Own {
            name: name.to_owned(),
            began: numbers[0],
            returned: numbers[1],
            left: numbers[2],
            sum: numbers[3],
        }
    };
    stdout.lines().map(line).collect()
}

const SHAPES: &str = "shapes_of_tail_calls.c";
const THROWS: &str = "throws_through_tail_calls.cpp";
const THROWS_INTO: &str = "throws_into_callers.cpp";

/// Records the functions of the program for which `chosen` holds, and compares counts and values
/// with the program's own. Returns how many of them end in tail calls.
fn compared(source: &str, compiler: &str, flags: &[&str], chosen: impl Fn(usize) -> bool) -> usize {
    let flags = [flags, &["-w", "-pthread"]].concat();
    let program = targets::build_by(compiler, source, &flags);
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&program, directory.path());
    let root = directory.path().join("recording");
    let all = own(&targets::run(&program, &["1", "0"]).stdout);
    let names = all.iter().enumerate().filter(|(index, _)| chosen(*index));
    let names: Vec<String> = names.map(|(_, own)| own.name.clone()).collect();
    let probes: Vec<String> = names
        .iter()
        // With a rule every value is known.
        .map(|name| format!("{name}=uprobe:{}:{name},success=ret>=0", program.display()))
        .collect();
    let seed = host::seed();
    let arguments = [seed.to_string(), (20 + seed % 20).to_string()];
    let (check, outcome) = recorder::observed(&root, &probes, &program, &arguments);

    let recording = Recording::open(&root);
    for expected in own(&outcome.stdout) {
        let name = &expected.name;
        if !names.contains(name) {
            continue;
        }
        let place = format!("{expected:?} of {compiler} {flags:?} with {names:?}, seed {seed}");
        let totals = recording.checked(name);
        let found = (totals.begun, totals.finished, totals.abandoned);
        let expected_counts = (expected.began, expected.returned, expected.left);
        assert_eq!(found, expected_counts, "{place}: {totals:?}");
        assert_eq!((totals.unmatched, totals.lost), (0, 0), "{place}");
        let values = recording.of(name, "return_value");
        let add = |sum: i64, value: &Option<i64>| sum.wrapping_add(value.unwrap());
        let sum = values.iter().fold(0, add);
        assert_eq!(
            (values.len() as i64, sum),
            (expected.returned, expected.sum),
            "{place}"
        );
    }
    let probes = check["probes"].as_array().unwrap();
    let finish =
        |probe: &&serde_json::Value| probe["finish"].as_str().unwrap().contains("tail call");
    probes.iter().filter(finish).count()
}

const BUILDS: &[(&str, &[&str])] = &[
    ("gcc", &["-O1", "-foptimize-sibling-calls"]),
    ("gcc", &["-O2", "-fcf-protection=full"]),
    ("gcc", &["-Os", "-fcf-protection=none"]),
    ("gcc", &["-O3", "-fno-omit-frame-pointer"]),
    ("clang", &["-O2"]),
    ("clang", &["-Os", "-fcf-protection=full"]),
];

#[test]
fn calls_that_finish_in_tail_called_functions_are_exact() {
    if !host::allows_bpf() {
        return;
    }
    for (compiler, flags) in BUILDS {
        if *compiler == "clang" && !host::has_tool("clang") {
            continue;
        }
        let tails = compared(SHAPES, compiler, flags, |_| true);
        println!("{compiler} {flags:?}: {tails} functions end in tail calls");
        assert!(tails >= 2);
    }
}

#[test]
fn an_observed_function_need_not_have_its_tail_called_functions_observed() {
    if !host::allows_bpf() {
        return;
    }
    for part in 0..3 {
        assert!(compared(SHAPES, "gcc", &["-O2"], |index| index % 3 == part) > 0);
    }
}

#[test]
fn exceptions_out_of_tail_called_functions_leave_their_callers() {
    if !host::allows_bpf() {
        return;
    }
    for compiler in ["g++", "clang++"] {
        if host::has_tool(compiler) {
            assert_eq!(compared(THROWS, compiler, &["-O2"], |_| true), 2);
        }
    }
}

#[test]
fn exceptions_into_callers_that_go_on_after_the_call_finish_nothing() {
    if !host::allows_bpf() {
        return;
    }
    for (compiler, flags) in [
        ("g++", &["-O1", "-foptimize-sibling-calls"][..]),
        ("g++", &["-O2"]),
        ("g++", &["-Os"]),
        ("clang++", &["-O2"]),
    ] {
        if host::has_tool(compiler) {
            assert_eq!(compared(THROWS_INTO, compiler, flags, |_| true), 3);
        }
    }
}
