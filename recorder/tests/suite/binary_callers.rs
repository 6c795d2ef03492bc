//! A function that leaves through an import or a pointer finishes in its callers: at exactly the
//! instructions after the calls that objdump finds, or it is refused where a caller is not known.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::binary_support::{Workshop, function, host, refusal};
use soakbox_recorder::binary::{Cost, Finish};

/// Functions that end in `free`, directly, through another one, and through a pointer.
const SOURCE: &str = r#"
    #include <stdlib.h>
    #define KEPT __attribute__((noinline, used))
    #define APART() __asm__ volatile("nop" ::: "memory")
    struct node { struct node *next; void *value; void (*done)(struct node *); };
    volatile int sink;
    HEADERS
    PLACE KEPT void release(struct node *node) { sink = 1; free(node->value); }
    PLACE KEPT void release_if(struct node *node) { if (node->value) { sink++; release(node); APART(); sink--; } release(node); }
    PLACE KEPT void finish(struct node *node) { sink = 2; node->done(node); }
    PLACE KEPT void onward(struct node *node) { sink = 3; if (node->next) { finish(node); return; } sink = 4; }
    PLACE KEPT long again(struct node *node) { if (!node) return sink; sink = 6; long sum = again(node->next); APART(); release(node); APART(); return sum + 1; }
    KEPT int work(struct node *node, int count)
    {
        for (int i = 0; i < count; i++) {
            release_if(node + i);
            APART();
            finish(node + i);
            APART();
            if (i & 1) {
                onward(node);
                APART();
                sink = 7;
            }
        }
        BODY;
        return sink;
    }
    int main(int count, char **words)
    {
        struct node nodes[3] = {0};
        (void)words;
        for (int i = 0; i < 3; i++)
            nodes[i].done = (void (*)(struct node *))abort;
        long sum = again(nodes);
        APART();
        return work(nodes, count - 1) + (int)sum;
    }
"#;

fn source(place: &str, headers: &str, body: &str) -> String {
    let source = SOURCE.replace("PLACE", place).replace("BODY", body);
    source.replace("HEADERS", headers)
}

/// The addresses after the calls of the function, and of all that jump to it.
fn returns_to(path: &Path, name: &str) -> BTreeSet<u64> {
    let objdump = ["-d", "--no-show-raw-insn"];
    let output = Command::new("objdump").args(objdump).arg(path).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let mut around = "";
    let mut after = false;
    let mut found = BTreeSet::new();
    let mut tail_callers = BTreeSet::new();
    let named = format!("<{name}>");
    for line in text.lines() {
        if let Some(start) = line.strip_suffix(">:") {
            around = start.split_once('<').unwrap().1;
            continue;
        }
        let Some((address, code)) = line.trim_start().split_once(":\t") else {
            continue;
        };
        if after {
            found.insert(u64::from_str_radix(address, 16).unwrap());
        }
        let leads_there = code.ends_with(&named);
        after = leads_there && code.starts_with("call");
        if leads_there && code.starts_with('j') && around != name {
            tail_callers.insert(around.to_owned());
        }
    }
    for caller in tail_callers {
        found.extend(returns_to(path, &caller));
    }
    found
}

/// The sites of a finish in the callers.
fn sites(bytes: &[u8], name: &str) -> BTreeSet<u64> {
    let function = function(bytes, name).unwrap();
    let is_in_callers = matches!(function.finish, Finish::Callers { .. });
    assert!(is_in_callers, "{name}: {:?}", function.finish);
    let tails = function.tail_calls;
    assert!(tails.jumps.is_empty() && tails.kept.is_empty() && tails.functions.is_empty());
    let deltas = tails.exits.iter().map(|exit| exit.site.stack_delta);
    assert_eq!(deltas.collect::<BTreeSet<_>>(), BTreeSet::from([-8]));
    tails.exits.iter().map(|exit| exit.site.address).collect()
}

const IMPORTS_LONGJMP: &str = "-Wl,-u,longjmp";

#[test]
fn finishes_are_the_places_after_all_calls() {
    let workshop = Workshop::new();
    let path = workshop.path().join("program");
    for (compiler, flags) in [
        ("gcc", &["-O2"][..]),
        ("gcc", &["-Os", "-fcf-protection=none"]),
        ("gcc", &["-O3", "-fno-plt", "-fno-omit-frame-pointer"]),
        ("gcc", &["-O2", "-fno-pie", "-no-pie"]),
        ("clang", &["-O2"]),
        ("clang", &["-Os", "-fcf-protection=full"]),
    ] {
        if compiler == "clang" && !host::has_tool("clang") {
            continue;
        }
        for place in ["static", ""] {
            let text = source(place, "", "");
            let flags = [flags, &[IMPORTS_LONGJMP, "-fno-ipa-ra"]].concat();
            let flags: Vec<&str> = flags
                .into_iter()
                .filter(|flag| compiler == "gcc" || *flag != "-fno-ipa-ra")
                .collect();
            let bytes = workshop.build_text(compiler, "c", &text, &flags);
            for name in ["release", "release_if", "finish", "onward"] {
                let expected = returns_to(&path, name);
                assert!(!expected.is_empty());
                assert_eq!(sites(&bytes, name), expected, "{name} {compiler} {flags:?}");
            }
            let known = function(&bytes, "again").unwrap();
            assert!(matches!(known.finish, Finish::Returns { .. }));
        }
    }
}

