//! The bounds of everything that could grow. How far each may go is checked by `resolve`.

use serde::Serialize;

/// The bounds of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

impl Default for Limits {
    fn default() -> Self {
        Self {
            ring_bytes: 16 << 20,
            in_flight: 16_384,
            processes: 16_384,
            queue_batches: 64,
            segment: SegmentLimits::default(),
        }
    }
}

/// The bounds of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentLimits {
    /// Largest journal, bytes; a batch that reaches it is the last.
    pub max_bytes: u64,
    /// Longest time from the segment's start, ns of the boot clock.
    pub max_age_ns: u64,
}

impl Default for SegmentLimits {
    /// 64 MiB (about 2.5 million operations) or 10 minutes.
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_age_ns: 600_000_000_000,
        }
    }
}
