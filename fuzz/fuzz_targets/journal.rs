//! Frames of a journal: together they cover all bytes, a batch that was read can be written again,
//! and those from a file are those from memory.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use soakbox_schemas::journal::{Frame, Frames, MAGIC, encode, frames_in};

/// `payload` with a valid header, so that the batch in it is read.
fn frame_of(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&length), payload).to_le_bytes();
    [&MAGIC[..], &length, &checksum, payload].concat()
}

// A panic of Arrow's reader is caught by ours, and is no finding; one that is not caught ends the fuzzer.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    check(bytes);
    check(&frame_of(bytes));
});

fn check(bytes: &[u8]) {
    let mut expected = 0;
    let mut in_memory = Vec::new();
    for frame in frames_in(bytes) {
        match &frame {
            Frame::Damaged { offset, bytes } => {
                assert!(*offset >= expected, "frames go forward");
                expected = offset + bytes;
            }
            Frame::Batch(batch) => {
                let mut again = Vec::new();
                encode(batch, &mut again).expect("a batch that was read can be written");
            }
        }
        in_memory.push(frame);
    }
    assert!(expected <= bytes.len() as u64);
    // A file is read in windows, which end at other offsets than the bytes in memory.
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let mut frames = Frames::new(file, bytes.len() as u64);
    let in_file: Vec<Frame> = frames.by_ref().map(|frame| frame.expect("readable")).collect();
    assert_eq!(frames.offset(), bytes.len() as u64, "all of it is covered");
    assert_eq!(in_file, in_memory);
}
