//! Go functions: the recorded counts equal those of the program itself, on many goroutines whose
//! stacks move.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::go_errors::{GO_ERRORS, GoError, LOOPS};
use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::{Recording, Totals};
use crate::support::targets::{self, Counts};
use crate::support::toolchains;
use soakbox_recorder::binary::list;

/// Ways of building: a name, flags, and another toolchain.
type Way = (&'static str, &'static [&'static str], Option<&'static str>);

const PLAIN: Way = ("plain", &[], None);
const STRIPPED: Way = ("stripped", &["-ldflags=-s -w"], None);
const PIE: Way = ("PIE", &["-buildmode=pie"], None);
/// Linked by the C linker.
const EXTERNAL: Way = (
    "external",
    &["-ldflags=-linkmode=external", "-buildmode=pie"],
    None,
);
/// With calls of C that call Go back, linked by the C linker.
const C_PIE: Way = ("C and PIE", &["-tags=c", "-buildmode=pie"], None);
const C_PIE_FLAGS: &[&str] = &["-tags=c", "-buildmode=pie", "-ldflags=-s -w"];
const C_PIE_STRIPPED: Way = ("C and PIE, stripped", C_PIE_FLAGS, None);
const UNOPTIMISED: Way = ("unoptimised", &["-gcflags=all=-N -l"], None);

/// The same way with these toolchains, where they can be downloaded.
fn by(versions: &[&'static str], way: Way) -> Vec<Way> {
    let versions = toolchains::available(versions).into_iter();
    versions
        .map(|version| (way.0, way.1, Some(version)))
        .collect()
}

fn built(way: Way) -> PathBuf {
    targets::build_go("goroutines", way.1, way.2)
}

/// Records one run of the program in `directory`: `function` as the operation `op`.
fn record_in(
    directory: &Path,
    way: Way,
    function: &str,
    arguments: [&str; 3],
) -> (Counts, Recording) {
    let root = directory.join("recording");
    let built = built(way);
    let program = targets::own_copy(&built, directory);
    fs::remove_file(built).unwrap();
    // The other functions of such a program.
    let kind = if function.contains('.') {
        "go"
    } else {
        "uprobe"
    };
    let probe = format!("op={kind}:{}:{function}", program.display());
    let recorder = Recorder::start(&root, &["--op", &probe]);
    let outcome = targets::run(&program, &arguments);
    recorder.stop().check();
    assert!(outcome.status.success(), "{way:?} {function}: {outcome:?}");
    (outcome.counts(), Recording::open(&root))
}

fn record(way: Way, function: &str, arguments: [&str; 3]) -> (Counts, Totals) {
    let directory = tempfile::tempdir().unwrap();
    let (counts, recording) = record_in(directory.path(), way, function, arguments);
    (counts, recording.checked("op"))
}

/// The counts of the recorder are those of the program, to the last operation.
fn exact(way: Way, function: &str, arguments: [&str; 3]) {
    let (counts, totals) = record(way, function, arguments);
    assert_eq!(
        (
            totals.begun,
            totals.finished,
            totals.abandoned,
            totals.unmatched,
            totals.lost
        ),
        (counts.begun, counts.finished, counts.abandoned, 0, 0),
        "{way:?} {function} {arguments:?}: {totals:?}"
    );
    assert!(counts.begun > 0);
}

#[test]
fn goroutines_with_growing_stacks_are_counted_exactly() {
    if !host::allows_bpf() {
        return;
    }
    for way in [
        PLAIN,
        STRIPPED,
        PIE,
        EXTERNAL,
        UNOPTIMISED,
        C_PIE,
        C_PIE_STRIPPED,
    ] {
        exact(way, "main.op", ["op", "500", "70"]);
    }
}

/// Programs of other versions, with calls of C, at any address: growing stacks, recursion, panics,
/// the ends of goroutines, generic functions, and errors where the types are known and where not.
fn other_versions_are_exact(versions: &[&'static str]) {
    if !host::allows_bpf() {
        return;
    }
    for way in by(versions, C_PIE_STRIPPED) {
        exact(way, "main.op", ["op", "500", "70"]);
        exact(way, "main.op", ["recursion", "200", "30"]);
        exact(way, "main.panics", ["panics", "200", "20"]);
        exact(way, "main.op_recovers", ["op_recovers", "200", "20"]);
        exact(way, "main.exits", ["exits", "100", "20"]);
        exact(way, "main.sum[...]", ["sum", "50", "20"]);
    }
    for way in by(versions, C_PIE) {
        exact(way, "main.op", ["op", "500", "70"]);
        failures_are_exact(way, &GO_ERRORS, |_| "goerr".to_owned());
    }
}

#[test]
fn programs_of_other_versions_are_counted_exactly() {
    other_versions_are_exact(&toolchains::OTHERS);
}

#[test]
#[ignore = "downloads toolchains"]
fn programs_of_more_versions_are_counted_exactly() {
    other_versions_are_exact(&toolchains::MORE);
}

#[test]
fn each_level_of_a_recursion_is_counted() {
    if !host::allows_bpf() {
        return;
    }
    for way in [PLAIN, C_PIE] {
        exact(way, "main.op", ["recursion", "200", "30"]);
    }
}

#[test]
fn operations_that_a_recovered_panic_leaves_are_abandoned() {
    if !host::allows_bpf() {
        return;
    }
    exact(PLAIN, "main.panics", ["panics", "200", "20"]);
    exact(PLAIN, "main.op_recovers", ["op_recovers", "200", "20"]);
}

#[test]
fn functions_in_c_that_goroutines_call_are_counted_exactly() {
    if !host::allows_bpf() {
        return;
    }
    let older = by(&toolchains::OTHERS[..1], C_PIE);
    for way in std::iter::once(C_PIE).chain(older) {
        exact(way, "through", ["through", "200", "30"]);
        exact(way, "through", ["through_panics", "200", "20"]);
    }
}

#[test]
fn operations_that_end_with_their_goroutine_are_abandoned() {
    if !host::allows_bpf() {
        return;
    }
    exact(PLAIN, "main.exits", ["exits", "100", "20"]);
}

#[test]
fn generic_functions_are_counted_in_all_their_instances_and_closures_by_their_names() {
    if !host::allows_bpf() {
        return;
    }
    for way in [PLAIN, STRIPPED] {
        exact(way, "main.sum[...]", ["sum", "50", "20"]);
        exact(way, "main.(*list[...]).push", ["push", "50", "20"]);
        // The function that `op` is called from.
        exact(way, "main.main.func1", ["op", "50", "20"]);
    }
}

#[test]
fn each_row_has_the_id_of_its_goroutine() {
    if !host::allows_bpf() {
        return;
    }
    for way in [PLAIN, EXTERNAL] {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["identified", "60", "25"];
        let (counts, recording) = record_in(directory.path(), way, "main.identified", arguments);
        let totals = recording.checked("op");
        assert_eq!((totals.finished, counts.begun), (60 * 25, 60 * 25));
        // The function returns the id itself.
        let ids = recording.of("op", "goroutine");
        assert_eq!(ids, recording.of("op", "return_value"));
        let ids: BTreeSet<i64> = ids.into_iter().flatten().collect();
        assert_eq!(ids.len(), 60, "one id for each goroutine");
    }
}

/// Where all functions were recorded in one run, the failures of each equal those that the program
/// counted; `rule` is their rule `success`.
fn failures_are_exact(way: Way, functions: &[GoError], rule: impl Fn(&GoError) -> String) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let built = built(way);
    let program = targets::own_copy(&built, directory.path());
    fs::remove_file(built).unwrap();
    let probe = |function: &GoError| {
        let (mode, name, rule) = (function.mode, function.name, rule(function));
        format!("{mode}=go:{}:main.{name},success={rule}", program.display())
    };
    let probes: Vec<String> = functions.iter().map(probe).collect();
    let arguments: Vec<&str> = probes.iter().flat_map(|probe| ["--op", probe]).collect();
    let recorder = Recorder::start(&root, &arguments);
    let run = |function: &GoError| targets::run(&program, &[function.mode, "40", "9"]).counts();
    let counts: Vec<Counts> = functions.iter().map(run).collect();
    recorder.stop().check();
    let recording = Recording::open(&root);
    for (GoError { mode, .. }, counts) in functions.iter().zip(counts) {
        let totals = recording.checked(mode);
        assert_eq!(
            (totals.begun, totals.finished, totals.failures),
            (counts.begun, counts.finished, counts.failures),
            "{way:?} {mode}: {totals:?}"
        );
        assert!(0 < counts.failures && counts.failures < counts.finished);
        let values = recording.of(mode, "return_value");
        assert!(values.iter().all(Option::is_none), "{mode}");
    }
}

#[test]
fn an_operation_failed_if_its_last_result_is_an_error() {
    if !host::allows_bpf() {
        return;
    }
    for way in [PLAIN, UNOPTIMISED, EXTERNAL, C_PIE] {
        failures_are_exact(way, &GO_ERRORS, |_| "goerr".to_owned());
    }
}

#[test]
fn an_operation_of_a_stripped_program_failed_if_its_last_result_is_an_error() {
    if !host::allows_bpf() {
        return;
    }
    let given = |function: &GoError| format!("goerr:{}", function.register);
    failures_are_exact(STRIPPED, &GO_ERRORS, given);
    let plain = built(PLAIN);
    let bytes = fs::read(&plain).unwrap();
    fs::remove_file(plain).unwrap();
    // Go has loops over functions since 1.23.
    if list(&bytes).unwrap().go.unwrap().unwrap().version.minor >= 23 {
        failures_are_exact(PLAIN, &LOOPS, given);
    }
}

#[test]
fn results_on_the_stack_are_not_read() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let built = targets::build_go("cgo", &[], None);
    let program = targets::own_copy(&built, directory.path());
    fs::remove_file(built).unwrap();
    let probe = |name: &str| format!("{name}=go:{}:main.{name}", program.display());
    let (outer, inner) = (probe("halve") + ",success=goerr", probe("_C2func_halve"));
    let refused = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"))
        .args(["check", "--op", &format!("{inner},success=ret>=0")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&refused.stdout) + String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && text.contains("results on the stack"),
        "{text}"
    );
    let recorder = Recorder::start(&root, &["--op", &outer, "--op", &inner]);
    let counts = targets::run(&program, &["halve"]).counts();
    recorder.stop().check();
    let recording = Recording::open(&root);
    let (outer, inner) = (
        recording.checked("halve"),
        recording.checked("_C2func_halve"),
    );
    assert_eq!(
        (outer.finished, outer.failures),
        (counts.finished, counts.failures)
    );
    assert_eq!((inner.finished, inner.failures), (counts.finished, 0));
    let values = recording.of("_C2func_halve", "return_value");
    assert!(values.iter().all(Option::is_none));
}
