//! Arbitrary probes: parsing never panics, and a parsed probe is printed as text that parses to the
//! same probe.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_recorder::probe::ProbeSpec;

fuzz_target!(|text: &str| {
    if let Ok(spec) = text.parse::<ProbeSpec>() {
        assert_eq!(spec.to_string().parse(), Ok(spec));
    }
});
