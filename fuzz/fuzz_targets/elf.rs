//! Arbitrary files: listing and resolving must end, and never panic. Start from small real
//! binaries: `cargo fuzz run -s none elf corpus/elf ../target/debug/some-program`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;

use soakbox_recorder::binary::{
    Finishing, Image, KernelVersion, ReturnUse, Symbols, debug_link, elf::Elf, list, pattern,
    resolve_function, resolve_marker,
};

fuzz_target!(|bytes: &[u8]| {
    let kernel = KernelVersion {
        major: 6,
        minor: 18,
    };
    if let Ok(elf) = Elf::parse(bytes) {
        let _ = debug_link::candidates(&elf, Path::new("/a/b"), Path::new("/r"));
    }
    let (program, debug) = bytes.split_at(bytes.len() / 2);
    let _ = list(Image {
        bytes: program,
        symbols: Some(Symbols::Names(debug)),
    });
    let _ = list(Image {
        bytes,
        symbols: Some(Symbols::All(bytes)),
    });
    let _ = pattern::matches(bytes, "f", "*e?*");
    let Ok(listing) = list(bytes) else { return };
    for (name, ..) in listing.functions.iter().take(8) {
        let _ = resolve_function(
            bytes,
            "f",
            name,
            kernel,
            Finishing::AlsoAtJumps(ReturnUse::RECORDED),
        );
    }
    for name in listing.markers.iter().take(8) {
        let _ = resolve_marker(bytes, "f", name, kernel);
    }
});
