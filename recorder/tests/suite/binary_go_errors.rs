//! The register with a Go function's error is where Go's rules for results put it, whatever the
//! results before it are, and is not guessed where the file does not tell.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::binary_support::KERNEL;
use crate::support::go_errors::{GO_ERRORS, GoError, LOOPS};
use crate::support::{targets, toolchains};
use soakbox_recorder::binary::{ErrorPlace, Reason, list, resolve_go};

/// Functions whose error is in no register, or in several.
const REFUSED: [(&str, &str); 6] = [
    ("after_eight", "it returns its error on the stack"),
    ("no_error", "its last result is no error"),
    ("error_first", "its last result is no error"),
    ("nothing", "it returns nothing"),
    ("after_any", "different registers"),
    ("own_error", "its last result is no error"),
];

/// Builds the program with `flags`, lets `change` change the file, and reads it.
fn built(name: &str, flags: &[&str], change: impl Fn(&Path)) -> Vec<u8> {
    let program = targets::build_go(name, flags, None);
    change(&program);
    read(&program)
}

/// Reads a program and removes it.
fn read(program: &Path) -> Vec<u8> {
    let bytes = fs::read(program).unwrap();
    fs::remove_file(program).unwrap();
    bytes
}

fn objcopy(argument: &str) -> impl Fn(&Path) {
    move |program| {
        let status = Command::new("objcopy").arg(argument).arg(program).status();
        assert!(status.unwrap().success(), "objcopy {argument}");
    }
}

fn register(bytes: &[u8], name: &str, error: ErrorPlace) -> Result<u32, Reason> {
    let name = format!("main.{name}");
    let found = resolve_go(bytes, "./program", &name, Some(error), KERNEL)?;
    Ok(found.part.error_register.unwrap())
}

fn refusal(bytes: &[u8], name: &str, error: ErrorPlace) -> String {
    let reason = register(bytes, name, error).unwrap_err();
    format!("{name}: {reason}; hint: {}", reason.hint())
}

/// The debug information tells where the error is.
fn is_told(bytes: &[u8], function: &GoError, case: &str) {
    let &GoError {
        name,
        register: expected,
        ..
    } = function;
    let found = register(bytes, name, ErrorPlace::Known);
    assert_eq!(found, Ok(expected), "{name} {case}");
}

/// The debug information contradicts a person who tells something else.
fn is_contradicted(bytes: &[u8], function: &GoError) {
    let &GoError {
        name,
        register: expected,
        ..
    } = function;
    let given = register(bytes, name, ErrorPlace::After(expected));
    assert_eq!(given, Ok(expected), "{name}");
    let wrong = refusal(bytes, name, ErrorPlace::After(expected + 1));
    let text = format!("need {expected} registers, not {}", expected + 1);
    assert!(wrong.contains(&text), "{wrong}");
}

/// The file does not tell where the error is, and believes a person who does.
fn is_not_told(bytes: &[u8], function: &GoError, why: &str) {
    let &GoError {
        name,
        register: expected,
        ..
    } = function;
    let refused = refusal(bytes, name, ErrorPlace::Known);
    assert!(refused.contains(why), "{refused}");
    assert!(refused.contains("success=goerr:N"), "{refused}");
    let given = register(bytes, name, ErrorPlace::After(expected));
    assert_eq!(given, Ok(expected), "{name}");
}

#[test]
fn the_debug_information_tells_where_the_error_is() {
    for flags in [
        &[][..],
        &["-gcflags=all=-N -l"],
        &["-buildmode=pie", "-ldflags=-linkmode=external"],
        &["-ldflags=-compressdwarf=false"],
    ] {
        let bytes = built("goroutines", flags, |_| {});
        let case = format!("{flags:?}");
        for function in &GO_ERRORS {
            is_told(&bytes, function, &case);
        }
        for function in GO_ERRORS.iter().step_by(5) {
            is_contradicted(&bytes, function);
        }
        for (name, why) in REFUSED {
            let refused = refusal(&bytes, name, ErrorPlace::Known);
            assert!(refused.contains(why), "{case}: {refused}");
            assert!(
                register(&bytes, name, ErrorPlace::After(1)).is_err(),
                "{name} {case}"
            );
        }
    }
}

/// The debug information of programs of these versions tells where the error is.
fn is_told_by(versions: &[&'static str]) {
    for version in toolchains::available(versions) {
        let bytes = read(&targets::build_go("goroutines", &[], Some(version)));
        for function in &GO_ERRORS {
            is_told(&bytes, function, version);
        }
    }
}

#[test]
fn the_debug_information_of_other_versions_tells_it_too() {
    is_told_by(&toolchains::OTHERS);
}

#[test]
#[ignore = "downloads toolchains"]
fn the_debug_information_of_more_versions_tells_it_too() {
    is_told_by(&toolchains::MORE);
}

#[test]
fn debug_information_with_the_older_header_tells_it_too() {
    let older = objcopy("--compress-debug-sections=zlib-gnu");
    let bytes = built("goroutines", &[], older);
    let name = b".zdebug_info\0";
    assert!(bytes.windows(name.len()).any(|window| window == name));
    for function in GO_ERRORS.iter().step_by(5) {
        is_told(&bytes, function, "older header");
    }
}

#[test]
fn without_debug_information_the_person_tells_it() {
    for bytes in [
        built("goroutines", &["-ldflags=-s -w"], |_| {}),
        built("goroutines", &["-ldflags=-w"], |_| {}),
        built("goroutines", &[], objcopy("--strip-debug")),
    ] {
        for function in &GO_ERRORS {
            is_not_told(&bytes, function, "no debug information");
        }
    }
}

#[test]
fn a_return_out_of_a_loop_over_a_function_hides_results() {
    for flags in [&[][..], &["-gcflags=all=-N -l"]] {
        let bytes = built("goroutines", flags, |_| {});
        if list(&bytes).unwrap().go.unwrap().unwrap().version.minor < 23 {
            return;
        }
        let [loops, loops_blank, loops_through] = LOOPS;
        for function in [loops, loops_blank] {
            is_not_told(&bytes, &function, "may leave out results");
        }
        is_told(&bytes, &loops_through, "no return in the loop");
    }
}

#[test]
fn functions_that_return_on_the_stack_are_refused() {
    for flags in [&[][..], &["-buildmode=pie"], &["-ldflags=-s -w"]] {
        let bytes = built("cgo", flags, |_| {});
        let halve = register(&bytes, "halve", ErrorPlace::After(1));
        assert_eq!(halve, Ok(1), "{flags:?}");
        // What cgo makes to call C.
        for error in [ErrorPlace::Known, ErrorPlace::After(1)] {
            let refused = refusal(&bytes, "_C2func_halve", error);
            assert!(
                refused.contains("returns its error on the stack"),
                "{refused}"
            );
        }
        for (name, on_stack) in [("main._C2func_halve", true), ("main.halve", false)] {
            let found = resolve_go(&bytes, "./program", name, None, KERNEL).unwrap();
            assert_eq!(found.part.results_on_stack, on_stack, "{name} {flags:?}");
        }
    }
    let bytes = built("goroutines", &[], |_| {});
    for error in [ErrorPlace::Known, ErrorPlace::After(1)] {
        let refused = refusal(&bytes, "assembly", error);
        assert!(refused.contains("written in assembly"), "{refused}");
    }
}
