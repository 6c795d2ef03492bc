//! Arbitrary file names and configurations: parsing never panics, and the name of a segment parses
//! to the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_recorder::config::Config;
use soakbox_schemas::recording::{JournalName, SegmentName};

fuzz_target!(|text: &str| {
    if let Some(name) = SegmentName::parse(text) {
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
    }
    let _ = JournalName::parse("0a1b2c3d-0000-4000-8000-000000000000", text);
    let _ = Config::parse(text);
});
