//! Reads what the rows of a segment add up to, which is in the file in front of its footer. Whatever
//! is wrong with it, the segment is read row by row instead.

use arrow::array::RecordBatch;
use soakbox_schemas::journal::{Frame, frames_in};
use soakbox_schemas::recording::roll_up::MOST_BYTES;

use super::{BoundedFile, Segment};

impl Segment {
    /// Whether its footer names a roll-up.
    pub fn has_roll_up(&self) -> bool {
        self.roll_up.is_some()
    }

    /// The roll-up, with a row per operation and the columns of `schemas`; `None` where there is
    /// none, or it cannot be read.
    pub fn roll_up(&self) -> Option<RecordBatch> {
        let place = self.roll_up.filter(|place| place.bytes <= MOST_BYTES)?;
        let end = place.offset.checked_add(place.bytes)?;
        let file = BoundedFile::open(&self.path).ok()?;
        let bytes = file.read(place.offset..end).ok()?;
        let mut frames = frames_in(bytes);
        match (frames.next(), frames.next()) {
            (Some(Frame::Batch(rows)), None) => Some(rows),
            _ => None,
        }
    }
}
