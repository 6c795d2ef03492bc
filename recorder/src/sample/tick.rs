//! The figures of a tick: counts of the intervals that are over, and of the events since the tick
//! before.

use std::fmt;

use soakbox_schemas::counters::CounterValues;

use crate::clock::ClockPair;

/// The counts of one interval, or those added to it after they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalCounts {
    /// Boot clock divided by the length of an interval.
    pub interval: u64,
    /// When it began, ns UTC.
    pub at_ns: i64,
    /// By operation.
    pub counted: Vec<CounterValues>,
    /// The interval was counted before: these are further counts.
    pub is_late: bool,
}

/// Events since the tick before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Records that the source gave.
    pub received: u64,
    /// Records among them that became no row: unreadable, or of an operation that the plan does not
    /// have.
    pub dropped: u64,
    /// Events that came after younger ones had been written.
    pub late: u64,
    /// Most bytes that were drained at once.
    pub drained_bytes_max: u64,
}

/// A moment at which every sampler is asked for its rows: once per interval, and once at the end.
#[derive(Clone, Debug, Default)]
pub struct Tick {
    /// The clocks.
    pub now: ClockPair,
    /// The interval that the boot clock is in.
    pub interval: u64,
    /// Counts of every operation, by interval.
    pub counts: Vec<IntervalCounts>,
    /// Intervals whose counts are in those of later ones, because the recorder stalled.
    pub merged_intervals: u64,
    /// Processes that were to be observed and that there was no room for.
    pub unfollowed: u64,
    /// Events of the source.
    pub events: EventCounts,
    /// Most batches that waited for the writing thread.
    pub queue_depth_max: u64,
}

impl Tick {
    /// What a stall did to the counts, in words; `None` without one.
    pub fn stall(&self) -> Option<impl fmt::Display> {
        (self.merged_intervals > 0).then(|| {
            format!(
                "the recorder stalled: counts of the {} intervals before are booked in later ones",
                self.merged_intervals
            )
        })
    }
}
