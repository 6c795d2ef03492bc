//! A skip is said where nobody captures it (`.ci/run` lists them), and is a failure where `SOAKBOX_REQUIRE_…=1` forbids
//! it. All test files of this package skip through this one.

use std::io::Write;

/// Says that the running test is skipped for want of `what`; fails it where `variable` is 1.
pub(crate) fn skip(variable: &str, what: &str) {
    let required = std::env::var_os(variable).is_some_and(|value| value == "1");
    assert!(!required, "{variable}=1, but no {what}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    // Not eprintln: libtest would keep it to itself, since the test passes.
    let said = format!("skipped: {test} needs {what}\n");
    let _ = std::io::stderr().write_all(said.as_bytes());
}
