//! Functions of every shape, compiled here, resolve to exactly the returns that objdump finds, or
//! are refused with the reason.

use crate::binary_support;
use std::collections::BTreeSet;

use crate::binary_support::{KERNEL, Workshop, found, function, host, objdump_returns, refusal};
use soakbox_recorder::binary::{Cost, Finish, Finishing, Function, TailCalls, resolve_function};

const ACCEPTED: [&str; 8] = [
    "plain",
    "many_returns",
    "recursive",
    "with_cold_part",
    "leaf",
    "two_hundred_cases",
    "interpreter",
    "work",
];

/// The return sites of a function that is observed without a uretprobe.
fn returns(function: &Function) -> BTreeSet<u64> {
    match &function.finish {
        Finish::Returns { sites, .. } => sites.iter().map(|site| site.address).collect(),
        other => panic!("{other:?}"),
    }
}

/// A flag that imports longjmp, so that return sites are used instead of a uretprobe.
const RETURNS: &str = "-Wl,-u,longjmp";

#[test]
fn returns_are_those_of_objdump_at_every_optimisation() {
    let workshop = Workshop::new();
    for flags in [
        &["-O0"][..],
        &["-O1"],
        &["-O2"],
        &["-O3"],
        &["-Os"],
        &["-O2", "-no-pie", "-fno-pie"],
        &["-O0", "-no-pie", "-fno-pie"],
        &["-O2", "-fcf-protection=full"],
        &["-O0", "-fcf-protection=full"],
        &["-O2", "-fomit-frame-pointer", "-fstack-protector-all"],
        &[
            "-O2",
            "-fno-omit-frame-pointer",
            "-fpatchable-function-entry=5",
        ],
        &["-O2", "-fno-asynchronous-unwind-tables"],
    ] {
        let flags: Vec<&str> = flags.iter().copied().chain([RETURNS]).collect();
        let path = workshop.build_file("gcc", "shapes.c", &flags);
        let bytes = std::fs::read(&path).unwrap();
        let (functions, _) = objdump_returns(&path);
        for name in ACCEPTED {
            let found = match function(&bytes, name) {
                Ok(found) => found,
                // Without optimisation all computed gotos share one jump far from its table.
                Err(error) if name == "interpreter" && flags.contains(&"-O0") => {
                    assert!(error.to_string().contains("tail call"), "{error}");
                    continue;
                }
                Err(error) => panic!("{flags:?}: {error}"),
            };
            let mut expected = functions[name].clone();
            for (part, sites) in &functions {
                if part.starts_with(&format!("{name}.cold")) {
                    expected.extend(sites);
                }
            }
            assert_eq!(returns(&found), expected, "{name} {flags:?}");
            assert_eq!(found.begins.len(), 1);
        }
    }
}

#[test]
fn a_cold_part_with_a_return_is_found_with_and_without_symbols() {
    let workshop = Workshop::new();
    // Exported, so that .dynsym keeps the name when the rest is stripped.
    let flags = ["-O2", "-rdynamic", RETURNS];
    let path = workshop.build_file("gcc", "shapes.c", &flags);
    let bytes = std::fs::read(&path).unwrap();
    let (functions, _) = objdump_returns(&path);
    let cold = &functions["two_hundred_cases.cold"];
    assert!(
        !cold.is_empty(),
        "the compiler made no cold part with a return"
    );
    let stripped = workshop.build("gcc", "shapes.c", &["-O2", "-rdynamic", "-s", RETURNS]);
    for name in ACCEPTED {
        let full = function(&bytes, name).unwrap();
        assert_eq!(full, function(&stripped, name).unwrap(), "{name}");
    }
    assert!(returns(&function(&stripped, "two_hundred_cases").unwrap()).is_superset(cold));
}

#[test]
fn functions_that_cannot_be_observed_are_refused_with_the_reason() {
    let workshop = Workshop::new();
    // Exported functions have callers that are not known.
    let flags = ["-O2", RETURNS, "-rdynamic"];
    let bytes = workshop.build("gcc", "shapes.c", &flags);
    for name in ["through_pointer", "dispatch"] {
        assert!(
            refusal(&bytes, name).contains("tail call"),
            "{}",
            refusal(&bytes, name)
        );
    }
    let unknown = refusal(&bytes, "recursiv");
    assert!(
        unknown.contains("has no function 'recursiv' (did you mean 'recursive'?)"),
        "{unknown}"
    );
    assert!(refusal(&bytes, "printf").contains("libc.so.6"));
    let stripped = workshop.build("gcc", "shapes.c", &["-O2", "-s", RETURNS]);
    assert!(
        refusal(&stripped, "plain").contains("stripped"),
        "{}",
        refusal(&stripped, "plain")
    );
}

