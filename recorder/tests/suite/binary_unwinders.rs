//! A uretprobe is used where the bytes of a real program prove that nothing unwinds it, in C++ of
//! `-fno-exceptions` and in Rust without an unwinder, and in no other.

use crate::binary_hazards::judge;
use crate::binary_support::{Workshop, function, host};
use soakbox_recorder::binary::Finish;
use soakbox_recorder::binary::elf::Elf;
use soakbox_recorder::binary::unwind::Unwind;

/// The start and the end of a program in Rust without the standard library.
const NO_STD: (&str, &str) = (
    r#"
        #![no_std]
        #![no_main]
        #[link(name = "c")]
        unsafe extern "C" {
            fn abort() -> !;
            fn puts(text: *const u8) -> i32;
        }
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! {
            unsafe { abort() }
        }
    "#,
    r#"
        #[unsafe(no_mangle)]
        pub extern "C" fn main(count: i32, _: *const *const u8) -> i32 {
            unsafe { puts(c"x".as_ptr().cast()) };
            op(count).wrapping_add(other(count))
        }
    "#,
);

#[test]
fn rust_without_an_unwinder_allows_both() {
    let workshop = Workshop::new();
    // A panic brings in parts of the core library that were compiled to be unwound.
    let panics = "
        #[unsafe(no_mangle)]
        pub extern \"C\" fn rust_eh_personality() {}
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub extern \"C\" fn other(x: i32) -> i32 {
            core::hint::black_box([1, 2, 3])[x as usize] / x
        }
    ";
    for (more, has_tables) in [
        (
            "#[unsafe(no_mangle)] pub extern \"C\" fn other(_: i32) -> i32 { 1 }",
            false,
        ),
        (panics, true),
    ] {
        let own = "
            #[unsafe(no_mangle)]
            #[inline(never)]
            pub extern \"C\" fn op(x: i32) -> i32 {
                i32::wrapping_add(core::hint::black_box([1, 2, 3])[0], x)
            }
        ";
        let text = [NO_STD.0, own, more, NO_STD.1].concat();
        for optimisation in ["-Copt-level=0", "-Copt-level=2"] {
            let frames = "-Cforce-frame-pointers=yes";
            let flags = ["--edition=2024", "-Cpanic=abort", optimisation, frames];
            let bytes = workshop.build_text("rustc", "rs", &text, &flags);
            let elf = Elf::parse(&bytes).unwrap();
            assert_eq!(Unwind::parse(&elf).has_personality, has_tables);
            assert!(bytes.windows(5).any(|word| word == b"rustc"));
            assert_eq!(judge(&bytes), (true, true), "{flags:?}");
        }
    }
}

const CPP: &str = r#"
    #include <cstdio>
    #include <functional>
    #include <list>
    #include <map>
    #include <memory>
    #include <new>
    #include <string>
    #include <unordered_map>
    #include <vector>
    HEADERS
    struct Shape { virtual ~Shape() {} virtual int size() const = 0; };
    struct Square : Shape { int side; Square(int side) : side(side) {} int size() const override { return side * side; } };
    static std::map<std::string, int> counts;
    static std::unordered_map<int, std::string> names;
    extern "C" __attribute__((noinline)) int op(int x) { volatile int y = x; return y + 1; }
    extern "C" __attribute__((noinline)) int work(int x)
    {
        static const std::vector<int> once(static_cast<size_t>(x), 3);
        std::unique_ptr<Shape> shape(new Square(x));
        std::string text = "some text that is longer than a short string";
        text += std::to_string(x);
        text.insert(1, text.substr(2, 3));
        counts[text] += shape->size();
        names[x] = text;
        std::list<int> list(3, x);
        list.splice(list.begin(), std::list<int>{x});
        std::function<int(int)> add = [x](int y) { return x + y; };
        BODY;
        return add(counts[text]) + once.at(0) + static_cast<int>(text.size() + list.size());
    }
    int main(int count, char **) { return op(work(count)) != 0; }
"#;

fn cpp(headers: &str, body: &str) -> String {
    CPP.replace("HEADERS", headers).replace("BODY", body)
}

/// Why no uretprobe is used.
fn why_none(bytes: &[u8]) -> String {
    match function(bytes, "op").unwrap().finish {
        Finish::Returns { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

const FRAMES: &str = "-fno-omit-frame-pointer";
const NONE: &str = "-fno-exceptions";

#[test]
fn cpp_without_exceptions_allows_both() {
    let workshop = Workshop::new();
    let quiet = "extern \"C\" __attribute__((noinline)) int op(int x) { volatile int y = x; return y; } int main(int c, char **) { return op(c); }";
    let streams = cpp(
        "#include <iostream>",
        "std::cout << 1 << \"x\" << 'c' << text",
    );
    for (text, flags) in [
        // Without a line that throws, there are no exception tables either.
        (quiet, &["-O0"][..]),
        (quiet, &["-O0", NONE, "-Wl,--no-as-needed"]),
        (&cpp("", ""), &["-O2", NONE, FRAMES]),
        (&cpp("", ""), &["-O3", NONE, FRAMES, "-no-pie", "-fno-pie"]),
        (&streams, &["-O2", NONE, FRAMES]),
    ] {
        for compiler in ["g++", "clang++"] {
            if compiler == "g++" || host::has_tool(compiler) {
                let bytes = workshop.build_text(compiler, "cpp", text, flags);
                assert_eq!(judge(&bytes), (true, true), "{compiler} {flags:?}");
            }
        }
    }
}

#[test]
fn cpp_that_a_library_could_call_or_that_catches_gets_no_uretprobe() {
    let workshop = Workshop::new();
    let own = "
        #ifdef OWN
        #include <cstdlib>
        void *operator new(size_t size) { return std::malloc(size); }
        #endif
    ";
    let backtrace =
        "_Unwind_Backtrace([](_Unwind_Context *, void *) { return _URC_NO_REASON; }, nullptr)";
    let stream = "#include <iostream>\nstruct Own : std::streambuf { int overflow(int c) override { return c; } };";
    for (headers, body, flags, expected) in [
        ("", "", &["-O2"][..], "exception tables"),
        ("", "", &["-O0"], "exception tables"),
        ("", "", &["-O2", NONE, "-rdynamic"], "which it exports"),
        ("", "", &["-O2", NONE, "-DOWN"], "which it exports"),
        (
            "#include <thread>",
            "std::thread([] {}).join()",
            &["-O2", NONE],
            "imports _ZN",
        ),
        (
            "",
            "std::set_new_handler([] {})",
            &["-O2", NONE],
            "set_new_handler",
        ),
        (
            "#include <exception>",
            "std::set_terminate([] {})",
            &["-O2", NONE],
            "set_terminate",
        ),
        (
            stream,
            "Own own; std::ostream(&own) << x",
            &["-O2", NONE],
            "streambuf",
        ),
        (
            "#include <iostream>",
            "std::cout << [](std::ostream &out) -> std::ostream & { return out; }",
            &["-O0", NONE],
            "it",
        ),
        ("#include <unwind.h>", backtrace, &["-O2", NONE], "_Unwind_"),
    ] {
        let text = cpp(&format!("{own}{headers}"), body);
        let flags = [flags, &[FRAMES]].concat();
        let why = why_none(&workshop.build_text("g++", "cpp", &text, &flags));
        let is_library = why.contains("libstdc++.so.6") && why.contains(expected);
        assert!(is_library, "{headers} {body} {flags:?}: {why}");
    }
}
