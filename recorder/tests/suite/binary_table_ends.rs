//! Jump tables without a bounds check, in files without symbols: the table ends at the first entry
//! that provably leads elsewhere. Where that is not certain, a cold part could be missed, and the
//! function is refused.

use std::process::Command;

use crate::binary_support::{Workshop, function, objdump_returns, refusal};
use soakbox_recorder::binary::Finish;

/// A program with the function `op`, whose jump goes through `.Ltable` of these entries. All code
/// but `main` and `op` is without names once the file is stripped:
///
/// - `.Lcold` is the cold part of `op`, which may have pushed `depth` bytes when it jumps;
/// - `.Lother` is a function that pushes 8 bytes and later 16.
fn program(entries: &[&str], load: &str, depth: u32) -> String {
    let longs: String = entries
        .iter()
        .map(|entry| format!("    .long {entry} - .Ltable\n"))
        .collect();
    let (down, up) = match depth {
        0 => (String::new(), String::new()),
        _ => (
            format!("sub ${depth}, %rsp\n.cfi_adjust_cfa_offset {depth}"),
            format!("add ${depth}, %rsp\n.cfi_def_cfa_offset 8"),
        ),
    };
    let offset = 8 + depth;
    format!(
        "
        .text
        .globl main
        .type main, @function
    main: .cfi_startproc
        call other
        ret
        .cfi_endproc
        .size main, . - main
        .globl op
        .type op, @function
    op: .cfi_startproc
        {down}
        {load}
        movslq (%rdx,%rdi,4), %rax
        add %rdx, %rax
        jmp *%rax
    .Lwarm:
        {up}
        mov $1, %eax
        ret
        .cfi_def_cfa_offset {offset}
    .Lwarmer:
        {up}
        mov $2, %eax
        ret
        .cfi_endproc
        .size op, . - op
    .Lend:
        int3
        .type other, @function
    other: .cfi_startproc
        push %rbx
        .cfi_def_cfa_offset 16
    .Lpushed:
        mov $0x11223344, %ebx
        push %rbp
        .cfi_def_cfa_offset 24
    .Ldeeper:
        mov $0x11223344, %ebx
        pop %rbp
        .cfi_def_cfa_offset 16
        pop %rbx
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
        .size other, . - other
        .section .text.unlikely,\"ax\",@progbits
        int3
        .type op.cold, @function
    op.cold: .cfi_startproc
        .cfi_def_cfa_offset {offset}
    .Lcold:
        {up}
        mov $3, %eax
        ret
        .cfi_endproc
        .size op.cold, . - op.cold
        .section .rodata
        .balign 4
    .Ltable:
{longs}        .long 0x7fffffff
        .section .note.GNU-stack,\"\",@progbits
        "
    )
}

const NEAR: &str = "lea .Ltable(%rip), %rdx";

/// The returns of `op` with all names, and without them: the refusal, or how many there are.
fn stripped(text: &str) -> (usize, Result<usize, String>) {
    let workshop = Workshop::new();
    let flags = ["-rdynamic", "-Wl,-u,longjmp"];
    let named = workshop.build_text("gcc", "s", text, &flags);
    let path = workshop.path().join("program");
    let count = |bytes: &[u8]| match function(bytes, "op").unwrap().finish {
        Finish::Returns { sites, .. } => sites.len(),
        other => panic!("{other:?}"),
    };
    let with_names = count(&named);
    let (functions, _) = objdump_returns(&path);
    let own = functions.iter().filter(|(name, _)| name.starts_with("op"));
    assert!(with_names <= own.map(|(_, sites)| sites.len()).sum());
    let other = path.with_extension("stripped");
    let mut strip = Command::new("strip");
    let status = strip.arg("-o").arg(&other).arg(&path).status();
    assert!(status.unwrap().success());
    let bytes = std::fs::read(&other).unwrap();
    let without = match function(&bytes, "op") {
        Ok(_) => Ok(count(&bytes)),
        Err(_) => Err(refusal(&bytes, "op")),
    };
    (with_names, without)
}

const OWN: [&str; 2] = [".Lwarm", ".Lwarmer"];

fn entries(next: &'static str) -> Vec<&'static str> {
    OWN.into_iter().chain([next]).collect()
}

#[test]
fn a_table_ends_at_an_entry_that_leads_elsewhere_for_certain() {
    for (case, next) in [
        ("nothing is there", "0x7fffffff + .Ltable"),
        ("data", ".Ltable"),
        ("a named function", "main"),
        ("the middle of its own instruction", ".Lwarmer - 1"),
        ("the middle of an instruction", ".Lpushed + 2"),
        ("deeper code of another function", ".Ldeeper"),
    ] {
        for depth in [0, 8] {
            let found = stripped(&program(&entries(next), NEAR, depth));
            assert_eq!(found, (2, Ok(2)), "{case}, {depth} bytes pushed");
        }
    }
    // Code that expects another frame, in both directions.
    assert_eq!(
        stripped(&program(&entries(".Lpushed"), NEAR, 0)),
        (2, Ok(2))
    );
    assert_eq!(stripped(&program(&entries("other"), NEAR, 8)), (2, Ok(2)));
}

#[test]
fn a_table_whose_end_is_not_certain_is_refused_without_symbols() {
    let uncertain = |text: &str, case: &str| {
        let (_, without) = stripped(text);
        let refused = without.expect_err(case);
        assert!(
            refused.contains("length is not certain"),
            "{case}: {refused}"
        );
    };
    for depth in [0, 8] {
        uncertain(
            &program(&entries(".Lcold"), NEAR, depth),
            "its own cold part",
        );
        uncertain(
            &program(&entries(".Lend"), NEAR, depth),
            "the end of the function",
        );
    }
    uncertain(&program(&entries("other"), NEAR, 0), "code without a frame");
    uncertain(
        &program(&entries(".Lpushed"), NEAR, 8),
        "code with such a frame",
    );
    // The cold part is behind the table's apparent end.
    let hidden = [".Lwarm", ".Lend", ".Lcold"];
    uncertain(&program(&hidden, NEAR, 0), "an entry that is never used");
    let far = format!("{NEAR}\ncall main\npush %rdx\npop %rcx\nmov %rcx, %rdx");
    uncertain(
        &program(&OWN, &far, 0),
        "the address is not loaded near the jump",
    );
}

#[test]
fn names_of_parts_make_every_table_certain() {
    for depth in [0, 8] {
        let found = stripped(&program(&entries(".Lcold"), NEAR, depth));
        assert_eq!(found.0, 3);
    }
}
