//! The settings are constants to the verifier: it removes the code that they switch off, and
//! follows the offsets.

use std::collections::BTreeMap;

use soakbox_recorder::kernel::{Kernel, KernelError, KernelFacts, KernelSettings};
use soakbox_schemas::control::{ABSENT, KernelOffsets};

use crate::support::{hooks, host, programs};

/// Size of the instructions that the kernel kept of each program, in bytes, by the program's name.
fn kept(facts: &KernelFacts, tree: Option<u32>) -> BTreeMap<String, u32> {
    kept_with(facts, &settings(tree))
}

fn kept_with(facts: &KernelFacts, settings: &KernelSettings) -> BTreeMap<String, u32> {
    let kernel = Kernel::load(facts, settings, &hooks::all()).unwrap();
    let kept = programs::held().into_iter().map(|program| {
        let name = program.name_as_str().unwrap().to_owned();
        (name, program.size_translated().unwrap())
    });
    let kept = kept.collect();
    drop(kernel);
    kept
}

/// The same where the CPU time of the target is counted.
fn kept_counting(facts: &KernelFacts, tree: Option<u32>) -> BTreeMap<String, u32> {
    kept_with(
        facts,
        &KernelSettings {
            counts_cpu: true,
            ..settings(tree)
        },
    )
}

fn settings(tree: Option<u32>) -> KernelSettings {
    KernelSettings {
        ring_bytes: 65_536,
        tree,
        ..KernelSettings::default()
    }
}

#[test]
fn code_that_the_settings_switch_off_is_not_in_the_kernel_and_offsets_are_checked() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let facts = KernelFacts::inspect().unwrap();
    let whole = kept(&facts, Some(16));
    assert!(whole.contains_key("function_begin") && whole.contains_key("sched_process_e"));
    let all = kept(&facts, None);
    for program in ["function_begin", "marker_finish", "sched_process_f"] {
        assert!(
            all[program] < whole[program],
            "{program}: {all:?} {whole:?}"
        );
    }
    let mut without = facts.clone();
    type Member = fn(&mut KernelOffsets) -> &mut u32;
    let members: [(Member, &str); 5] = [
        (|offsets| &mut offsets.task_utime, "function_begin"),
        (|offsets| &mut offsets.mm_rss, "function_finish"),
        (|offsets| &mut offsets.task_mm, "marker_begin"),
        (|offsets| &mut offsets.signal_live, "sched_process_e"),
        (|offsets| &mut offsets.task_tgid, "sched_process_f"),
    ];
    for (member, program) in members {
        without.offsets = facts.offsets;
        *member(&mut without.offsets) = ABSENT;
        let kept = kept(&without, Some(16));
        assert!(
            kept[program] < whole[program],
            "{program}: {kept:?} {whole:?}"
        );
        // The verifier knows the number itself, so it refuses an offset outside of the structure;
        // except in `mm_struct`, whose last member is an array without an end.
        if *member(&mut facts.clone().offsets) != facts.offsets.mm_rss {
            *member(&mut without.offsets) = 1 << 20;
            let refused = Kernel::load(&without, &settings(Some(16)), &hooks::all());
            let error = refused.err().unwrap_or_else(|| panic!("loaded: {program}"));
            assert!(matches!(error, KernelError::Load { .. }), "{error}");
            let asks_for_rights = error.to_string().contains("as root");
            assert!(
                !asks_for_rights,
                "the verifier refuses by EACCES too: {error}"
            );
        }
    }
}

#[test]
fn the_cpu_time_of_the_target_is_counted_only_where_it_is_needed() {
    if !host::allows_bpf() || !host::counts_target_cpu() {
        return;
    }
    let _alone = programs::alone();
    let mut facts = KernelFacts::inspect().unwrap();
    let programs = ["sched_switch", "function_begin", "sched_process_f"];
    for tree in [None, Some(16)] {
        let (without, with) = (kept(&facts, tree), kept_counting(&facts, tree));
        for program in programs {
            assert!(without[program] < with[program], "{program}: {with:?}");
        }
        // Two programs have this name: of an exec, which looks at the file, and of an exit.
        assert_eq!(with.contains_key("threads_of_targ"), tree.is_none());
        assert!(!without.contains_key("threads_of_targ"));
    }
    // The verifier follows the executed file to its device.
    let all = facts.offsets;
    type Member = fn(&mut KernelOffsets) -> &mut u32;
    let members: [Member; 6] = [
        |offsets| &mut offsets.task_used,
        |offsets| &mut offsets.binprm_file,
        |offsets| &mut offsets.file_inode,
        |offsets| &mut offsets.inode_number,
        |offsets| &mut offsets.inode_superblock,
        |offsets| &mut offsets.superblock_device,
    ];
    for member in members {
        facts.offsets = all;
        *member(&mut facts.offsets) = 1 << 20;
        let settings = KernelSettings {
            counts_cpu: true,
            ..settings(None)
        };
        let refused = Kernel::load(&facts, &settings, &hooks::all());
        assert!(matches!(refused.err(), Some(KernelError::Load { .. })));
        *member(&mut facts.offsets) = ABSENT;
        assert_eq!(kept_counting(&facts, None), kept(&facts, None));
    }
}

#[test]
fn every_program_loads_where_probes_are_switched() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let facts = KernelFacts::inspect().unwrap();
    for tree in [None, Some(16)] {
        let settings = KernelSettings {
            switched: true,
            counts_cpu: true,
            ..settings(tree)
        };
        Kernel::load(&facts, &settings, &hooks::all()).unwrap();
    }
}
