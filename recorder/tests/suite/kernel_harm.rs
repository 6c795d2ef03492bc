//! The target comes to no harm: its output and its exit status are the same as without the
//! recorder, through exceptions, panics, longjmp, fibers, cancelled threads and exec; and every
//! begin is accounted for.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use crate::support::host;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::{Recording, Totals};
use crate::support::targets::{self, Outcome};

/// Runs `arguments` of `source` without and with the recorder; both outcomes must be the same.
/// Returns the outcome and the recorded totals.
fn unharmed(source: &str, flags: &[&str], probe: &str, arguments: &[&str]) -> (Outcome, Totals) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build(source, flags), directory.path());
    let alone = targets::run(&program, arguments);
    let recorder = Recorder::start(&root, &["--op", &for_program(probe, &program)]);
    let observed = targets::run(&program, arguments);
    recorder.stop().check();
    assert_eq!(observed, alone, "{source} {arguments:?}");
    (alone, Recording::open(&root).checked("op"))
}

fn for_program(probe: &str, program: &Path) -> String {
    probe.replace("FILE", &program.display().to_string())
}

/// The same; also, the recording must have the same counts as the target.
fn unharmed_and_counted(source: &str, flags: &[&str], probe: &str, arguments: &[&str]) {
    let (outcome, totals) = unharmed(source, flags, probe, arguments);
    let counts = outcome.counts();
    let case = format!("{source} {flags:?} {arguments:?}: {counts:?} {totals:?}");
    assert_eq!(totals.begun, counts.begun, "{case}");
    assert_eq!(totals.finished, counts.finished, "{case}");
    assert_eq!(totals.abandoned, counts.abandoned, "{case}");
    assert_eq!(totals.unmatched, counts.unmatched, "{case}");
    assert_eq!(totals.lost, 0, "{case}");
}

const FUNCTION: &str = "op=uprobe:FILE:op,success=ret:i32>=0";

#[test]
fn exceptions_inside_and_above_the_operation() {
    if !host::allows_bpf() {
        return;
    }
    for mode in ["inside", "above", "nested", "deep", "mixed"] {
        for flags in [&["-O2"][..], &["-O0"]] {
            unharmed_and_counted("exceptions.cpp", flags, FUNCTION, &[mode, "500"]);
        }
    }
    unharmed_and_counted(
        "exceptions.cpp",
        &[],
        "op=marker:FILE:marked",
        &["marker", "500"],
    );
}

#[test]
fn an_uncaught_exception_ends_the_program_as_without_the_recorder() {
    if !host::allows_bpf() {
        return;
    }
    let (outcome, totals) = unharmed("exceptions.cpp", &[], FUNCTION, &["uncaught", "50"]);
    assert_eq!(outcome.status.signal(), Some(libc::SIGABRT));
    let seen = (totals.begun, totals.finished, totals.abandoned, totals.lost);
    assert_eq!(seen, (51, 50, 1, 0), "{totals:?}");
}

#[test]
fn a_uretprobe_in_a_program_without_exceptions_does_no_harm() {
    if !host::allows_bpf() {
        return;
    }
    for flags in [&["-fno-exceptions", "-O2"][..], &["-fno-exceptions", "-O0"]] {
        let program = targets::build("no_exceptions.cpp", flags);
        let probe = for_program(FUNCTION, &program);
        let check = recorder::json(&["check", "--op", &probe]);
        let finish = check["probes"][0]["finish"].as_str().unwrap();
        assert!(finish.contains("by a uretprobe"), "{finish}");
        for (mode, signal) in [
            ("calls", None),
            ("throws", Some(libc::SIGABRT)),
            ("deep", Some(libc::SIGABRT)),
        ] {
            let arguments = [mode, "300"];
            unharmed_and_counted("no_exceptions.cpp", flags, FUNCTION, &arguments);
            let outcome = targets::run(&program, &arguments);
            assert_eq!(outcome.status.signal(), signal, "{mode}");
        }
    }
}

#[test]
fn panics_inside_and_above_the_operation() {
    if !host::allows_bpf() {
        return;
    }
    for mode in ["inside", "above", "nested", "mixed"] {
        unharmed_and_counted("panics.rs", &[], FUNCTION, &[mode, "300"]);
    }
}

#[test]
fn longjmp_past_the_operation_leaves_the_depths_right() {
    if !host::allows_bpf() {
        return;
    }
    for flags in [&["-O2"][..], &["-O0"]] {
        unharmed_and_counted("jumps.c", flags, FUNCTION, &["jumps", "2000", "3", "6"]);
    }
}

#[test]
fn fibers_that_interleave_inside_the_operation() {
    if !host::allows_bpf() {
        return;
    }
    unharmed_and_counted("fibers.c", &[], FUNCTION, &["fibers", "2000"]);
}

#[test]
fn handlers_on_an_alternate_stack_inside_the_operation() {
    if !host::allows_bpf() {
        return;
    }
    for flags in [
        &[][..],
        &["-DINLINE"],
        &["-DLIBC"],
        &["-DPLAIN"],
        &["-fno-omit-frame-pointer"],
        &["-fno-omit-frame-pointer", "-DINLINE"],
        &["-O0"],
        &["-O0", "-DINLINE"],
    ] {
        for mode in ["above", "below"] {
            unharmed_and_counted("altstack.c", flags, FUNCTION, &[mode, "200"]);
        }
    }
}

#[test]
fn operations_that_are_called_again_by_their_callees() {
    if !host::allows_bpf() {
        return;
    }
    for flags in [&["-O0"][..], &["-O0", "-DPOINTER"], &["-O0", "-DCALLBACK"]] {
        unharmed_and_counted("mutual.c", flags, FUNCTION, &["mutual", "20", "60"]);
        // Deeper than the kernel follows nested returns of a uretprobe: every return is observed
        // all the same.
        let (outcome, totals) = unharmed("mutual.c", flags, FUNCTION, &["mutual", "20", "200"]);
        let counts = outcome.counts();
        let seen = (totals.begun, totals.finished, totals.unmatched);
        assert_eq!(seen, (counts.begun, counts.finished, 0), "{totals:?}");
    }
}

#[test]
fn copies_that_the_compiler_made_count_as_the_operation() {
    if !host::allows_bpf() {
        return;
    }
    for flags in [&["-O2"][..], &["-O3"]] {
        unharmed_and_counted("clones.c", flags, "op=uprobe:FILE:op", &["clones", "500"]);
    }
}

#[test]
fn threads_that_end_inside_the_operation() {
    if !host::allows_bpf() {
        return;
    }
    for mode in ["cancel", "exit", "return"] {
        unharmed_and_counted("cancel.cpp", &[], FUNCTION, &[mode, "100"]);
    }
    unharmed_and_counted("exec.c", &[], FUNCTION, &["thread", "50"]);
    unharmed_and_counted("exec.c", &[], FUNCTION, &["leader", "50"]);
}

#[test]
fn programs_that_end_or_replace_themselves_inside_the_operation() {
    if !host::allows_bpf() {
        return;
    }
    unharmed_and_counted("exec.c", &[], FUNCTION, &["exec", "40", "60"]);
    let (_, totals) = unharmed("exec.c", &[], FUNCTION, &["exit", "30", "5"]);
    assert_eq!((totals.finished, totals.abandoned), (30, 1), "{totals:?}");
    let (_, totals) = unharmed("exec.c", &[], FUNCTION, &["kill", "30"]);
    assert_eq!((totals.finished, totals.abandoned), (30, 1), "{totals:?}");
}
