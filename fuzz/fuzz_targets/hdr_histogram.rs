//! Histograms of HdrHistogram in imported logs: no bytes make the parser panic or use much memory, and
//! what it gives is in order. The mutated bytes are those within the zlib data, which a fuzzer does not
//! find by itself.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;

// The module needs little of its package, which would bring the query engine with it.
#[path = "../../analyzer/src/hdr_histogram/mod.rs"]
#[allow(dead_code, unused_imports)]
mod hdr_histogram;

fuzz_target!(|bytes: &[u8]| {
    let _ = hdr_histogram::buckets(bytes);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(bytes).expect("memory is written");
    let data = zlib.finish().expect("memory is written");
    let mut whole = 0x1c84_9314u32.to_be_bytes().to_vec();
    whole.extend((data.len() as u32).to_be_bytes());
    whole.extend(data);
    if let Ok(found) = hdr_histogram::buckets(&whole) {
        assert!(found.is_sorted_by_key(|bucket| bucket.middle));
        assert!(found.iter().all(|bucket| bucket.count > 0));
    }
});
