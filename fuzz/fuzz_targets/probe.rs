//! Probes as they could be typed: parsing never panics, and what parses is shown as something that parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_recorder::probe::ProbeSpec;

fuzz_target!(|text: &str| {
    if let Ok(spec) = text.parse::<ProbeSpec>() {
        assert_eq!(spec.to_string().parse(), Ok(spec));
    }
});
