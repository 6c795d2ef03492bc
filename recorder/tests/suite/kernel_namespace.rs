//! No harm and the same counts inside a PID namespace, where a process has another id than outside:
//! recorder and target run in it together, and the target is named by `--pid`.

use crate::support::host;
use crate::support::recording::Recording;
use crate::support::targets;

/// Runs `arguments` of `source` alone, then observed inside a namespace of its own: both outcomes
/// must be the same.
fn unharmed_and_counted(source: &str, arguments: &[&str], status: i32) {
    if !host::allows_bpf() || !host::has_pid_namespaces() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = targets::own_copy(&targets::build(source, &[]), directory.path());
    let alone = targets::run(&program, arguments);
    assert_eq!(alone.status.code(), Some(status), "{alone:?}");
    // The target starts once the recorder is attached.
    let script = format!(
        "mkfifo {dir}/go
         {program} --wait {arguments} <{dir}/go >{dir}/out 2>{dir}/err & target=$!
         exec 9>{dir}/go; echo $target >{dir}/pid
         {recorder} record -o {root} --op {probe} --pid $target 2>{dir}/stderr & recorder=$!
         while ! grep -q 'recording ' {dir}/stderr; do kill -0 $recorder || exit 90; sleep 0.02; done
         echo go >&9; exec 9>&-; wait $target; status=$?; wait $recorder || exit 91; exit $status",
        dir = directory.path().display(),
        program = program.display(),
        arguments = arguments.join(" "),
        recorder = env!("CARGO_BIN_EXE_soakbox-recorder"),
        root = root.display(),
        probe = format_args!("op=uprobe:{}:op", program.display()),
    );
    let ended = host::in_pid_namespace(&script).status().unwrap();
    let read = |name| std::fs::read_to_string(directory.path().join(name)).unwrap_or_default();
    let case = format!("{source} {arguments:?}: {}", read("stderr"));
    assert_eq!(ended.code(), Some(status), "{case}");
    assert_eq!(read("out"), alone.stdout, "{case}");
    assert_eq!(read("err"), alone.stderr, "{case}");

    let recording = Recording::open(&root);
    let (totals, counts) = (recording.checked("op"), alone.counts());
    let seen = (totals.begun, totals.finished, totals.abandoned);
    let own = (counts.begun, counts.finished, counts.abandoned);
    assert_eq!(seen, own, "{case} {totals:?}");
    assert_eq!((totals.lost, totals.unmatched), (0, 0), "{case} {totals:?}");
    // Ids as the namespace sees them.
    let pid: i64 = read("pid").trim().parse().unwrap();
    let mut pids = recording.of("op", "pid").into_iter();
    assert!(pids.all(|seen| seen == Some(pid)), "{case}");
}

#[test]
fn exceptions_in_a_pid_namespace() {
    unharmed_and_counted("exceptions.cpp", &["mixed", "300"], 7);
}

#[test]
fn panics_in_a_pid_namespace() {
    unharmed_and_counted("panics.rs", &["mixed", "300"], 7);
}

#[test]
fn longjmp_in_a_pid_namespace() {
    unharmed_and_counted("jumps.c", &["jumps", "900", "3", "6"], 0);
}

#[test]
fn fibers_in_a_pid_namespace() {
    unharmed_and_counted("fibers.c", &["fibers", "2000"], 0);
}

#[test]
fn threads_that_end_inside_the_operation_in_a_pid_namespace() {
    for mode in ["cancel", "exit"] {
        unharmed_and_counted("cancel.cpp", &[mode, "100"], 0);
    }
}

#[test]
fn programs_that_replace_themselves_in_a_pid_namespace() {
    unharmed_and_counted("exec.c", &["exec", "40", "60"], 0);
}
