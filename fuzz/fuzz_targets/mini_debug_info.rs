//! Arbitrary bytes of a `.gnu_debugdata` section: decompressing them ends, within bounds, and never
//! panics. Start from small files of xz.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_recorder::binary::{Image, Symbols, list, mini_debug_info};

fuzz_target!(|bytes: &[u8]| {
    if let Some(symbols) = mini_debug_info::decompress(bytes) {
        let _ = list(Image {
            bytes: &symbols,
            symbols: Some(Symbols::Names(&symbols)),
        });
    }
});
