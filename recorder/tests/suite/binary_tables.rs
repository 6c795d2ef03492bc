//! Jumps through tables: a bounds check or a table's address only counts where every path to the
//! jump passes it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::binary_support::{Workshop, function, objdump_returns, refusal};
use soakbox_recorder::binary::Finish;

/// Loads entry `%edi` of the table at `%rdx` and jumps there.
const JUMP: &str = "
    movslq (%rdx,%rdi,4), %rax
    add %rdx, %rax
    jmp *%rax
";

/// A program with the function `op` of this code. Its cold part returns, and only entries of its
/// tables lead there: `.Lfirst` has the entries `.Lwarm`, `.Lwarm`, `op.cold`, and `.Lsecond` has
/// `op.cold` twice.
fn program(workshop: &Workshop, code: &str) {
    let text = format!(
        "
        .text
        .globl main
        .type main, @function
        main:
            ret
        .size main, . - main
        .globl op
        .type op, @function
        op: .cfi_startproc
            test %r9d, %r9d
            js .Lout
            jp .Lwarm
            {code}
        .Lwarm:
            mov $1, %eax
            ret
        .Lout:
            xor %eax, %eax
            ret
            .cfi_endproc
        .size op, . - op
        .section .text.unlikely,\"ax\",@progbits
            int3
        .type op.cold, @function
        op.cold: .cfi_startproc
            mov $2, %eax
            ret
            .cfi_endproc
        .size op.cold, . - op.cold
            int3
        .section .rodata
        .balign 4
        .Lfirst:
            .long .Lwarm - .Lfirst, .Lwarm - .Lfirst, op.cold - .Lfirst
            .long 0x7fffffff
        .Lsecond:
            .long op.cold - .Lsecond, op.cold - .Lsecond
            .long 0x7fffffff
        .Lbetween:
            .long .Lload - .Lbetween, .Lwarm - .Lbetween
            .long 0x7fffffff
        .section .note.GNU-stack,\"\",@progbits
        "
    );
    let flags = ["-rdynamic", "-Wl,-u,longjmp"];
    workshop.build_text("gcc", "s", &text, &flags);
}

fn returns(path: &Path) -> BTreeSet<u64> {
    let bytes = std::fs::read(path).unwrap();
    match function(&bytes, "op").unwrap().finish {
        Finish::Returns { sites, .. } => sites.iter().map(|site| site.address).collect(),
        other => panic!("{other:?}"),
    }
}

/// The returns that objdump finds in `op` and in its cold part.
fn expected(path: &Path) -> BTreeSet<u64> {
    let (functions, _) = objdump_returns(path);
    let own = functions
        .iter()
        .filter(|(name, _)| name.starts_with("op"))
        .flat_map(|(_, sites)| sites);
    own.copied().collect()
}

/// The refusal once the symbols, with the name of the cold part, are gone; `None` where `op`
/// resolves to the same returns.
fn refused_without_names(path: &Path) -> Option<String> {
    let found = returns(path);
    let stripped = path.with_extension("stripped");
    let mut strip = Command::new("strip");
    let status = strip.arg("-o").arg(&stripped).arg(path).status();
    assert!(status.unwrap().success());
    let bytes = std::fs::read(&stripped).unwrap();
    if function(&bytes, "op").is_err() {
        return Some(refusal(&bytes, "op"));
    }
    assert_eq!(returns(&stripped), found);
    None
}

/// `.Lfirst` with all its entries, behind a check that every path passes.
#[test]
fn a_check_on_every_path_bounds_the_table() {
    let workshop = Workshop::new();
    for check in ["cmp $2, %edi\nja .Lout", "and $2, %edi"] {
        for around in ["", "mov %esi, %ecx", "lea 1(%rsi), %r8"] {
            // Entered at the check itself, by a jump from below.
            let code = format!(
                ".Lload: nop\n.Lcheck: {check}\n{around}\nlea .Lfirst(%rip), %rdx\n{JUMP}\n\
                 mov %esi, %edi\njmp .Lcheck"
            );
            program(&workshop, &code);
            let path = workshop.path().join("program");
            assert_eq!(returns(&path), expected(&path), "{code}");
            assert_eq!(refused_without_names(&path), None, "{code}");
        }
    }
}

