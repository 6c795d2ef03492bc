//! `finish=jump`: functions that leave by jumps which cannot be followed finish there, each call once.

use crate::support::calls;
use crate::support::recording::Recording;
use crate::support::{host, recorder, targets};

const BUILDS: [(&str, &[&str]); 5] = [
    ("gcc", &["-O2", "-fcf-protection=full"]),
    ("gcc", &["-Os", "-fno-plt"]),
    ("gcc", &["-O1", "-foptimize-sibling-calls"]),
    ("gcc", &["-O3", "-fno-omit-frame-pointer"]),
    ("clang", &["-O2"]),
];

/// Time that `to_sleep` spends in the function of another file that it ends in, ns.
const SLEEP_NS: i64 = 2_000_000;

/// Records every function of `leaves.c` that can be observed, and compares the calls with the program's
/// own count. Returns the names of those that finish at jumps which cannot be followed.
fn compared(compiler: &str, flags: &[&str]) -> Vec<String> {
    let flags = [flags, &["-w", "-pthread"]].concat();
    let program = targets::build_by(compiler, "leaves.c", &flags);
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&program, directory.path());
    let root = directory.path().join("recording");
    let names: Vec<String> = calls::of_each(&targets::run(&program, &["1", "1"]).stdout)
        .into_iter()
        .map(|calls| calls.name)
        .filter(|name| name != "inside")
        .collect();
    let probes: Vec<String> = names
        .iter()
        .map(|name| format!("{name}=uprobe:{}:{name},finish=jump", program.display()))
        .collect();
    let seed = host::seed();
    let arguments = [seed.to_string(), (50 + seed % 50).to_string()];
    let (check, outcome) = recorder::observed(&root, &probes, &program, &arguments);

    let recording = Recording::open(&root);
    let program = format!("{compiler} {flags:?}, seed {seed}");
    calls::compared(&outcome.stdout, &names, &recording, &program);
    // What it jumps to is not part of the operation.
    let mut slept: Vec<i64> = recording
        .of("to_sleep", "duration_ns")
        .into_iter()
        .flatten()
        .collect();
    slept.sort_unstable();
    assert!(slept[slept.len() / 2] < SLEEP_NS, "{slept:?}");
    let values = recording.of("to_sleep", "return_value");
    assert!(values.iter().all(Option::is_none), "{values:?}");

    let operations = recording.footer().provenance.operations;
    let of_name = |name: &str| operations.iter().find(|known| known.operation == name);
    let left_out = of_name("to_sleep").and_then(|operation| operation.left_out.clone());
    let left_out = left_out.unwrap_or_default();
    assert!(left_out.contains("after its jumps to"), "{left_out}");

    let probes = check["probes"].as_array().unwrap().iter();
    let left = probes.filter(|probe| {
        let mut warnings = probe["warnings"].as_array().unwrap().iter();
        warnings.any(|warning| warning.as_str().unwrap().starts_with("finish=jump: "))
    });
    left.map(|probe| probe["operation"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn functions_that_leave_by_jumps_finish_there() {
    if !host::allows_bpf() {
        return;
    }
    for (compiler, flags) in BUILDS {
        if compiler == "clang" && !host::has_tool("clang") {
            continue;
        }
        let left = compared(compiler, flags);
        println!("{compiler} {flags:?}: {} functions leave", left.len());
        for name in ["to_sleep", "to_pointer", "to_picked", "first", "thrice"] {
            assert!(left.iter().any(|other| other == name), "{name}: {left:?}");
        }
    }
}
