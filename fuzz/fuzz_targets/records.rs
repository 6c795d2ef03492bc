//! The records of a CSV file: no bytes make the reader panic, and the records do not depend on the
//! pieces in which the bytes arrive.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;

// The file needs little of its package, which would bring the query engine with it.
#[path = "../../analyzer/src/import/records.rs"]
#[allow(dead_code)]
mod records;

use records::Records;

/// Bytes that arrive in pieces of that length.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(self.1).min(buffer.len());
        let (piece, rest) = self.0.split_at(count);
        buffer[..count].copy_from_slice(piece);
        self.0 = rest;
        Ok(count)
    }
}

/// The cells of all records, and how the input ends.
fn all(input: impl Read) -> (Vec<Vec<Vec<u8>>>, Option<String>) {
    let mut records = Records::new(input);
    let mut found = Vec::new();
    loop {
        match records.advance() {
            Ok(false) => return (found, None),
            Err(reason) => return (found, Some(reason)),
            Ok(true) => {
                let cells = (0..records.count()).map(|index| records.cell(index).to_vec());
                found.push(cells.collect());
            }
        }
    }
}

fuzz_target!(|parts: (u8, &[u8])| {
    let (length, bytes) = parts;
    let pieces = Pieces(bytes, usize::from(length).max(1));
    assert_eq!(all(bytes), all(pieces));
});
