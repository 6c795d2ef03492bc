//! Hazards of real programs: where something could unwind, no uretprobe is used; where something
//! could switch stacks, the order of stack pointers is not used.

use crate::binary_support::{KERNEL, Workshop, function};
use soakbox_recorder::binary::{Finish, Finishing, KernelVersion, ReturnUse, resolve_function};

const OPERATION: &str = "
    __attribute__((noinline)) int op(int x) { volatile int y = x; return y + 1; }
";

fn program(headers: &str, body: &str) -> String {
    format!(
        "{headers}\n{OPERATION}\nint main(int argc, char **argv) {{ (void)argv; {body}; return op(argc); }}\n"
    )
}

/// Whether a uretprobe may be used, and whether the order of stack pointers may be used.
pub(crate) fn judge(bytes: &[u8]) -> (bool, bool) {
    judge_on(bytes, "op", KERNEL)
}

fn judge_on(bytes: &[u8], name: &str, kernel: KernelVersion) -> (bool, bool) {
    let found = resolve_function(
        bytes,
        "./program",
        name,
        kernel,
        Finishing::Exactly(ReturnUse::RECORDED),
    );
    let function = found.unwrap().part;
    let uretprobe = matches!(function.finish, Finish::Uretprobe(_));
    let order = function.stack_switch.is_none();
    println!("{:?} {:?}", function.finish, function.stack_switch);
    (uretprobe, order)
}

#[test]
fn a_plain_c_program_allows_both() {
    let workshop = Workshop::new();
    let text = program("#include <stdio.h>", "puts(\"x\")");
    for flags in [
        &["-O0"][..],
        &["-O2", "-fno-omit-frame-pointer"],
        &["-O0", "-no-pie", "-fno-pie"],
        &["-O0", "-s", "-rdynamic"],
        &["-O0", "-pthread"],
    ] {
        assert_eq!(
            judge(&workshop.build_text("gcc", "c", &text, flags)),
            (true, true),
            "{flags:?}"
        );
    }
    let bytes = workshop.build_text("gcc", "c", &text, &["-O0"]);
    // Kernels whose uretprobe returns through a system call.
    for minor in 11..=13 {
        assert_eq!(
            judge_on(&bytes, "op", KernelVersion { major: 6, minor }),
            (false, true)
        );
    }
    let old = KernelVersion { major: 6, minor: 1 };
    let unaware = KernelVersion { major: 6, minor: 8 };
    assert_eq!(judge_on(&bytes, "op", old), (true, true));
    assert_eq!(judge_on(&bytes, "op", unaware), (true, true));
    let shadow = workshop.build_text(
        "gcc",
        "c",
        &text,
        &["-O0", "-fcf-protection=full", "-Wl,-z,shstk"],
    );
    let found = judge_on(&shadow, "op", unaware);
    assert_eq!(found, (false, true));
}

#[test]
fn whatever_can_unwind_rules_out_a_uretprobe_and_keeps_the_order() {
    let workshop = Workshop::new();
    for (headers, body) in [
        (
            "#include <setjmp.h>\njmp_buf b;",
            "if (argc > 3) longjmp(b, 1)",
        ),
        (
            "#include <setjmp.h>\nsigjmp_buf b;",
            "if (argc > 3) siglongjmp(b, 1)",
        ),
        ("#include <pthread.h>", "if (argc > 3) pthread_exit(0)"),
        (
            "#include <pthread.h>",
            "if (argc > 3) pthread_cancel(pthread_self())",
        ),
        ("#include <threads.h>", "if (argc > 3) thrd_exit(0)"),
        ("#include <unistd.h>", "if (argc > 3) vfork()"),
        ("#include <signal.h>", "sigaction(SIGUSR1, 0, 0)"),
        ("#include <execinfo.h>", "void *a[3]; backtrace(a, 3)"),
    ] {
        let text = program(headers, body);
        for flags in [
            &["-O0"][..],
            &[
                "-O0",
                "-D_FORTIFY_SOURCE=2",
                "-O1",
                "-fno-omit-frame-pointer",
            ],
        ] {
            let bytes = workshop.build_text("gcc", "c", &text, flags);
            assert_eq!(judge(&bytes), (false, true), "{body} {flags:?}");
        }
    }
    // C code that is compiled so that exceptions can pass through it.
    let cleanup = program(
        "void gone(int *x) { *x = 0; }",
        "__attribute__((cleanup(gone))) int y = argc; op(y)",
    );
    let bytes = workshop.build_text("gcc", "c", &cleanup, &["-O0", "-fexceptions"]);
    assert!(!judge(&bytes).0);
    // Instrumentation that reads return addresses.
    let plain = program("", "");
    assert!(!judge(&workshop.build_text("gcc", "c", &plain, &["-O0", "-pg"])).0);
}

