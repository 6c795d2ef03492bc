//! Reads a journal frame by frame, also a damaged one: bytes that cannot be read are counted and
//! skipped. The recorder, its recovery and the analyzer all read by the rules of this file.

use arrow::array::RecordBatch;

use super::payload::batch;
use super::source::{Memory, ReadAt};
use super::{HEADER_BYTES, MAGIC, checked_payload, frame_length};

/// Bytes that are searched at once for the next magic.
const WINDOW_BYTES: usize = 64 << 10;

/// For a journal of `length` bytes: the number of bytes over which a reader computes checksums that
/// turn out wrong, before it counts the rest as damaged.
///
/// Bytes that only look like the header of a frame cost a checksum over the length that they give.
/// The budget is enough for sixteen such headers that give the length of the whole journal, and for
/// many that give a short one; it keeps the time linear in the length of the journal.
pub const fn resync_budget(length: u64) -> u64 {
    (64 << 20) + length.saturating_mul(16)
}

/// The next part of a journal.
#[derive(Debug, PartialEq)]
pub enum Frame {
    /// The rows of a whole frame.
    Batch(RecordBatch),
    /// Bytes without a readable frame: torn at the end, or damaged.
    Damaged {
        /// Offset in the journal, bytes.
        offset: u64,
        /// Their number.
        bytes: u64,
    },
}

/// Iterates over the frames of a journal. Together they cover all of its bytes, in order.
///
/// Bytes are a frame if the magic, the length and the checksum in its header are right. If no frame
/// starts at an offset, the reader goes on at the next offset where one does. A frame whose payload
/// is not a batch is damaged as a whole: reading goes on after it, and never inside it.
#[derive(Debug)]
pub struct Frames<R> {
    source: R,
    length: u64,
    offset: u64,
    budget: u64,
    frame: Vec<u8>,
    window: Vec<u8>,
    /// A read failed: the iterator ends.
    failed: bool,
}

/// The frames of a journal in memory, borrowed or shared.
pub fn frames_in<B: AsRef<[u8]>>(bytes: B) -> impl Iterator<Item = Frame> {
    let length = bytes.as_ref().len() as u64;
    Frames::new(Memory(bytes), length).map(|frame| {
        // Reading from memory cannot fail.
        let Ok(frame) = frame;
        frame
    })
}

impl<R: ReadAt> Frames<R> {
    /// Over the first `length` bytes of `source`; bytes appended later are not read.
    pub fn new(source: R, length: u64) -> Self {
        Self {
            source,
            length,
            offset: 0,
            budget: resync_budget(length),
            frame: Vec::new(),
            window: Vec::new(),
            failed: false,
        }
    }

    /// Offset up to which the journal was read, damaged bytes included.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The frame at the current offset, or the damaged bytes up to the next one.
    fn read(&mut self) -> Result<Frame, R::Error> {
        let start = self.offset;
        let found = self.frame_at(start, batch)?;
        let end = match found {
            Some((Some(batch), bytes)) => {
                self.offset = start + bytes;
                return Ok(Frame::Batch(batch));
            }
            Some((None, bytes)) => start + bytes,
            None => self.next_frame(start + 1)?,
        };
        self.offset = end;
        let bytes = end - start;
        Ok(Frame::Damaged {
            offset: start,
            bytes,
        })
    }

    /// The result of `read` on the payload of the frame at `offset`, and the length of the frame;
    /// `None` where no frame starts there.
    fn frame_at<T>(
        &mut self,
        offset: u64,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<(T, u64)>, R::Error> {
        let rest = self.length.saturating_sub(offset);
        if rest < HEADER_BYTES as u64 {
            return Ok(None);
        }
        let header = self.source.read_at(offset, HEADER_BYTES, &mut self.frame)?;
        let Some(bytes) = frame_length(header) else {
            return Ok(None);
        };
        // A frame that is longer than the budget or than the rest of the journal is not read.
        let after = self.budget.checked_sub(bytes as u64);
        let Some(after) = after.filter(|_| bytes as u64 <= rest) else {
            return Ok(None);
        };
        let frame = self.source.read_at(offset, bytes, &mut self.frame)?;
        let found = checked_payload(frame).map(read);
        if found.is_none() {
            self.budget = after;
        }
        Ok(found.map(|found| (found, bytes as u64)))
    }

    /// Where the next frame at or after `from` starts; the journal's end where there is none.
    fn next_frame(&mut self, from: u64) -> Result<u64, R::Error> {
        let mut start = from;
        while self.length.saturating_sub(start) >= HEADER_BYTES as u64 {
            let size = (self.length - start).min(WINDOW_BYTES as u64) as usize;
            let window = self.source.read_at(start, size, &mut self.window)?;
            let candidates: Vec<usize> = magics(window).collect();
            for candidate in candidates {
                let offset = start + candidate as u64;
                if self.frame_at(offset, |_| ())?.is_some() {
                    return Ok(offset);
                }
            }
            // Windows overlap, so that a magic across their edge is found.
            start += (size - MAGIC.len() + 1) as u64;
        }
        Ok(self.length)
    }
}

fn magics(window: &[u8]) -> impl Iterator<Item = usize> {
    let starts = window.windows(MAGIC.len()).enumerate();
    starts.filter_map(|(start, bytes)| (bytes == MAGIC).then_some(start))
}

impl<R: ReadAt> Iterator for Frames<R> {
    type Item = Result<Frame, R::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.offset >= self.length {
            return None;
        }
        let frame = self.read();
        self.failed = frame.is_err();
        Some(frame)
    }
}
