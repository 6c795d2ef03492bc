//! Reads the payload of a frame: an Arrow IPC stream with one batch.
//!
//! A right checksum does not prove that the content is valid, and Arrow's reader trusts the numbers
//! in its input: a false length makes it allocate that much memory, other contradictions make it
//! panic. Therefore each message is checked first (it is inside the payload, its buffers are inside
//! it and decompress to at most [`MAX_BATCH_BYTES`]), and a panic is caught. In both cases the
//! payload counts as not a batch.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::{self, Message, MessageHeader};

use super::columns;

/// Largest total size of the buffers of one batch when they are decompressed, bytes.
pub const MAX_BATCH_BYTES: u64 = 1 << 30;

/// Marks a message; the length of its metadata follows.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// Bytes before a compressed buffer: its length when decompressed, −1 where it is stored
/// uncompressed.
pub(super) const PREFIX_BYTES: usize = 8;

/// The batch in `payload`; `None` where it is not an Arrow IPC stream with a batch.
pub(super) fn batch(payload: &[u8]) -> Option<RecordBatch> {
    // A copy, which is aligned as arrays of Arrow are.
    let bytes = Buffer::from(payload);
    check(&bytes)?;
    catch_unwind(AssertUnwindSafe(|| {
        columns::batch(&bytes).or_else(|| decode(bytes))
    }))
    .ok()?
}

/// Arrow's own reader, for all that `columns` does not read.
pub(super) fn decode(mut rest: Buffer) -> Option<RecordBatch> {
    let mut decoder = StreamDecoder::new();
    while !rest.is_empty() {
        if let Some(batch) = decoder.decode(&mut rest).ok()? {
            return Some(batch);
        }
    }
    None
}

/// `None` where a message must not reach Arrow's reader.
pub(super) fn check(payload: &[u8]) -> Option<()> {
    let (mut rest, mut budget) = (payload, MAX_BATCH_BYTES);
    while let Some((message, after)) = message(rest)? {
        let body = after.get(..usize::try_from(message.bodyLength()).ok()?)?;
        let batch = match message.header_type() {
            MessageHeader::DictionaryBatch => Some(message.header_as_dictionary_batch()?.data()?),
            MessageHeader::RecordBatch => Some(message.header_as_record_batch()?),
            _ => None,
        };
        if let Some(batch) = batch {
            let compressed = batch.compression().is_some();
            for buffer in batch.buffers()? {
                budget = budget.checked_sub(decoded_bytes(body, buffer, compressed)?)?;
            }
        }
        rest = &after[body.len()..];
    }
    Some(())
}

/// The message at the start of `bytes`, and the bytes after its metadata: `Some(None)` at the end
/// of the stream, `None` where there is no whole message.
pub(super) fn message(bytes: &[u8]) -> Option<Option<(Message<'_>, &[u8])>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let bytes = bytes.strip_prefix(&CONTINUATION).unwrap_or(bytes);
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length == 0 {
        return Some(None);
    }
    let (metadata, after) = rest.split_at_checked(length)?;
    Some(Some((ipc::root_as_message(metadata).ok()?, after)))
}

/// Size of a buffer when it is decompressed, bytes; `None` where the buffer is not inside the body.
fn decoded_bytes(body: &[u8], buffer: &ipc::Buffer, compressed: bool) -> Option<u64> {
    let start = usize::try_from(buffer.offset()).ok()?;
    let length = usize::try_from(buffer.length()).ok()?;
    let bytes = body.get(start..start.checked_add(length)?)?;
    if !compressed || bytes.is_empty() {
        return Some(length as u64);
    }
    let (prefix, stored) = bytes.split_at_checked(PREFIX_BYTES)?;
    match i64::from_le_bytes(prefix.try_into().ok()?) {
        -1 => Some(stored.len() as u64),
        length => u64::try_from(length).ok(),
    }
}