#[test]
fn cpp_with_exceptions_gets_no_uretprobe() {
    let workshop = Workshop::new();
    let text = r#"
        #include <stdexcept>
        #include <string>
        struct Guard { ~Guard(); int *p; };
        extern "C" __attribute__((noinline)) int op(int x)
        {
            std::string text(static_cast<size_t>(x), 'x');
            if (x == 3)
                throw std::runtime_error(text);
            try {
                if (x == 4)
                    throw x;
            } catch (int y) {
                return y * 2;
            }
            return static_cast<int>(text.size());
        }
        int main(int argc, char **)
        {
            try {
                return op(argc);
            } catch (const std::exception &) {
                return 7;
            }
        }
    "#;
    for flags in [
        &["-O0"][..],
        &["-O2"],
        &["-O2", "-s", "-rdynamic"],
        &["-O2", "-static-libstdc++", "-static-libgcc"],
    ] {
        let bytes = workshop.build_text("g++", "cpp", text, flags);
        assert!(!judge(&bytes).0, "{flags:?}");
    }
}

#[test]
fn whatever_can_switch_stacks_rules_out_both() {
    let workshop = Workshop::new();
    let switch = r#"
        __attribute__((naked, noinline)) void swap(void **from, void *to)
        { __asm__("mov %rsp,(%rdi)\nmov %rsi,%rsp\nret"); }
        void *old;
    "#;
    let exchange = r#"
        __attribute__((naked, noinline)) void swap(void **from, void *to) { __asm__("xchg %rsi,%rsp\nret"); }
        void *old;
    "#;
    let popped = r#"
        __attribute__((naked, noinline)) void swap(void **from, void *to) { __asm__("push %rsi\npop %rsp\nret"); }
        void *old;
    "#;
    for (headers, body) in [
        (
            "#include <ucontext.h>\nucontext_t a, b;",
            "if (argc > 3) swapcontext(&a, &b)",
        ),
        (
            "#include <ucontext.h>\nucontext_t a;",
            "if (argc > 3) setcontext(&a)",
        ),
        ("#include <signal.h>\nstack_t s;", "sigaltstack(&s, 0)"),
        (
            "#define _GNU_SOURCE\n#include <unistd.h>\n#include <sys/syscall.h>",
            "syscall(SYS_sigaltstack, 0, 0)",
        ),
        ("", "__asm__ volatile(\"syscall\" ::: \"memory\")"),
        ("", "__asm__ volatile(\"sysenter\" ::: \"memory\")"),
        ("", "__asm__ volatile(\"int $0x80\" ::: \"memory\")"),
        ("#include <sys/shm.h>", "shmat(0, 0, SHM_EXEC)"),
        (
            "#include <sys/personality.h>",
            "personality(READ_IMPLIES_EXEC)",
        ),
        ("#include <dlfcn.h>", "dlopen(\"x\", RTLD_NOW)"),
        ("#include <sys/mman.h>", "mprotect(0, 0, PROT_EXEC)"),
        (switch, "if (argc > 3) swap(&old, old)"),
        (exchange, "if (argc > 3) swap(&old, old)"),
        (popped, "if (argc > 3) swap(&old, old)"),
    ] {
        let bytes = workshop.build_text("gcc", "c", &program(headers, body), &["-O0"]);
        assert_eq!(judge(&bytes), (false, false), "{body}");
    }
    let plain = program("#include <stdio.h>", "puts(\"x\")");
    for flags in [
        &["-O0", "-static"][..],
        &["-O0", "-static-pie"],
        &["-O0", "-shared", "-fPIC"],
        &["-O0", "-Wl,-z,execstack"],
        &["-O0", "-Wl,--dynamic-linker=/lib/other.so"],
        &["-O0", "-Wl,--audit=/lib/other.so"],
    ] {
        assert_eq!(
            judge(&workshop.build_text("gcc", "c", &plain, flags)),
            (false, false),
            "{flags:?}"
        );
    }
    // A variable-length array restores the stack pointer from memory, which looks like a stack
    // switch.
    let bytes = workshop.build("gcc", "shapes.c", &["-O0", "-DVLA"]);
    let found = function(&bytes, "plain").unwrap();
    assert!(found.stack_switch.is_some() && matches!(found.finish, Finish::Returns { .. }));
}

