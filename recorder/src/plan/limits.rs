//! The bounds of every ring, map, queue and file that could grow. Their defaults and permitted
//! ranges are declared in [`crate::limits`].

use crate::limits::{JOURNAL_BYTES, ROTATE_AFTER, ROTATE_ROWS};

/// The bounds of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the kernel's ring buffer, bytes.
    pub ring_bytes: u32,
    /// Most operations in flight that belong to a process rather than a thread.
    pub in_flight: u32,
    /// Most processes of the tree of the command that are followed at a time.
    pub processes: u32,
    /// Most batches that wait between the recorder's threads.
    pub queue_batches: usize,
    /// When a segment ends.
    pub segment: SegmentLimits,
}

/// The bounds of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentLimits {
    /// Largest journal, bytes; the batch that reaches it is the last of the segment.
    pub max_bytes: u64,
    /// Number of rows at which it ends; the batch that reaches it is the last.
    pub max_rows: Option<u64>,
    /// Length of the periods, ns: a segment ends at each multiple since midnight (UTC), and at
    /// midnight.
    pub period_ns: u64,
}

impl Default for SegmentLimits {
    /// The defaults of the flags: about 2.5 million operations, or 10 minutes of UTC.
    fn default() -> Self {
        Self {
            max_bytes: JOURNAL_BYTES.default.unwrap_or(JOURNAL_BYTES.most),
            max_rows: ROTATE_ROWS.default,
            period_ns: ROTATE_AFTER.default.unwrap_or(ROTATE_AFTER.most),
        }
    }
}
