//! The figures of a tick: counts of the intervals that have ended, and of the events since the
//! previous tick.

use std::time::Duration;

use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::Stall;
use soakbox_schemas::tables::histogram::SparseHistogram;

use crate::clock::ClockPair;

/// A suspend is longer; what looks shorter is the time between two readings of clocks.
const LEAST_SUSPENDED: Duration = Duration::from_millis(50);

/// The counts of one interval, or counts that came after the interval was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalCounts {
    /// Boot clock divided by the length of an interval.
    pub interval: u64,
    /// When it began, ns UTC.
    pub at_ns: i64,
    /// By operation.
    pub counted: Vec<CounterValues>,
    /// By operation; none where the interval was read before.
    pub durations: Vec<SparseHistogram>,
    /// By operation: the age of the oldest one in flight at the end of the interval; none where it
    /// was not read.
    pub oldest_in_flight_ns: Vec<Option<u64>>,
    /// Whether the counts of the interval were read before: these are added to them.
    pub is_late: bool,
}

/// Counts of the events since the previous tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Records that the source gave.
    pub received: u64,
    /// Records among them without a row: unreadable, or of an operation that is not in the plan.
    pub dropped: u64,
    /// Events that arrived after later ones had been written.
    pub late: u64,
    /// Most bytes that were drained at once.
    pub drained_bytes_max: u64,
}

/// The figures at a moment when every sampler is called: once per interval, and once at the end.
#[derive(Clone, Debug, Default)]
pub struct Tick {
    /// Both clocks at the tick.
    pub now: ClockPair,
    /// The interval that the boot clock is in.
    pub interval: u64,
    /// Counts of every operation, by interval.
    pub counts: Vec<IntervalCounts>,
    /// Intervals whose counts are in those of later ones, because the recorder stalled.
    pub merged_intervals: u64,
    /// For how long the host has been suspended since the previous tick, ns, as the clocks show it.
    pub suspended_ns: u64,
    /// Processes that were not followed because the map of the kernel side was full.
    pub unfollowed: u64,
    /// Events of the source.
    pub events: EventCounts,
    /// Most batches that waited for the writing thread.
    pub queue_depth_max: u64,
}

impl Tick {
    /// For how long the host was suspended; `None` where it was not.
    pub fn suspended(&self) -> Option<Duration> {
        let length = Duration::from_nanos(self.suspended_ns);
        (length >= LEAST_SUSPENDED).then_some(length)
    }

    /// The stall that merged counts; `None` without one. Where the host was suspended, it is the interval
    /// in which that began whose counts are in a later one.
    pub fn stall(&self) -> Option<Stall> {
        let (merged, interval) = (self.merged_intervals, self.interval);
        (merged > 0).then_some(Stall { merged, interval })
    }
}
