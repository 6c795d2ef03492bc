//! The work of the writers and the sealer since the last row of `recorder_health`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counted since the last [`ActivityCounters::take`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Longest flush of a journal, ns.
    pub flush_max_ns: u64,
    /// Time spent sealing, ns.
    pub seal_ns: u64,
    /// Segments sealed.
    pub segments_sealed: u64,
    /// Seals that failed; their journals are kept and tried again.
    pub seals_failed: u64,
    /// Bytes written to journals and segments.
    pub written_bytes: u64,
}

/// Filled by the writers and the sealer, read and cleared for each row of `recorder_health`.
#[derive(Debug, Default)]
pub struct ActivityCounters {
    flush_max_ns: AtomicU64,
    seal_ns: AtomicU64,
    segments_sealed: AtomicU64,
    seals_failed: AtomicU64,
    written_bytes: AtomicU64,
}

impl ActivityCounters {
    pub(crate) fn flushed(&self, took: Duration) {
        self.flush_max_ns
            .fetch_max(nanoseconds(took), Ordering::Relaxed);
    }

    pub(crate) fn wrote(&self, bytes: u64) {
        self.written_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A seal that turned a journal into `segments` segments (0 or 1).
    pub(crate) fn sealed(&self, took: Duration, segments: u64) {
        self.seal_ns.fetch_add(nanoseconds(took), Ordering::Relaxed);
        self.segments_sealed.fetch_add(segments, Ordering::Relaxed);
    }

    pub(crate) fn seal_failed(&self, took: Duration) {
        self.seal_ns.fetch_add(nanoseconds(took), Ordering::Relaxed);
        self.seals_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The figures since the last call.
    pub fn take(&self) -> Activity {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Activity {
            flush_max_ns: take(&self.flush_max_ns),
            seal_ns: take(&self.seal_ns),
            segments_sealed: take(&self.segments_sealed),
            seals_failed: take(&self.seals_failed),
            written_bytes: take(&self.written_bytes),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
