//! Arbitrary machine code, jump tables and relocations: the analysis of a function ends, and never
//! panics.
#![no_main]

#[path = "../../recorder/tests/suite/binary_support/parsers.rs"]
mod parsers;
#[path = "../../recorder/tests/suite/binary_support/wrapped.rs"]
mod wrapped;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: (&[u8], &[u8], &[u8])| parsers::code(parts.0, parts.1, parts.2));
