//! Functions that finish at return instructions are recorded exactly, and the program does what it
//! does unobserved: also on kernels where the recorder's program carries the returns out.

use std::path::Path;

use serde_json::Value;

use crate::support::calls::{self, Calls};
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::targets::Outcome;
use crate::support::{host, targets};
use soakbox_recorder::resolve::Conditions;

/// The functions of `shapes_of_returns.c`, and whether the recorder's program may carry out their
/// returns: not right after a call, where a call may come before, and not in another encoding.
const FUNCTIONS: [(&str, bool); 10] = [
    ("l_straight", true),
    ("l_recursive", true),
    ("l_tail", true),
    ("l_registers", true),
    ("l_frame", true),
    ("l_direct", false),
    ("l_self", false),
    ("l_rep", true),
    ("l_takes_off", false),
    ("v_nothing", false),
];

fn carries_out_returns() -> bool {
    let carries_out = Conditions::of_this_host().unwrap().carries_out_returns();
    if !carries_out {
        eprintln!("this kernel does not let programs carry out returns");
    }
    carries_out
}

fn probes(program: &Path, rules: &str) -> Vec<String> {
    let probe = |(name, _): &(&str, bool)| {
        // A rule that reads the value, so that all of them are known.
        let value = if name.starts_with("v_") {
            ""
        } else {
            ",success=ret:i64>=0"
        };
        format!("{name}=uprobe:{}:{name}{value}{rules}", program.display())
    };
    FUNCTIONS.iter().map(probe).collect()
}

fn arguments() -> [String; 2] {
    let seed = host::seed() % 100_000;
    [seed.to_string(), (100 + seed % 100).to_string()]
}

/// Compares the counts and the values of a recording with those of the program.
fn compare(root: &Path, outcome: &Outcome, place: &str) {
    assert_eq!(outcome.status.code(), Some(7), "{place}: {outcome:?}");
    let recording = Recording::open(root);
    for Calls { name, calls, sum } in calls::of_each(&outcome.stdout) {
        let place = format!("{name} of {place}");
        let totals = recording.checked(&name);
        assert_eq!(totals.begun, calls, "{place}: {totals:?}");
        assert_eq!(totals.finished, calls, "{place}: {totals:?}");
        assert_eq!((totals.unmatched, totals.abandoned), (0, 0), "{place}");
        assert_eq!(totals.lost, 0, "{place}");
        if name.starts_with("l_") {
            let values = recording.of(&name, "return_value");
            let add = |sum: i64, value: &Option<i64>| sum.wrapping_add(value.unwrap());
            assert_eq!(values.iter().fold(0, add), sum, "{place}");
        }
    }
}

/// The kinds of finishes that `check` reports for a function: those carried out, those stepped.
fn finishes(check: &Value, name: &str) -> (usize, usize) {
    let mut probes = check["probes"].as_array().unwrap().iter();
    let probe = probes.find(|probe| probe["operation"] == name).unwrap();
    let finishes = probe["finishes"].as_array().unwrap();
    let with = |key: &str| finishes.iter().filter(|place| place[key] == true).count();
    (with("carried_out"), with("stepped"))
}

/// Without an import of `longjmp` a uretprobe finishes those that are not recursive.
const LINKS: [&[&str]; 2] = [&["-Wl,-u,longjmp"], &[]];
const FLAGS: [(&str, &[&str]); 6] = [
    ("gcc", &["-O2"]),
    ("clang", &["-O2"]),
    ("gcc", &["-O0"]),
    ("gcc", &["-O3", "-fno-omit-frame-pointer"]),
    ("gcc", &["-Os", "-fcf-protection=full", "-static-pie"]),
    ("clang", &["-O1", "-fstack-protector-all"]),
];

#[test]
fn calls_and_values_are_exact_at_returns() {
    if !host::allows_bpf() {
        return;
    }
    let is_new = carries_out_returns();
    let other = 1 + host::seed() as usize % (FLAGS.len() - 1);
    for ((compiler, flags), link) in [FLAGS[0], FLAGS[other]]
        .into_iter()
        .flat_map(|flags| LINKS.map(|link| (flags, link)))
    {
        if !host::has_tool(compiler) {
            continue;
        }
        let flags = [flags, link, &["-w", "-pthread"]].concat();
        let program = targets::build_by(compiler, "shapes_of_returns.c", &flags);
        for rule in ["", ",finish=step"] {
            let directory = tempfile::tempdir().unwrap();
            let program = targets::own_copy(&program, directory.path());
            let root = directory.path().join("recording");
            let arguments = arguments();
            let probes = probes(&program, rule);
            let ops: Vec<&str> = probes.iter().flat_map(|probe| ["--op", probe]).collect();
            let check = recorder::json(&[&["check"], &ops[..]].concat());
            let recorder = Recorder::start(&root, &ops);
            let outcome = targets::run(&program, &[&arguments[0], &arguments[1]]);
            recorder.stop().check();
            let place = format!("{compiler} {flags:?}{rule} with {arguments:?}");
            compare(&root, &outcome, &place);
            for (name, may_be_carried_out) in FUNCTIONS {
                let (carried_out, _) = finishes(&check, name);
                if !may_be_carried_out || !is_new || !rule.is_empty() {
                    assert_eq!(carried_out, 0, "{name} of {place}");
                }
            }
            if is_new && rule.is_empty() && flags.contains(&LINKS[0][0]) {
                for name in ["l_straight", "l_rep"] {
                    assert_eq!(finishes(&check, name), (1, 0), "{name} of {place}");
                }
            }
        }
    }
}

/// The program of one of them carries a return out before that of the other one runs.
#[test]
fn two_recorders_at_the_same_returns_are_both_exact() {
    if !host::allows_bpf() {
        return;
    }
    let flags = ["-O2", "-w", "-pthread", LINKS[0][0]];
    let program = targets::build("shapes_of_returns.c", &flags);
    for rules in [["", ""], ["", ",finish=step"], [",finish=step", ""]] {
        let directory = tempfile::tempdir().unwrap();
        let program = targets::own_copy(&program, directory.path());
        let roots = ["one", "two"].map(|name| directory.path().join(name));
        let recorders: Vec<Recorder> = roots
            .iter()
            .zip(rules)
            .map(|(root, rule)| {
                let probes = probes(&program, rule);
                let options = probes.iter().flat_map(|probe| ["--op", probe]);
                Recorder::start(root, &options.collect::<Vec<_>>())
            })
            .collect();
        let arguments = arguments();
        let outcome = targets::run(&program, &[&arguments[0], &arguments[1]]);
        for recorder in recorders {
            recorder.stop().check();
        }
        for root in &roots {
            compare(root, &outcome, &format!("{rules:?} with {arguments:?}"));
        }
    }
}

/// A debugger that single-steps the program sees the same instructions.
#[test]
fn a_debugger_steps_over_observed_returns() {
    if !host::allows_bpf() {
        return;
    }
    let program = targets::build("steps.c", &["-O2", "-Wl,-u,longjmp"]);
    let alone = targets::run(&program, &["40"]);
    for rule in ["", ",finish=step"] {
        let directory = tempfile::tempdir().unwrap();
        let program = targets::own_copy(&program, directory.path());
        let root = directory.path().join("recording");
        let probe = format!("op=uprobe:{}:op{rule}", program.display());
        let recorder = Recorder::start(&root, &["--op", &probe]);
        let observed = targets::run(&program, &["40"]);
        recorder.stop().check();
        assert_eq!(observed, alone, "{rule}");
        let totals = Recording::open(&root).checked("op");
        assert_eq!((totals.begun, totals.finished), (40, 40), "{rule}");
    }
}