#[test]
fn rust_never_gets_a_uretprobe_and_pairs_by_equality() {
    let workshop = Workshop::new();
    let text = r#"
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub extern "C-unwind" fn op(x: i32) -> i32 {
            let text = String::from("x").repeat(x as usize);
            if x == 3 { panic!("{text}") }
            text.len() as i32
        }
        fn main() {
            let caught = std::panic::catch_unwind(|| op(std::env::args().count() as i32));
            std::process::exit(caught.unwrap_or(7));
        }
    "#;
    for flags in [
        &["--edition=2024"][..],
        &["--edition=2024", "-Copt-level=2"],
        &["--edition=2024", "-Copt-level=2", "-Cpanic=abort"],
    ] {
        let bytes = workshop.build_text("rustc", "rs", text, flags);
        assert_eq!(judge(&bytes), (false, false), "{flags:?}");
    }
}

#[test]
fn mapped_memory_counts_only_where_it_may_be_code() {
    let workshop = Workshop::new();
    let headers = "#define _GNU_SOURCE\n#include <sys/mman.h>\nvolatile int how;";
    for (body, excluded) in [
        (
            "mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)",
            true,
        ),
        ("mprotect(0, 0, PROT_NONE)", true),
        (
            "mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)",
            false,
        ),
        ("mprotect(0, 0, PROT_READ | PROT_EXEC)", false),
        ("mprotect(0, 0, how)", false),
        ("mprotect(0, 0, how ? PROT_READ : PROT_EXEC)", false),
        (
            "mprotect(0, 0, PROT_READ); mprotect(0, 0, PROT_EXEC)",
            false,
        ),
        (
            "int (*volatile f)(void *, size_t, int) = mprotect; f(0, 0, PROT_EXEC)",
            false,
        ),
        (
            "static int (*volatile f)(void *, size_t, int) = mprotect; f(0, 0, 5)",
            false,
        ),
    ] {
        for flags in [
            &["-O0"][..],
            &["-O2"],
            &["-O2", "-fno-plt"],
            &["-O0", "-no-pie", "-fno-pie"],
            &["-O2", "-Wl,-z,now", "-fcf-protection=full"],
        ] {
            let bytes = workshop.build_text("gcc", "c", &program(headers, body), flags);
            assert_eq!(judge(&bytes).1, excluded, "{body} {flags:?}");
        }
    }
}

#[test]
fn programs_that_use_an_alternate_stack_in_any_way() {
    let workshop = Workshop::new();
    for define in ["-DLIBC", "-DINLINE", "-DNEITHER"] {
        for flags in [&["-O0"][..], &["-O2"], &["-O2", "-DPLAIN"]] {
            let flags: Vec<&str> = flags.iter().copied().chain([define, "-pthread"]).collect();
            let bytes = workshop.build("gcc", "../../targets/altstack.c", &flags);
            assert_eq!(judge(&bytes), (false, false), "{flags:?}");
        }
    }
}

#[test]
fn a_function_that_could_be_entered_again_gets_no_uretprobe() {
    let workshop = Workshop::new();
    for flags in [
        &["-O0"][..],
        &["-O0", "-DPOINTER"],
        &["-O0", "-DCALLBACK"],
        &["-O0", "-DCALLBACK", "-fno-plt"],
        &["-O2", "-fno-omit-frame-pointer"],
        &["-O0", "-fno-asynchronous-unwind-tables"],
    ] {
        let bytes = workshop.build("gcc", "../../targets/mutual.c", flags);
        assert_eq!(judge(&bytes), (false, true), "{flags:?}");
    }
    // Calls that end in the C library, or in functions that do not call back.
    for flags in [
        &["-O0"][..],
        &["-O0", "-fno-plt"],
        &["-O0", "-fstack-protector-all"],
        &["-O0", "-no-pie", "-fno-pie"],
    ] {
        let flags: Vec<&str> = flags.iter().copied().chain(["-pthread"]).collect();
        let bytes = workshop.build("gcc", "../../targets/plain.c", &flags);
        assert_eq!(judge(&bytes), (true, true), "{flags:?}");
    }
    let bytes = workshop.build(
        "gcc",
        "../../targets/plain.c",
        &["-O2", "-pthread", "-fno-omit-frame-pointer"],
    );
    assert_eq!(judge(&bytes), (true, true));
    // Libraries may call a function that a program exports, such as malloc.
    let text = "#include <stdio.h>\n__attribute__((noinline)) int op(int x) { puts(\"\"); return x; } int main(int c, char **v) { (void)v; return op(c); }";
    assert_eq!(
        judge(&workshop.build_text("gcc", "c", text, &["-O0"])),
        (true, true)
    );
    let exporting = workshop.build_text("gcc", "c", text, &["-O0", "-rdynamic"]);
    assert_eq!(judge(&exporting), (false, true));
}
