//! Arbitrary exception tables (LSDA): reading ends, and never panics.
#![no_main]

#[path = "../../recorder/tests/suite/binary_support/parsers.rs"]
mod parsers;
#[path = "../../recorder/tests/suite/binary_support/wrapped.rs"]
mod wrapped;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| parsers::exception_table(bytes));
