//! The journal's codec: record batches in frames that survive a torn tail and flipped bits.
//!
//! A frame is [`MAGIC`], the payload's length and a CRC32C of length and payload, then the payload:
//! an Arrow IPC stream with the schema, the dictionaries and one batch. Each frame can be read
//! without the others, so that damage costs only the rows of the frame that it hits. [`Frames`]
//! reads a journal from a file or from memory, by the same rules. No file is written here.

mod columns;
mod frames;
mod lz4;
mod pack;
mod payload;
mod source;
mod stream;
#[cfg(test)]
mod tests;

pub use frames::{Frame, Frames, frames_in, resync_budget};
pub use payload::MAX_BATCH_BYTES;
pub use source::ReadAt;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

/// The first bytes of each frame.
pub const MAGIC: [u8; 4] = *b"SBJ1";
/// Length of the header: the bytes before the payload.
pub const HEADER_BYTES: usize = 12;
/// Largest payload that a reader accepts, bytes.
pub const MAX_PAYLOAD_BYTES: usize = 256 << 20;

/// Appends `batch` to `out` as one frame, compressed with LZ4. The frame has the metadata of the
/// batch's schema too.
///
/// # Errors
/// Where Arrow cannot encode the batch, or it is larger than a reader accepts
/// ([`MAX_PAYLOAD_BYTES`], [`MAX_BATCH_BYTES`]).
pub fn encode(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    if stream::is_flat(batch) {
        stream::write(batch, out)?;
    } else {
        write_by_arrow(batch, out)?;
    }
    let length = out.len() - start - HEADER_BYTES;
    let in_memory = batch.get_array_memory_size() as u64;
    if length > MAX_PAYLOAD_BYTES || in_memory > MAX_BATCH_BYTES {
        out.truncate(start);
        return Err(ArrowError::InvalidArgumentError(format!(
            "a batch of {in_memory} bytes ({length} compressed) is too large for a journal"
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

/// Appends the payload with columns of any type.
fn write_by_arrow(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let options =
        IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let mut writer = StreamWriter::try_new_with_options(out, &batch.schema(), options)?;
    writer.write(batch)?;
    writer.finish()
}

fn checksum(length: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(length), payload)
}

/// Length of the frame, header included, whose header is at the start of `bytes`; `None` where no
/// header is there.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.get(..HEADER_BYTES)?.strip_prefix(&MAGIC)?;
    let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    (length <= MAX_PAYLOAD_BYTES).then_some(HEADER_BYTES + length)
}

/// The payload of `frame`; `None` where its checksum is wrong.
fn checked_payload(frame: &[u8]) -> Option<&[u8]> {
    let (header, payload) = frame.split_at_checked(HEADER_BYTES)?;
    (checksum(&header[4..8], payload).to_le_bytes() == header[8..]).then_some(payload)
}
