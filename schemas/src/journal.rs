//! The journal's codec: record batches in frames that survive a torn tail and flipped bits.
//!
//! A frame is [`MAGIC`], the payload's length and a CRC32C of length and payload, then the payload: an Arrow IPC
//! stream of its own with the schema, the dictionaries and one batch. So a damaged frame costs its own rows and no
//! others, and the reader finds the next frame by its magic. Pure over bytes.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

/// What each frame starts with.
pub const MAGIC: [u8; 4] = *b"SBJ1";
/// Bytes before the payload.
pub const HEADER_BYTES: usize = 12;
/// Largest payload that a reader accepts.
pub const MAX_PAYLOAD_BYTES: usize = 256 << 20;

/// Appends `batch` to `out` as one frame, compressed with LZ4. The batch's schema metadata travels along.
///
/// # Errors
/// Where Arrow cannot encode the batch, or it is larger than [`MAX_PAYLOAD_BYTES`].
pub fn encode(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    let options =
        IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let mut writer = StreamWriter::try_new_with_options(&mut *out, &batch.schema(), options)?;
    writer.write(batch)?;
    writer.finish()?;
    drop(writer);
    let length = out.len() - start - HEADER_BYTES;
    if length > MAX_PAYLOAD_BYTES {
        out.truncate(start);
        return Err(ArrowError::InvalidArgumentError(format!(
            "batch of {length} bytes is too large for a journal"
        )));
    }
    let length = (length as u32).to_le_bytes();
    let checksum = checksum(&length, &out[start + HEADER_BYTES..]).to_le_bytes();
    let header = &mut out[start..start + HEADER_BYTES];
    header[..4].copy_from_slice(&MAGIC);
    header[4..8].copy_from_slice(&length);
    header[8..].copy_from_slice(&checksum);
    Ok(())
}

fn checksum(length: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(length), payload)
}

/// Bytes that a reader of a journal of `length` bytes may check in vain before it takes the rest for damaged.
///
/// What only looks like a frame costs a checksum over as much as it claims. This is enough for sixteen that claim the
/// whole journal and for any number of small ones, and keeps the time linear in the journal's length.
pub const fn vain_bytes(length: u64) -> u64 {
    (64 << 20) + length.saturating_mul(16)
}

/// Length of the frame whose header `bytes` start with, header included; `None` where they start with none.
pub fn frame_length(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.get(..HEADER_BYTES)?.strip_prefix(&MAGIC)?;
    let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    (length <= MAX_PAYLOAD_BYTES).then_some(HEADER_BYTES + length)
}

/// The payload of the frame that `bytes` start with, where it is whole and its checksum holds.
fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let frame = bytes.get(..frame_length(bytes)?)?;
    let (header, payload) = frame.split_at(HEADER_BYTES);
    (checksum(&header[4..8], payload).to_le_bytes() == header[8..]).then_some(payload)
}

/// Decodes the frame that `bytes` start with; `None` where it is not whole or not a batch.
pub fn decode(bytes: &[u8]) -> Option<RecordBatch> {
    let mut reader = StreamReader::try_new(payload(bytes)?, None).ok()?;
    reader.next()?.ok()
}

/// What a reader finds next in a journal.
#[derive(Debug)]
pub enum Frame {
    /// A whole batch.
    Batch(RecordBatch),
    /// A stretch that is no valid frame: torn at the end, or damaged.
    Damaged {
        /// Where it starts.
        offset: usize,
        /// How long it is.
        bytes: usize,
    },
}

/// Iterates over the frames of a journal's bytes. Never fails: what cannot be read is [`Frame::Damaged`].
#[derive(Debug)]
pub struct Frames<B> {
    bytes: B,
    offset: usize,
    /// What may still be checked in vain.
    spare: u64,
}

impl<B: AsRef<[u8]>> Frames<B> {
    /// Over a whole journal, borrowed or shared.
    pub fn new(bytes: B) -> Self {
        let spare = vain_bytes(bytes.as_ref().len() as u64);
        Self {
            bytes,
            offset: 0,
            spare,
        }
    }

    /// What `read` makes of the frame at `offset`, and the offset behind it. Where it makes nothing of it, that is paid
    /// for.
    fn frame<T>(&mut self, offset: usize, read: impl Fn(&[u8]) -> Option<T>) -> Option<(T, usize)> {
        let rest = self.bytes.as_ref().get(offset..)?;
        let length = frame_length(rest).filter(|&length| length <= rest.len())?;
        let left = self.spare.checked_sub(length as u64)?;
        let found = read(&rest[..length]);
        if found.is_none() {
            self.spare = left;
        }
        Some((found?, offset + length))
    }
}

