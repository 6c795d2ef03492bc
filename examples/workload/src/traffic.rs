//! Batches of packets and the operation traffic_control: a plain function with a C symbol, which is
//! observed by its name.
//!
//! It must not end in a tail call: it returns by `ret` at every level of optimisation.

use std::hint::black_box;

use crate::random::Random;
use crate::rules::RuleTable;

/// Bytes of one packet.
pub(crate) const PACKET_BYTES: usize = 256;
/// The result of traffic_control for a malformed batch (-EINVAL).
pub(crate) const MALFORMED: i32 = -22;

const MAGIC: u8 = 0x45;
const HEADER_BYTES: usize = 8;

/// Packets one after another: a magic byte, three random bytes, the destination, the payload.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    pub(crate) fn new(random: &mut Random, packets: usize) -> Self {
        let mut bytes = Vec::with_capacity(packets * PACKET_BYTES);
        for _ in 0..packets {
            let start = bytes.len();
            while bytes.len() - start < PACKET_BYTES {
                bytes.extend_from_slice(&random.next().to_le_bytes());
            }
            bytes[start] = MAGIC;
        }
        Self { bytes }
    }

    /// Makes the batch malformed, or well-formed again.
    pub(crate) fn set_malformed(&mut self, malformed: bool) {
        if let Some(first) = self.bytes.first_mut() {
            *first = if malformed { 0 } else { MAGIC };
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Checks the first `length` bytes of a batch against the rules. Returns the number of allowed
/// packets, or [`MALFORMED`].
///
/// A malformed batch costs as much as a valid one: all payloads are summed in both cases.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn traffic_control(table: &RuleTable, batch: &Batch, length: usize) -> i32 {
    let bytes = batch.bytes.get(..length).unwrap_or(&batch.bytes);
    let mut allowed = 0;
    let mut malformed = false;
    for packet in bytes.chunks_exact(PACKET_BYTES) {
        let (header, payload) = packet.split_at(HEADER_BYTES);
        malformed |= header[0] != MAGIC;
        let destination = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let weight = table.weight(destination);
        let checksum = black_box(fnv(payload));
        allowed += i32::from(weight > (checksum % 4) as u32);
    }
    black_box(if malformed { MALFORMED } else { allowed })
}

/// FNV-1a, a byte at a time.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_batch_fails_and_a_valid_one_does_not() {
        let mut random = Random::new(1, 0);
        let table = RuleTable::refresh("0.0.0.0/0 allow 9\n", 1).unwrap();
        let mut batch = Batch::new(&mut random, 10);
        assert_eq!(batch.len(), 10 * PACKET_BYTES);
        assert_eq!(traffic_control(&table, &batch, batch.len()), 10);
        assert_eq!(traffic_control(&table, &batch, 3 * PACKET_BYTES), 3);
        batch.set_malformed(true);
        assert_eq!(traffic_control(&table, &batch, batch.len()), MALFORMED);
        batch.set_malformed(false);
        assert_eq!(traffic_control(&RuleTable::default(), &batch, 2560), 0);
    }
}
