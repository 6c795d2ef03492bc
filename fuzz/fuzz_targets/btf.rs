//! Damaged BTF, the kernel's description of its types: looking members up never panics or loops.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_recorder::kernel::resolve_offsets;

fuzz_target!(|bytes: &[u8]| {
    let _ = resolve_offsets(bytes);
});