impl<B: AsRef<[u8]>> Iterator for Frames<B> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let start = self.offset;
        let length = self.bytes.as_ref().len();
        if start >= length {
            return None;
        }
        if let Some((batch, end)) = self.frame(start, decode) {
            self.offset = end;
            return Some(Frame::Batch(batch));
        }
        // Resume at the next magic whose frame is whole; the checksum rules out one that only looks like it.
        let mut search = start + 1;
        let end = loop {
            let Some(position) = find_magic(&self.bytes.as_ref()[search..]) else {
                break length;
            };
            if self
                .frame(search + position, |frame| payload(frame).map(|_| ()))
                .is_some()
            {
                break search + position;
            }
            search += position + 1;
        };
        self.offset = end;
        Some(Frame::Damaged {
            offset: start,
            bytes: end - start,
        })
    }
}

fn find_magic(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(MAGIC.len())
        .position(|window| window == MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OperationEvent;
    use crate::tables::{OperationInfo, OperationLogBuilder};
    use proptest::prelude::*;

    fn batch(rows: u64) -> RecordBatch {
        let plan = [OperationInfo {
            name: "refresh".into(),
            operation_type: 1,
        }];
        let mut builder = OperationLogBuilder::new(&plan);
        for row in 0..rows {
            builder.push(
                &OperationEvent {
                    duration_ns: row,
                    ..Default::default()
                },
                0,
            );
        }
        builder.finish().unwrap()
    }

    fn journal(sizes: &[u64]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for &size in sizes {
            encode(&batch(size), &mut bytes).unwrap();
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn rows(bytes: &[u8]) -> Vec<usize> {
        Frames::new(bytes)
            .filter_map(|frame| match frame {
                Frame::Batch(batch) => Some(batch.num_rows()),
                Frame::Damaged { .. } => None,
            })
            .collect()
    }

    #[test]
    fn what_was_written_reads_back() {
        let (bytes, _) = journal(&[1, 200, 3]);
        assert_eq!(rows(&bytes), [1, 200, 3]);
        let Some(Frame::Batch(first)) = Frames::new(&bytes).next() else {
            panic!("no batch")
        };
        assert_eq!(first, batch(1));
    }

    /// A megabyte of headers that each claim all the rest.
    fn false_magics() -> Vec<u8> {
        const BYTES: usize = 1 << 20;
        let mut bytes = Vec::new();
        while bytes.len() + HEADER_BYTES <= BYTES {
            let claimed = (BYTES - bytes.len() - HEADER_BYTES) as u32;
            bytes.extend(MAGIC);
            bytes.extend(claimed.to_le_bytes());
            bytes.extend([0; 4]);
        }
        bytes.resize(BYTES, 0);
        bytes
    }

    #[test]
    fn a_megabyte_of_false_magics_is_read_in_time() {
        let started = std::time::Instant::now();
        let bytes = false_magics();
        let frames: Vec<Frame> = Frames::new(&bytes).collect();
        assert!(
            matches!(frames[..], [Frame::Damaged { offset: 0, bytes: all }] if all == bytes.len())
        );
        assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    }

    #[test]
    fn a_frame_behind_a_few_false_magics_is_found() {
        let mut bytes = Vec::new();
        let (valid, _) = journal(&[5]);
        for _ in 0..12 {
            let claimed = (200 + valid.len()) as u32;
            bytes.extend(MAGIC);
            bytes.extend(claimed.to_le_bytes());
            bytes.extend([7; 100]);
        }
        bytes.extend(&valid);
        bytes.extend([0; 300]);
        assert_eq!(rows(&bytes), [5]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_torn_tail_costs_only_the_frames_that_it_cuts(cut in 0.0..1.0f64) {
            let (bytes, ends) = journal(&[5, 6, 7]);
            let cut = (bytes.len() as f64 * cut) as usize;
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            prop_assert_eq!(rows(&bytes[..cut]), [5, 6, 7][..whole].to_vec());
        }

        #[test]
        fn a_flipped_bit_costs_exactly_the_frame_that_it_hits(place in 0.0..1.0f64, bit in 0u32..8) {
            let (mut bytes, ends) = journal(&[5, 6, 7]);
            let place = (bytes.len() as f64 * place) as usize;
            bytes[place] ^= 1 << bit;
            let hit = ends.iter().filter(|&&end| end <= place).count();
            let mut expected = vec![5, 6, 7];
            expected.remove(hit);
            prop_assert_eq!(rows(&bytes), expected);
            let damaged: usize = Frames::new(&bytes)
                .filter_map(|frame| match frame { Frame::Damaged { bytes, .. } => Some(bytes), _ => None })
                .sum();
            let start = if hit == 0 { 0 } else { ends[hit - 1] };
            prop_assert_eq!(damaged, ends[hit] - start);
        }

        #[test]
        fn no_bytes_make_it_panic_or_loop(noise in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(noise);
            let covered: usize = Frames::new(&bytes)
                .map(|frame| match frame { Frame::Damaged { bytes, .. } => bytes, Frame::Batch(_) => 0 })
                .sum();
            prop_assert_eq!(covered, bytes.len());
        }
    }
}
