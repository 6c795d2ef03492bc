//! The tables of Go programs as they could be: listing, resolving, patterns and costs must end, and
//! never panic.
//! Start from small real programs: `cargo fuzz run -s none go corpus/go some-go-program`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_recorder::binary::{
    ErrorPlace, KernelVersion, go_matches, list, resolve_go, survey_go,
};

fuzz_target!(|bytes: &[u8]| {
    let kernel = KernelVersion {
        major: 6,
        minor: 18,
    };
    let Ok(listing) = list(bytes) else { return };
    let Some(Ok(go)) = listing.go else { return };
    for (name, ..) in go.functions.iter().take(8) {
        let _ = resolve_go(bytes, "f", name, Some(ErrorPlace::Known), kernel);
    }
    let _ = survey_go(bytes, kernel, true);
    let _ = go_matches(bytes, "f", "m*.(*?).*");
});
