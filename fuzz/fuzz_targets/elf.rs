//! Files as they could be: listing and resolving must end, and never panic. Start from small real binaries:
//! `cargo fuzz run -s none elf corpus/elf ../target/debug/some-program`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_recorder::binary::{KernelVersion, list, resolve};
use soakbox_recorder::probe::ProbeSpec;

fuzz_target!(|bytes: &[u8]| {
    let kernel = KernelVersion {
        major: 6,
        minor: 18,
    };
    let Ok(listing) = list(bytes) else { return };
    let functions = listing
        .functions
        .iter()
        .take(8)
        .map(|(name, ..)| format!("uprobe:f:{name}"));
    let markers = listing
        .markers
        .iter()
        .take(8)
        .map(|name| format!("marker:f:{name}"));
    for probe in functions.chain(markers) {
        if let Ok(spec) = format!("op={probe}").parse::<ProbeSpec>() {
            let _ = resolve(bytes, &spec, kernel);
        }
    }
});
