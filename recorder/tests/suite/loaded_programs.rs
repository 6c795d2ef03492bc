//! Only the programs that a plan names are loaded: a program that this kernel refuses affects only
//! the hooks that need it.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{hooks, host, programs};
use object::{Object, ObjectSection, ObjectSymbol};
use soakbox_recorder::kernel::{Kernel, KernelError, KernelFacts, KernelSettings};
use soakbox_recorder::plan::{Hook, lifecycle_hooks};
use soakbox_recorder::resolve::Conditions;

fn settings(tree: Option<u32>) -> KernelSettings {
    KernelSettings {
        tree,
        ..KernelSettings::default()
    }
}

/// Names of the BPF programs that this process holds.
fn held() -> BTreeSet<String> {
    let programs = programs::held();
    let names = programs.iter().map(|program| program.name_as_str());
    names.map(|name| name.unwrap().to_owned()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    let shortened = |name: &&str| name[..name.len().min(15)].to_owned();
    names.iter().map(shortened).collect()
}

#[test]
fn only_the_programs_that_the_plan_names_are_loaded() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let host = KernelFacts::inspect().unwrap();
    let (function, marker) = (hooks::of_kind("uprobe"), hooks::of_kind("marker"));
    let lifecycle = ["sched_switch", "sched_process_exec", "sched_process_exit"];
    let tree = ["sched_process_fork", "register_recorder"];
    let functions = [
        "function_begin",
        "function_begin_exit",
        "function_exit",
        "function_finish",
        "function_return",
        "tail_enter",
        "tail_enter_exit",
        "tail_jump",
    ];
    let markers = ["marker_begin", "marker_finish"];
    assert_eq!(held(), names(&[]));
    for (tree_size, kinds, expected) in [
        (None, vec![], vec![&lifecycle[..]]),
        (None, vec![&marker], vec![&lifecycle, &markers]),
        (None, vec![&function], vec![&lifecycle, &functions]),
        (Some(1), vec![&marker], vec![&lifecycle, &markers, &tree]),
        (
            None,
            vec![&marker, &function],
            vec![&lifecycle, &markers, &functions],
        ),
    ] {
        let lifecycle = lifecycle_hooks(tree_size.is_some());
        let named = lifecycle.iter().chain(kinds.into_iter().flatten());
        let kernel = Kernel::load(&host, &settings(tree_size), named).unwrap();
        let expected = expected.concat();
        assert_eq!(held(), names(&expected));
        let loaded: BTreeSet<&str> = kernel.programs().iter().map(|id| id.name()).collect();
        assert_eq!(loaded, expected.into_iter().collect());
        drop(kernel);
        assert_eq!(held(), names(&[]));
    }
}

/// The built object, with an instruction in the function `program` that no kernel accepts.
fn damaged(program: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/soakbox.x86_64.bpf.o");
    let mut bytes = fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let symbol = file.symbols().find(|symbol| symbol.name() == Ok(program));
    let symbol = symbol.unwrap();
    let section = file.section_by_index(symbol.section_index().unwrap());
    let (start, _) = section.unwrap().file_range().unwrap();
    // The last instruction, to which no relocation belongs.
    let last = usize::try_from(start + symbol.address() + symbol.size() - 8).unwrap();
    bytes[last] = 0xff;
    bytes
}

#[test]
fn a_program_that_the_kernel_refuses_does_not_affect_the_others() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let host = KernelFacts::inspect().unwrap();
    let (function, marker) = (hooks::of_kind("uprobe"), hooks::of_kind("marker"));
    let lifecycle = lifecycle_hooks(false);
    for (broken, fine, refused) in [
        ("function_begin", &marker, &function),
        ("marker_finish", &function, &marker),
        ("sched_process_fork", &marker, &lifecycle_hooks(true)),
    ] {
        let object = damaged(broken);
        let named = lifecycle.iter().chain(fine);
        let mut kernel = Kernel::load_object(&object, &host, &settings(None), named).unwrap();
        let loaded = kernel.programs().len();
        let error = kernel.load_programs(refused).unwrap_err();
        assert!(matches!(error, KernelError::Load { .. }), "{error}");
        assert!(error.to_string().contains(broken), "{error}");
        assert!(kernel.programs().len() >= loaded, "the others stay");
        let alone = Kernel::load_object(&object, &host, &settings(None), refused);
        assert!(alone.is_err(), "{broken} is broken");
    }
}

/// A program that is preempted would share such a stack with other threads on the same CPU.
#[test]
fn no_program_of_a_uprobe_has_a_stack_for_each_cpu() {
    // `add %gs:…, %r9`: the address of this CPU's stack.
    const STACK_OF_CPU: [u8; 5] = [0x65, 0x4c, 0x03, 0x0c, 0x25];
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let host = KernelFacts::inspect().unwrap();
    let mut hooks = hooks::of_uprobes();
    if Conditions::of_this_host().unwrap().carries_out_returns() {
        hooks.extend(hooks::carrying_out());
    }
    for single_links in [false, true] {
        let none: &[Hook] = &[];
        let mut kernel = Kernel::load(&host, &settings(Some(1)), none).unwrap();
        if single_links {
            kernel.use_single_links();
        }
        kernel.load_programs(&hooks).unwrap();
        let held = programs::held();
        assert!(held.len() >= 14, "{}", held.len());
        for program in &held {
            let code = programs::machine_code(program);
            assert!(code.len() > 50, "{}", code.len());
            let found = code
                .windows(STACK_OF_CPU.len())
                .any(|window| window == STACK_OF_CPU);
            assert!(!found, "{:?}", program.name_as_str());
        }
    }
}

#[test]
fn the_object_has_the_programs_of_every_kind() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/soakbox.x86_64.bpf.o");
    let bytes = fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let has = |name: &str| file.symbols().any(|symbol| symbol.name() == Ok(name));
    for hook in hooks::all().into_iter().chain(hooks::carrying_out()) {
        assert!(has(hook.program.name()), "{:?}", hook.program);
    }
}
