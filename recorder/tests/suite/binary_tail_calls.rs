//! The functions that an operation ends in are those that tail calls lead to in the program's
//! code, for random graphs of functions; none is observed where one of them cannot be.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::binary_support::{Workshop, function, refusal};
use proptest::prelude::*;
use soakbox_recorder::binary::Cost;

/// A function: the functions that it jumps to, whether always or by a condition, and that it calls.
#[derive(Clone, Debug)]
struct Shape {
    conditional: Vec<usize>,
    calls: Vec<usize>,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Returns,
    Jumps(usize),
    /// To a function of another file.
    Imports,
    Traps,
}

const COUNT: usize = 12;

fn shape() -> impl Strategy<Value = Shape> {
    let end = prop_oneof![
        6 => Just(End::Returns),
        8 => (0..COUNT).prop_map(End::Jumps),
        1 => Just(End::Imports),
        1 => Just(End::Traps),
    ];
    let others = |most| prop::collection::vec(0..COUNT, 0..most);
    (others(3), others(3), end).prop_map(|(conditional, calls, end)| Shape {
        conditional,
        calls,
        end,
    })
}

fn assembly(shapes: &[Shape]) -> String {
    let mut text = "
        .text
        .globl main
        .type main, @function
        main: xor %eax, %eax
            ret
        .size main, . - main
        "
    .to_owned();
    for (index, shape) in shapes.iter().enumerate() {
        write!(
            text,
            ".globl f{index}\n.type f{index}, @function\nf{index}: .cfi_startproc\n nop\n"
        )
        .unwrap();
        for other in &shape.conditional {
            write!(text, " test %edi, %edi\n je f{other}\n").unwrap();
        }
        text += " push %rbx\n .cfi_def_cfa_offset 16\n";
        for other in &shape.calls {
            writeln!(text, " call f{other}").unwrap();
        }
        text += " pop %rbx\n .cfi_def_cfa_offset 8\n";
        match shape.end {
            End::Returns => text += " ret\n",
            End::Jumps(other) => writeln!(text, " jmp f{other}").unwrap(),
            End::Imports => text += " jmp puts@plt\n",
            End::Traps => text += " ud2\n",
        }
        write!(text, " .cfi_endproc\n .size f{index}, . - f{index}\n").unwrap();
    }
    text + ".section .note.GNU-stack,\"\",@progbits\n"
}

impl Shape {
    fn targets(&self) -> BTreeSet<usize> {
        let always = match self.end {
            End::Jumps(other) => Some(other),
            _ => None,
        };
        self.conditional.iter().copied().chain(always).collect()
    }
}

fn led_to(shapes: &[Shape], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(next) = waiting.pop() {
        let targets = shapes[next].targets().into_iter();
        waiting.extend(targets.filter(|target| found.insert(*target)));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tail_calls_are_followed_through_any_graph(
        shapes in prop::collection::vec(shape(), COUNT)
    ) {
        let workshop = Workshop::new();
        // An import of longjmp excludes the uretprobe; exported functions have unknown callers.
        let flags = ["-Wl,-u,longjmp", "-rdynamic"];
        let bytes = workshop.build_text("gcc", "s", &assembly(&shapes), &flags);
        for index in 0..shapes.len() {
            let name = format!("f{index}");
            let mut others = led_to(&shapes, index);
            others.remove(&index);
            let imports = |index: &usize| shapes[*index].end == End::Imports;
            let refused = imports(&index) || others.iter().any(imports);
            if refused {
                refusal(&bytes, &name);
                continue;
            }
            let found = function(&bytes, &name).unwrap();
            let functions: BTreeSet<String> = found.tail_calls.functions.into_iter().collect();
            let expected = others.iter().map(|other| format!("'f{other}'")).collect();
            prop_assert_eq!(functions, expected);
            let jumps = others.iter().chain([&index]);
            let jumps = jumps.map(|from| {
                let shape = &shapes[*from];
                shape.conditional.len() + usize::from(matches!(shape.end, End::Jumps(_)))
            });
            prop_assert_eq!(found.tail_calls.jumps.len(), jumps.sum::<usize>());
            let returning = others.iter().filter(|other| shapes[**other].end == End::Returns);
            let finishes = found.tail_calls.exits.len() + found.tail_calls.kept.len();
            prop_assert_eq!(finishes, returning.count());
        }
    }
}

/// A function that jumps through the pointer in `section`.
fn through_pointer(section: &str, target: &str) -> String {
    format!(
        "
        .text
        .globl main
        .type main, @function
        main: xor %eax, %eax
            ret
        .size main, . - main
        .type other, @function
        other: .cfi_startproc
            nop
            ret
            .cfi_endproc
        .size other, . - other
        .type op, @function
        op: .cfi_startproc
            nop
            jmp *pointer(%rip)
            .cfi_endproc
        .size op, . - op
        .section {section},\"aw\",@progbits
        .balign 8
        pointer: .quad {target}
        .section .note.GNU-stack,\"\",@progbits
        "
    )
}

#[test]
fn jumps_through_constant_pointers_are_followed() {
    let workshop = Workshop::new();
    let build = |text: &str, flags: &[&str]| {
        let flags = [&["-Wl,-u,longjmp"], flags].concat();
        workshop.build_text("gcc", "s", text, &flags)
    };
    let constant = through_pointer(".data.rel.ro", "other");
    for flags in [&["-pie"][..], &["-pie", "-Wl,-z,now"], &["-shared"]] {
        let found = function(&build(&constant, flags), "op").unwrap();
        assert_eq!(found.tail_calls.functions, ["'other'"], "{flags:?}");
        let jump = &found.tail_calls.jumps[0].site;
        assert_eq!((jump.stack_delta, jump.cost), (0, Cost::SingleStepped));
    }
    for (case, text, flags) in [
        (
            "memory that stays writable",
            through_pointer(".data", "other"),
            &["-pie"][..],
        ),
        (
            "nothing becomes read-only",
            constant.clone(),
            &["-pie", "-Wl,-z,norelro"],
        ),
        (
            "the middle of a function",
            through_pointer(".data.rel.ro", "other + 1"),
            &["-pie"],
        ),
        (
            "a function of another file",
            through_pointer(".data.rel.ro", "puts"),
            &["-pie"],
        ),
        (
            "no function",
            through_pointer(".data.rel.ro", "pointer"),
            &["-pie"],
        ),
        (
            "a number",
            through_pointer(".data.rel.ro", "0x1000"),
            &["-pie"],
        ),
    ] {
        let refused = refusal(&build(&text, flags), "op");
        assert!(refused.contains("tail call"), "{case}: {refused}");
    }
}
