//! The bounds of everything that could grow. Their defaults and how far each may go are declared in
//! [`crate::limits`].

use crate::limits::{JOURNAL_BYTES, ROTATE_AFTER};

/// The bounds of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Kernel ring, bytes.
    pub ring_bytes: u32,
    /// Operations in flight that belong to processes rather than threads.
    pub in_flight: u32,
    /// Processes of the command's tree at a time.
    pub processes: u32,
    /// Batches between the recorder's threads.
    pub queue_batches: usize,
    /// When a segment ends.
    pub segment: SegmentLimits,
}

/// The bounds of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentLimits {
    /// Largest journal, bytes; a batch that reaches it is the last.
    pub max_bytes: u64,
    /// Longest time from the segment's start, ns of the boot clock.
    pub max_age_ns: u64,
}

impl Default for SegmentLimits {
    /// The defaults of the flags: about 2.5 million operations, or 10 minutes.
    fn default() -> Self {
        Self {
            max_bytes: JOURNAL_BYTES.default.unwrap_or(JOURNAL_BYTES.most),
            max_age_ns: ROTATE_AFTER.default.unwrap_or(ROTATE_AFTER.most),
        }
    }
}