/// The check allows two entries, which miss the cold part; another path gets past it.
#[test]
fn a_check_that_another_path_avoids_bounds_nothing() {
    let check = "cmp $1, %edi\nja .Lout";
    let table = "lea .Lfirst(%rip), %rdx";
    let again = "mov $2, %edi";
    for (case, code) in [
        (
            "a jump back to the load",
            format!("{check}\n.Lload: {table}\n{JUMP}\n{again}\njmp .Lload"),
        ),
        (
            "a conditional jump back to the load",
            format!("{check}\n.Lload: {table}\n{JUMP}\n{again}\ntest %esi, %esi\njne .Lload"),
        ),
        (
            "a jump forward past the check",
            format!("test %esi, %esi\nje .Lload\n{check}\n.Lload: {table}\n{JUMP}"),
        ),
        (
            "a jump past a mask",
            format!("test %esi, %esi\nje .Lload\nand $1, %edi\n.Lload: {table}\n{JUMP}"),
        ),
        (
            "an entry of another table, of a jump that comes later",
            format!(
                "test %esi, %esi\nje .Lother\n{check}\n.Lload: {table}\n{JUMP}\n\
                 .Lother: and $1, %edi\nlea .Lbetween(%rip), %rdx\n{JUMP}"
            ),
        ),
        (
            "another name in between",
            format!(
                "{check}\n.globl op_inner\n.type op_inner, @function\nop_inner: .Lload: {table}\n{JUMP}"
            ),
        ),
        (
            "a check of another register",
            format!("cmp $1, %edi\nsetbe %cl\ncmp $9, %esi\nja .Lout\n.Lload: {table}\n{JUMP}"),
        ),
        (
            "a mask of a part of the register",
            format!("and $1, %dil\n{table}\n{JUMP}\n.Lload: jmp .Lwarm"),
        ),
        (
            "a store between the check and the load of the index",
            format!(
                "cmpl $1, -8(%rsp)\nja .Lout\nmov %esi, -8(%rsp,%r8)\n{table}\n\
                 mov -8(%rsp), %edi\n{JUMP}\n.Lload: jmp .Lwarm"
            ),
        ),
        (
            "another base between the check and the load of the index",
            format!(
                "cmpl $1, (%rsi)\nja .Lout\nlea 8(%rsi), %rsi\n{table}\n\
                 mov (%rsi), %edi\n{JUMP}\n.Lload: jmp .Lwarm"
            ),
        ),
    ] {
        let workshop = Workshop::new();
        program(&workshop, &code);
        let path = workshop.path().join("program");
        assert_eq!(returns(&path), expected(&path), "{case}");
        let refused = refused_without_names(&path).unwrap_or_default();
        assert!(
            refused.contains("length is not certain"),
            "{case}: {refused}"
        );
    }
}

/// Which table is used depends on the path, and only `.Lsecond` leads to the cold part.
#[test]
fn each_address_that_a_path_loads_may_be_the_table() {
    let (first, second) = ("lea .Lfirst(%rip), %rdx", "lea .Lsecond(%rip), %rdx");
    let jump = format!("and $1, %edi\n{JUMP}");
    for (case, code) in [
        (
            "a jump past the second load",
            format!("{second}\ntest %esi, %esi\njne .Lload\n{first}\n.Lload: {jump}"),
        ),
        (
            "a jump back",
            format!("{first}\n.Lload: {jump}\n{second}\njmp .Lload"),
        ),
        (
            "an entry of another table, of a jump that comes later",
            format!(
                "test %esi, %esi\nje .Lother\n{first}\n.Lload: {jump}\n\
                 .Lother: and $1, %edi\nlea .Lbetween(%rip), %rdx\n\
                 movslq (%rdx,%rdi,4), %rax\nadd %rdx, %rax\n{second}\njmp *%rax"
            ),
        ),
    ] {
        let workshop = Workshop::new();
        program(&workshop, &code);
        let path = workshop.path().join("program");
        assert_eq!(returns(&path), expected(&path), "{case}");
        assert_eq!(refused_without_names(&path), None, "{case}");
    }
}

/// Where the address itself comes from two paths, it need not be an entry of a table.
#[test]
fn a_jump_that_another_path_enters_after_the_load_is_refused() {
    let workshop = Workshop::new();
    let code = "test %esi, %esi\nmov %rcx, %rax\nje .Ljump\nand $1, %edi\nlea .Lfirst(%rip), %rdx\n\
         movslq (%rdx,%rdi,4), %rax\nadd %rdx, %rax\n.Ljump: jmp *%rax\n.Lload: jmp .Lwarm";
    program(&workshop, code);
    let bytes = std::fs::read(workshop.path().join("program")).unwrap();
    let refused = refusal(&bytes, "op");
    assert!(refused.contains("another path"), "{refused}");
}
