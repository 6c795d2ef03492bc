//! Segments whose writers die or whose system calls fail. The test program is also the process that
//! is killed, in a role, so it has a `main` of its own.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod crash;
mod deletion;
mod errors;
mod faults;
#[path = "../suite/support/host.rs"]
#[allow(dead_code, reason = "the other test program uses all of it")]
mod host;
mod power;
mod segment_support;

use std::process::ExitCode;

use segment_support::role;

/// Every host can run the test.
fn always() -> bool {
    true
}

/// Too long for `make test`: `make endurance` runs it.
fn in_endurance() -> bool {
    false
}

fn has_strace() -> bool {
    host::has_tool("strace")
}

fn has_gcc() -> bool {
    host::has_tool("gcc")
}

fn main() -> ExitCode {
    role::main(
        &[
            crash::TESTS,
            deletion::TESTS,
            errors::TESTS,
            faults::TESTS,
            power::TESTS,
        ]
        .concat(),
    )
}