#[test]
fn functions_that_never_return_or_begin_with_a_loop_are_observed_with_a_warning() {
    let workshop = Workshop::new();
    for (compiler, flags) in [
        ("gcc", &["-O2"][..]),
        ("gcc", &["-Os", "-fcf-protection=none"]),
        ("gcc", &["-O1", "-fno-omit-frame-pointer"]),
        ("gcc", &["-O0"]),
        ("clang", &["-O2"]),
    ] {
        if compiler == "clang" && !host::has_tool("clang") {
            continue;
        }
        // A uretprobe is excluded by what they do, too.
        for more in [&[][..], &[RETURNS]] {
            let flags = [flags, more].concat();
            let bytes = workshop.build(compiler, "shapes.c", &flags);
            let place = format!("{compiler} {flags:?}");
            let never = found(&bytes, "never").unwrap();
            let Finish::Returns {
                sites, exits, kept, ..
            } = &never.part.finish
            else {
                panic!("{place}: {never:?}");
            };
            assert!(
                sites.is_empty() && exits.is_empty() && kept.is_empty(),
                "{place}"
            );
            assert!(
                never.warnings[0].contains("no return instruction"),
                "{place}"
            );

            let looping = found(&bytes, "entry_is_loop_head").unwrap();
            let jumps = &looping.part.tail_calls.jumps;
            if looping.warnings.is_empty() {
                assert!(jumps.is_empty(), "{place}");
                continue;
            }
            assert!(looping.warnings[0].contains("head of a loop"), "{place}");
            assert_eq!((jumps.len(), jumps[0].site.stack_delta), (1, 0), "{place}");
            let is_uretprobe = matches!(looping.part.finish, Finish::Uretprobe(_));
            assert!(
                !is_uretprobe && looping.part.tail_calls.functions.is_empty(),
                "{place}"
            );
        }
    }
    // Some compiler makes the loop begin at the first instruction.
    let bytes = workshop.build("gcc", "shapes.c", &["-O2", "-fcf-protection=none"]);
    let looping = found(&bytes, "entry_is_loop_head").unwrap();
    assert_eq!(looping.part.tail_calls.jumps.len(), 1);
    let vouched = resolve_function(
        &bytes,
        "./program",
        "entry_is_loop_head",
        KERNEL,
        Finishing::ByUretprobe,
    )
    .unwrap_err();
    assert!(vouched.to_string().contains("head of a loop"), "{vouched}");
}

#[test]
fn a_plain_program_gets_the_cheap_uretprobe_and_stack_order() {
    let workshop = Workshop::new();
    let bytes = workshop.build("gcc", "shapes.c", &["-O0"]);
    let found = function(&bytes, "plain").unwrap();
    assert_eq!(found.stack_switch, None);
    assert!(
        matches!(found.finish, Finish::Uretprobe(_)),
        "{:?}",
        found.finish
    );
    assert_eq!(found.begins[0].cost, Cost::Emulated);
    // The kernel follows at most 64 nested returns of a uretprobe.
    assert!(matches!(
        function(&bytes, "recursive").unwrap().finish,
        Finish::Returns { .. }
    ));
}

/// A program with a function that jumps to its split-off part; `calls` and `within` are other calls
/// of that part, in main and in the part itself.
fn split(workshop: &Workshop, calls: &str, within: &str) -> Vec<u8> {
    let text = format!(
        "
        .text
        .globl main
        .type main, @function
        main: .cfi_startproc
            push %rbp
            .cfi_def_cfa_offset 16
            call op
            {calls}
            pop %rbp
            .cfi_def_cfa_offset 8
            ret
            .cfi_endproc
        .size main, . - main
        .type op, @function
        op: .cfi_startproc
            test %edi, %edi
            jne op.part.0
            xor %eax, %eax
            ret
            .cfi_endproc
        .size op, . - op
        .type op.part.0, @function
        op.part.0: .cfi_startproc
            push %rbx
            .cfi_def_cfa_offset 16
            {within}
            lea 1(%rdi), %eax
            pop %rbx
            .cfi_def_cfa_offset 8
            ret
            .cfi_endproc
        .size op.part.0, . - op.part.0
        .section .note.GNU-stack,\"\",@progbits
        "
    );
    workshop.build_text("gcc", "s", &text, &[RETURNS])
}

