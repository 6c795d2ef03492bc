//! `recorder_health`: measurements of the recorder itself, one row per interval and one at the end,
//! each with a clock pair.

use super::kind::{Count, Optional, Time};

table! {
    /// One row per interval and one at the end: measurements of the recorder itself. Counts are of
    /// the time since the previous row. The last flush, and the seals that end the recording, come
    /// after the last row and are in none.
    "recorder_health";
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct RecorderHealth, RecorderHealthBuilder {
        /// When the row was made.
        pub at_ns as at: Time, "ns", "recorder: clock";
        /// Boot clock at the same moment; with `at` this is the clock pair.
        pub boot_ns: Count, "ns", "recorder: clock";
        /// The interval that the boot clock was in.
        pub interval: Count, "", "recorder: clock";
        /// Events read from the ring buffer. In a run that ended in order they add up to the rows
        /// of `operation_log` and `events_dropped`.
        pub events_received: Count, "events", "recorder";
        /// Events that came too late to be put in order; their file is not sorted.
        pub events_late: Count, "events", "recorder";
        /// Most bytes that were unread in the ring buffer when it was drained.
        pub ring_bytes_max: Count, "bytes", "recorder";
        /// Most batches that waited between the recorder's threads, as each sender saw it after it
        /// sent one.
        pub queue_depth_max: Count, "batches", "recorder";
        /// Longest append and fsync of a journal.
        pub flush_max_ns: Count, "ns", "recorder";
        /// Time spent sealing segments.
        pub seal_ns: Count, "ns", "recorder";
        /// Segments sealed.
        pub segments_sealed: Count, "segments", "recorder";
        /// Bytes written to journals and segments.
        pub written_bytes: Count, "bytes", "recorder";
        /// CPU time of the recorder in user mode; null where it could not be read.
        pub recorder_cpu_user_ns: Optional<Count>, "ns", "`/proc/self`";
        /// CPU time of the recorder in the kernel; null where it could not be read.
        pub recorder_cpu_system_ns: Optional<Count>, "ns", "`/proc/self`";
        /// Resident memory of the recorder; null where it could not be read.
        pub recorder_memory_bytes: Optional<Count>, "bytes", "`/proc/self`";
        /// Events read that have no row in `operation_log`: of another size than this recorder
        /// reads, or of an operation that it was not asked for. 0, unless there is a bug.
        pub events_dropped: Count, "events", "recorder";
        /// Seals that failed. Their journals are kept, and the seals are tried again.
        pub seals_failed: Count, "seals", "recorder";
    }
}