#[test]
fn a_function_with_a_caller_that_is_not_known_is_refused() {
    let workshop = Workshop::new();
    let table = "struct node; typedef void (*done)(struct node *); void release(struct node *); void finish(struct node *);";
    for (case, headers, body, flags) in [
        ("exported", "", "", &["-rdynamic"][..]),
        ("its address is loaded", "", "node->done = release", &[]),
        (
            "its address is in data",
            &*format!("{table} done all[] = {{release}};"),
            "all[count](node)",
            &[],
        ),
        (
            "its address is constant data",
            &*format!("{table} const done all[] = {{finish, release}};"),
            "all[count](node)",
            &[],
        ),
        (
            "its address is in data that nothing names",
            &*format!("{table} done all[] __attribute__((used)) = {{release}};"),
            "",
            &[],
        ),
        (
            "fixed addresses",
            &*format!("{table} done all[] = {{release}};"),
            "all[count](node)",
            &["-no-pie", "-fno-pie"],
        ),
        (
            "code without an unwind table",
            "__asm__(\".text\\nbare: call release\\nret\\n\");",
            "",
            &[],
        ),
        (
            "code that looks like another instruction",
            "__asm__(\".text\\nbare: .byte 0x48, 0xb8, 1, 2\\ncall release\\nret\\n\");",
            "",
            &[],
        ),
        ("a library", "", "", &["-shared", "-fPIC"]),
    ] {
        let flags = [&["-O2", IMPORTS_LONGJMP][..], flags].concat();
        let bytes = workshop.build_text("gcc", "c", &source("", headers, body), &flags);
        let refused = refusal(&bytes, "release");
        assert!(refused.contains("tail call"), "{case}: {refused}");
    }
}

/// A program in assembly with `op`, which leaves to `puts`, and `caller`, which has this code.
fn assembly(caller: &str) -> String {
    format!(
        "
        .text
        .globl main
        .type main, @function
    main: .cfi_startproc
        sub $8, %rsp
        .cfi_def_cfa_offset 16
        call caller
        add $8, %rsp
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
        .size main, . - main
        .type op, @function
    op: .cfi_startproc
        nop
        jmp puts@plt
        .cfi_endproc
        .size op, . - op
        .type caller, @function
    caller: .cfi_startproc
        push %rbx
        .cfi_def_cfa_offset 16
        {caller}
        pop %rbx
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
        .size caller, . - caller
        .section .note.GNU-stack,\"\",@progbits
        "
    )
}

#[test]
fn nothing_but_the_return_leads_to_a_finish() {
    let workshop = Workshop::new();
    let build =
        |caller: &str| workshop.build_text("gcc", "s", &assembly(caller), &[IMPORTS_LONGJMP]);
    for caller in [
        "call op\nnop",
        "call op\ntest %eax, %eax",
        "test %edi, %edi\nje .Lout\ncall op\nnop\n.Lout: nop",
        ".Lagain: call op\nnop\ndec %ebx\njne .Lagain",
    ] {
        let found = function(&build(caller), "op").unwrap();
        let Finish::Callers { why } = &found.finish else {
            panic!("{caller}: {:?}", found.finish);
        };
        let exits = &found.tail_calls.exits;
        assert!(why.contains("puts") && exits.len() == 1, "{caller}: {why}");
        let is_nop = caller.contains("op\nnop");
        assert_eq!(exits[0].site.cost == Cost::Emulated, is_nop, "{caller}");
        assert!(found.tail_calls.begins.is_empty(), "{caller}");
    }
    // Something else leads there too: what is in flight at the caller's begin was left.
    for (caller, depth) in [
        ("test %edi, %edi\nje .Lout\ncall op\n.Lout: nop", 8),
        (
            "sub $16, %rsp\n.cfi_def_cfa_offset 32\njmp .Lin\n.Lback: nop\n.Lin: call op\n.Lout: nop\n\
             test %ebx, %ebx\nje .Lout\njs .Lback\nadd $16, %rsp\n.cfi_def_cfa_offset 16",
            24,
        ),
    ] {
        let found = function(&build(caller), "op").unwrap();
        let tails = &found.tail_calls;
        assert_eq!((tails.exits.len(), tails.begins.len()), (1, 1), "{caller}");
        let begin = &tails.begins[0];
        let caller_begin = &function(&build(caller), "caller").unwrap().begins[0];
        assert_eq!(begin.address, caller_begin.address, "{caller}");
        assert_eq!(
            begin.stack_delta,
            caller_begin.stack_delta - depth - 8,
            "{caller}"
        );
    }
    for caller in [
        "jmp .Lstart\n.Lback: nop\njmp .Lend\n.Lstart: call op\n.Lend: nop",
        "call op\n.globl inner\n.type inner, @function\ninner: nop",
        // The kernel accepts no probe there.
        "call op\nlock incl (%rsp)",
        "call op\n.byte 0x0f, 0x1f, 0x44, 0, 0",
        // A jump through a pointer in the caller may lead anywhere in it.
        "call op\nnop\ntest %edi, %edi\nje .Lout\njmp *%rbx\n.Lout: nop",
        // Nobody calls it.
        "nop",
        "jmp op",
    ] {
        let refused = refusal(&build(caller), "op");
        assert!(refused.contains("tail call"), "{caller}: {refused}");
    }
}
