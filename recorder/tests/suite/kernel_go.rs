//! Go functions: the recorded counts equal those of the program itself, on many goroutines whose
//! stacks move.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::{Recording, Totals};
use crate::support::targets::{self, Counts};

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
const UNOPTIMISED: Way = ("unoptimised", &["-gcflags=all=-N -l"], None);

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
    let probe = format!("op=go:{}:{function}", program.display());
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
    for way in [PLAIN, STRIPPED, PIE, EXTERNAL, UNOPTIMISED] {
        exact(way, "main.op", ["op", "500", "70"]);
    }
}

#[test]
fn each_level_of_a_recursion_is_counted() {
    if !host::allows_bpf() {
        return;
    }
    exact(PLAIN, "main.op", ["recursion", "200", "30"]);
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

/// Functions of `results.go`: the mode that calls it, its name, and the number of registers for the
/// results before its error.
const ERRORS: [(&str, &str, u32); 13] = [
    ("only", "only", 0),
    ("after_int", "after_int", 1),
    ("after_string", "after_string", 2),
    ("after_slice", "after_slice", 3),
    ("after_float", "after_float", 0),
    ("after_pointers", "after_pointers", 4),
    ("after_interfaces", "after_interfaces", 5),
    ("after_struct", "after_struct", 3),
    ("after_nested", "after_nested", 7),
    ("after_array", "after_array", 1),
    ("after_seven", "after_seven", 7),
    ("after_panic", "after_panic", 2),
    ("after_pointer", "(*store[...]).after_pointer", 1),
];

#[test]
fn an_operation_failed_if_its_last_result_is_an_error() {
    if !host::allows_bpf() {
        return;
    }
    for (way, tells) in [(PLAIN, true), (UNOPTIMISED, true), (STRIPPED, false)] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recording");
        let built = built(way);
        let program = targets::own_copy(&built, directory.path());
        fs::remove_file(built).unwrap();
        let probes = ERRORS.map(|(mode, name, register)| {
            let rule = if tells {
                "goerr".to_owned()
            } else {
                format!("goerr:{register}")
            };
            format!("{mode}=go:{}:main.{name},success={rule}", program.display())
        });
        let arguments: Vec<&str> = probes.iter().flat_map(|probe| ["--op", probe]).collect();
        let recorder = Recorder::start(&root, &arguments);
        let counts = ERRORS.map(|(mode, ..)| targets::run(&program, &[mode, "40", "9"]).counts());
        recorder.stop().check();
        for ((mode, ..), counts) in ERRORS.iter().zip(counts) {
            let recording = Recording::open(&root);
            let totals = recording.checked(mode);
            assert_eq!(
                (totals.finished, totals.failures),
                (counts.finished, counts.failures),
                "{way:?} {mode}: {totals:?}"
            );
            assert!(0 < counts.failures && counts.failures < counts.finished);
            let values = recording.of(mode, "return_value");
            assert!(values.iter().all(Option::is_none), "{mode}");
        }
    }
}
