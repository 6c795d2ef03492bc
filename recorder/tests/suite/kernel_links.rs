//! Both kinds of links observe the same calls: one link for many uprobes (Linux 6.6), and one perf
//! event for each uprobe, as older kernels need it.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::Path;

use soakbox_recorder::kernel::{Kernel, KernelFacts, KernelSettings, Scope};
use soakbox_recorder::plan::{Hook, PlannedOperation, ProgramId, lifecycle_hooks};
use soakbox_recorder::resolve::{Conditions, ResolvedProbes};
use soakbox_schemas::counters::{CounterValues, SLOTS};

use crate::support::targets::{self, Counts, Outcome};
use crate::support::{host, programs};

/// Linux 6.6 has links of many uprobes, and 6.10 such links for all threads of one process.
const NEEDED: (u32, u32) = (6, 10);

fn kernel_has_multi_links() -> bool {
    let version = Conditions::of_this_host().unwrap().kernel;
    (version.major, version.minor) >= NEEDED
}

struct Observed {
    counts: CounterValues,
    links: usize,
    hooks: usize,
    /// Groups of hooks with the same program.
    programs: usize,
}

fn resolved(program: &Path) -> ResolvedProbes {
    let spec = format!("op=uprobe:{}:op", program.display());
    let conditions = Conditions::of_this_host().unwrap();
    ResolvedProbes::resolve(vec![spec.parse().unwrap()], None, conditions)
}

/// The programs of the operation and of `others`, loaded.
fn loaded(operation: &PlannedOperation, others: &[Hook]) -> Kernel {
    let settings = KernelSettings {
        rules: vec![operation.rule],
        ring_bytes: 1 << 22,
        in_flight: 1024,
        ..KernelSettings::default()
    };
    let hooks = others.iter().chain(&operation.hooks);
    Kernel::load(&KernelFacts::inspect().unwrap(), &settings, hooks).unwrap()
}

/// Records `op` of the program while `run` runs, with the counters alone.
fn observe<T>(
    program: &Path,
    single: bool,
    scope: Scope,
    run: impl FnOnce() -> T,
) -> (Observed, T) {
    let resolved = resolved(program);
    let operation = &resolved.operations[0];
    let lifecycle = lifecycle_hooks(false);
    let mut kernel = loaded(operation, &lifecycle);
    if single {
        kernel.use_single_links();
    }
    kernel.attach(&lifecycle, Scope::File).unwrap();
    let before = kernel.links();
    kernel.attach(&operation.hooks, scope).unwrap();
    let links = kernel.links() - before;
    let result = run();
    kernel.detach_all();
    assert_eq!(kernel.links(), 0);
    let counters = kernel.counters().unwrap();
    let mut counts = CounterValues::default();
    for interval in 0..u64::from(SLOTS) {
        counts += counters.take(0, interval);
    }
    let hooks = operation.hooks.iter();
    let programs: HashSet<ProgramId> = hooks.map(|hook| hook.program).collect();
    let observed = Observed {
        counts,
        links,
        hooks: operation.hooks.len(),
        programs: programs.len(),
    };
    (observed, result)
}

fn assert_exact(observed: &Observed, counts: &Counts, single: bool) {
    let Observed {
        counts: seen,
        links,
        hooks,
        programs,
    } = observed;
    assert_eq!(seen.begun as i64, counts.begun, "single: {single}");
    assert_eq!(seen.finished as i64, counts.finished, "single: {single}");
    assert_eq!(seen.abandoned as i64, counts.abandoned, "single: {single}");
    assert_eq!(seen.unmatched as i64, counts.unmatched, "single: {single}");
    assert!(hooks > programs, "{hooks} hooks, {programs} programs");
    let expected = if single || !kernel_has_multi_links() {
        hooks
    } else {
        programs
    };
    assert_eq!(links, expected, "single: {single}");
}

#[test]
fn every_call_in_every_process_is_counted() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let program = targets::build("ops.c", &[]);
    for single in [false, true] {
        let run = || targets::run(&program, &["mix", "4000", "3", "5", "7"]);
        let (observed, outcome) = observe(&program, single, Scope::File, run);
        assert_exact(&observed, &outcome.counts(), single);
    }
}

#[test]
fn every_thread_of_one_process_is_counted_and_no_other_process() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let program = targets::build("ops.c", &[]);
    for single in [false, true] {
        let arguments = ["calls", "9000", "3", "0"];
        let waiting = targets::start_waiting(&program, &arguments);
        let pid = NonZeroU32::new(waiting.pid()).unwrap();
        let run = || -> Outcome {
            let other = targets::run(&program, &arguments);
            assert!(other.status.success(), "{other:?}");
            waiting.go()
        };
        let (observed, outcome) = observe(&program, single, Scope::Process(pid), run);
        assert_exact(&observed, &outcome.counts(), single);
    }
}

#[test]
fn a_place_where_no_probe_may_be_is_reported_by_its_offset() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let program = targets::build("ops.c", &[]);
    let resolved = resolved(&program);
    let operation = &resolved.operations[0];
    let mut kernel = loaded(operation, &[]);
    // Beyond the end of the file.
    let mut hooks = operation.hooks.clone();
    let last = hooks.pop().unwrap();
    let (file, _) = last.point.instruction().unwrap();
    hooks.push(Hook::uprobe(
        last.phase,
        last.program,
        file,
        1 << 40,
        last.cookie.map(|cookie| *cookie.cookie()),
    ));
    let error = kernel.attach(&hooks, Scope::File).unwrap_err().to_string();
    assert!(error.contains("at offset 0x10000000000"), "{error}");
    kernel.detach_all();
    assert_eq!(kernel.links(), 0);
}