#[test]
fn a_tail_call_is_followed_into_the_other_function() {
    let workshop = Workshop::new();
    let bytes = workshop.build("gcc", "shapes.c", &["-O2", RETURNS]);
    let found = function(&bytes, "tail_caller").unwrap();
    assert_eq!(found.tail_calls.functions, ["'plain'"]);
    assert_eq!(returns(&found), BTreeSet::new(), "none of its own");
    let plain = function(&bytes, "plain").unwrap();
    assert_eq!(found.tail_calls.begins, plain.begins);
    let Finish::Returns { exits, kept, .. } = plain.finish else {
        panic!("{:?}", plain.finish);
    };
    assert_eq!(
        (found.tail_calls.exits, found.tail_calls.kept),
        (exits, kept)
    );
    assert_eq!(plain.tail_calls, TailCalls::default());
}

#[test]
fn a_split_off_part_counts_only_where_nobody_else_calls_it() {
    let workshop = Workshop::new();
    assert_eq!(
        returns(&function(&split(&workshop, "", ""), "op").unwrap()).len(),
        2
    );
    for (calls, within) in [
        ("call op.part.0", ""),
        ("", "call op.part.0"),
        ("lea op.part.0(%rip), %rax", ""),
    ] {
        let found = function(&split(&workshop, calls, within), "op").unwrap();
        assert_eq!(returns(&found).len(), 1);
        assert_eq!(found.tail_calls.functions, ["'op.part.0'"], "tail-called");
    }
}

#[test]
fn copies_that_the_compiler_made_are_observed_too() {
    let workshop = Workshop::new();
    let path = workshop.build_file("gcc", "../../targets/clones.c", &["-O3"]);
    let bytes = std::fs::read(&path).unwrap();
    let (functions, _) = objdump_returns(&path);
    let found = function(&bytes, "op").unwrap();
    assert_eq!(found.copies, ["op.constprop.0"]);
    assert_eq!(found.begins.len(), 2);
    let expected: BTreeSet<u64> = ["op", "op.constprop.0"]
        .iter()
        .flat_map(|name| functions[*name].iter().copied())
        .collect();
    assert_eq!(returns(&found), expected);
    assert!(
        binary_support::found(&bytes, "op")
            .unwrap()
            .warnings
            .is_empty()
    );
}

/// A program with these functions, each with its code.
fn with_others(workshop: &Workshop, others: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::from(".text\n.globl main\nmain:\n");
    for (name, code) in others {
        text += &format!(".type {name}, @function\n{name}:\n{code}\n.size {name}, . - {name}\n");
    }
    text += ".section .note.GNU-stack,\"\",@progbits\n";
    workshop.build_text("gcc", "s", &text, &[])
}

#[test]
fn calls_that_are_not_observed_are_in_a_warning() {
    let workshop = Workshop::new();
    let plain = "push %rbp\npop %rbp\nret";
    let warnings = |bytes: &[u8]| binary_support::found(bytes, "op").unwrap().warnings;
    // A copy that cannot be analysed.
    let bytes = with_others(&workshop, &[("op", plain), ("op.isra.0", "jmp *%rax")]);
    let found = warnings(&bytes);
    assert!(found[0].contains("op.isra.0, a copy"), "{found:?}");
    assert!(function(&bytes, "op").unwrap().copies.is_empty());
    // A part that other functions enter.
    let bytes = with_others(&workshop, &[("op", plain), ("op.part.0", plain)]);
    let found = warnings(&bytes);
    assert!(found[0].contains("enter op.part.0 directly"), "{found:?}");
    // Only copies are left.
    let bytes = with_others(
        &workshop,
        &[("op.constprop.0", plain), ("op.constprop.1.isra.0", plain)],
    );
    assert!(warnings(&bytes).is_empty());
    let found = function(&bytes, "op").unwrap();
    assert_eq!(found.symbol, "op.constprop.0");
    assert_eq!(found.copies, ["op.constprop.1.isra.0"]);
    assert_eq!(found.begins.len(), 2);
}

#[test]
fn too_many_jumps_on_the_ways_out_leave_the_returns() {
    let workshop = Workshop::new();
    for (ways, used) in [(3, true), (63, true), (64, false), (200, false)] {
        let ways_flag = format!("-DWAYS={ways}");
        let file = workshop.build("gcc", "ways_out.c", &[&ways_flag, RETURNS]);
        let found = function(&file, "ways_out").unwrap();
        let Finish::Returns {
            sites,
            exits,
            kept,
            why,
        } = &found.finish
        else {
            panic!("{found:?}");
        };
        // One jump for each way out, and the last one for two.
        let jumps = if used { ways + 1 } else { 0 };
        assert_eq!((sites.len(), exits.len()), (ways + 1, jumps));
        assert_eq!(kept.is_empty(), used);
        let reason = format!(
            "it has {} jumps on its ways out, more than the 64",
            ways + 1
        );
        assert_eq!(why.contains(&reason), !used, "{why}");
    }
}
