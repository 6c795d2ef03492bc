//! Functions that begin at a conditional jump: it is a finish too where one of its ways returns at
//! once, and the return value is known there or not.

use crate::binary_support::{KERNEL, Workshop};
use soakbox_recorder::binary::{
    ExitSite, Finish, Finishing, Function, ReturnUse, resolve_function,
};
use soakbox_schemas::control::{Part, Returned, When};

/// The function `op` with this code, in a program that imports longjmp, so that no uretprobe is
/// used.
fn op(workshop: &Workshop, code: &str, value: ReturnUse) -> Function {
    let text = format!(
        "
        .text
        .globl main
        main: ret
        .type other, @function
        other: ret
        .size other, . - other
        .type op, @function
        op: .cfi_startproc
        {code}
            .cfi_endproc
        .size op, . - op
        .section .note.GNU-stack,\"\",@progbits
        "
    );
    let bytes = workshop.build_text("gcc", "s", &text, &["-Wl,-u,longjmp"]);
    let found = resolve_function(
        &*bytes,
        "./program",
        "op",
        KERNEL,
        Finishing::Exactly(value),
    );
    found
        .unwrap_or_else(|reason| panic!("{code}: {reason}"))
        .part
}

/// Its finishes at its begin, those at other jumps, and the number of returns with a probe.
fn finishes(function: &Function) -> (Vec<&ExitSite>, Vec<&ExitSite>, usize) {
    let Finish::Returns { exits, kept, .. } = &function.finish else {
        panic!("{function:?}");
    };
    let begin = function.begins[0].address;
    let (at_begin, others) = exits.iter().partition(|exit| exit.site.address == begin);
    (at_begin, others, kept.len())
}

const WITH_CALL: &str =
    "push %rbx\n.cfi_def_cfa_offset 16\ncall other\npop %rbx\n.cfi_def_cfa_offset 8\nnop\nret\n";

#[test]
fn a_jump_is_begin_and_finish_where_one_of_its_ways_goes_on() {
    let workshop = Workshop::new();
    let second = Returned::Register {
        number: 6,
        part: Part::Whole,
    };
    let jumps = [
        // The short way is the jump, or the instruction after it.
        format!("test %edi, %edi\nje 1f\n{WITH_CALL}1: mov %rsi, %rax\nret"),
        format!("test %edi, %edi\njne 1f\nmov %rsi, %rax\nret\n1: {WITH_CALL}"),
        // The first instruction is the jump.
        format!("je 1f\n{WITH_CALL}1: mov %rsi, %rax\nret"),
    ];
    for code in &jumps {
        let found = op(&workshop, code, ReturnUse::needed(64));
        let (at_begin, others, kept) = finishes(&found);
        assert_eq!((at_begin.len(), others.len(), kept), (1, 1, 0), "{found:?}");
        assert_ne!(at_begin[0].way_out.when, When::Always);
        assert_eq!(at_begin[0].way_out.returned, second);
    }
}

#[test]
fn a_function_of_which_all_ways_end_at_its_begin_keeps_its_returns() {
    let workshop = Workshop::new();
    for (code, returns) in [
        (
            "test %edi, %edi\nje 1f\nmov $1, %eax\nret\n1: xor %eax, %eax\nret",
            2,
        ),
        ("test %edi, %edi\nje 1f\nmov $1, %eax\n1: ret", 1),
        ("push %rdi\npop %rax\nret", 1),
        ("jmp 1f\n1: mov $1, %eax\nret", 1),
    ] {
        let found = op(&workshop, code, ReturnUse::RECORDED);
        let (at_begin, others, kept) = finishes(&found);
        assert_eq!(
            (at_begin.len(), others.len(), kept),
            (0, 0, returns),
            "{code}"
        );
    }
    // The second jump is a finish of its own.
    let code = "test %edi, %edi\nje 1f\ncmp $5, %esi\nje 2f\nmov $1, %eax\nret\n1: xor %eax, %eax\nret\n2: mov $9, %eax\nret";
    let found = op(&workshop, code, ReturnUse::needed(64));
    let (at_begin, others, kept) = finishes(&found);
    assert_eq!((at_begin.len(), others.len(), kept), (1, 2, 0), "{found:?}");
}

#[test]
fn a_value_that_is_not_known_yet_matters_where_a_rule_reads_it() {
    let workshop = Workshop::new();
    let code = format!("test %edi, %edi\nje 1f\n{WITH_CALL}1: lea 1(%rsi), %rax\nret");
    let needed = op(&workshop, &code, ReturnUse::needed(64));
    let (at_begin, others, kept) = finishes(&needed);
    assert_eq!((at_begin.len(), others.len(), kept), (0, 1, 1));
    let recorded = op(&workshop, &code, ReturnUse::RECORDED);
    let (at_begin, others, kept) = finishes(&recorded);
    assert_eq!((at_begin.len(), others.len(), kept), (1, 1, 0));
    assert_eq!(at_begin[0].way_out.returned, Returned::Unknown);
    assert_ne!(others[0].way_out.returned, Returned::Unknown);
}
