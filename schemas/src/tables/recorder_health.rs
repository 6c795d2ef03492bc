//! `recorder_health`: measurements of the recorder itself and of its host, one row per interval and one at
//! the end, each with a clock pair.

use super::kind::{Count, Optional, Time};

table! {
    /// One row per interval and one at the end: measurements of the recorder itself and of its host. Counts begin
    /// at the previous row. The last flush and the seals at the end of the recording come after the
    /// last row, so that no row counts them.
    "recorder_health";
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct RecorderHealth, RecorderHealthBuilder {
        /// When the row was made.
        pub at_ns as at: Time, "ns", "recorder: clock";
        /// Boot clock at the same moment; with `at` this is the clock pair.
        pub boot_ns: Count, "ns", "recorder: clock";
        /// The interval in which the row was made: boot clock divided by the interval's length,
        /// rounded down.
        pub interval: Count, "", "recorder: clock";
        /// Events read from the ring buffer. In a run that ended cleanly they add up to the rows of
        /// `operation_log` and `events_dropped`.
        pub events_received: Count, "events", "recorder";
        /// Events that arrived after later ones had been written; the rows of their file are not in
        /// order.
        pub events_late: Count, "events", "recorder";
        /// Largest number of unread bytes in the ring buffer when it was drained.
        pub ring_bytes_max: Count, "bytes", "recorder";
        /// Largest number of batches in the queue to the writing thread, as seen after each send.
        pub queue_depth_max: Count, "batches", "recorder";
        /// Longest time of an append and fsync of a journal.
        pub flush_max_ns: Count, "ns", "recorder";
        /// Time spent sealing segments.
        pub seal_ns: Count, "ns", "recorder";
        /// Segments sealed.
        pub segments_sealed: Count, "segments", "recorder";
        /// Bytes written to journals and segments.
        pub written_bytes: Count, "bytes", "recorder";
        /// CPU time of the recorder in user mode; null where it could not be read.
        pub recorder_cpu_user_ns: Optional<Count>, "ns", "`/proc`, both processes";
        /// CPU time of the recorder in the kernel; null where it could not be read.
        pub recorder_cpu_system_ns: Optional<Count>, "ns", "`/proc`, both processes";
        /// Resident memory of the recorder; null where it could not be read.
        pub recorder_memory_bytes: Optional<Count>, "bytes", "`/proc`, both processes";
        /// Events that were read and became no row of `operation_log`, because they had an
        /// unexpected size or an unknown operation. 0, unless there is a bug.
        pub events_dropped: Count, "events", "recorder", since 2;
        /// Seals that failed. Their journals are kept, and the seals are tried again.
        pub seals_failed: Count, "seals", "recorder", since 2;
        /// CPU time of everything that ran on the host, on all CPUs; null where it could not be read.
        pub host_cpu_ns: Optional<Count>, "ns", "`/proc/stat`", since 3;
        /// Time in which CPUs of the host, a virtual machine, were ready and the hypervisor ran something
        /// else; null where it could not be read.
        pub host_steal_ns: Optional<Count>, "ns", "`/proc/stat`", since 3;
        /// Time in which at least one task of the host waited for a CPU; null where the kernel does not
        /// measure it.
        pub host_cpu_pressure_ns: Optional<Count>, "ns", "`/proc/pressure/cpu`, `some`", since 3;
        /// Time in which at least one task of the host waited for memory; null where the kernel does not
        /// measure it.
        pub host_memory_pressure_ns: Optional<Count>, "ns", "`/proc/pressure/memory`, `some`", since 3;
        /// Time in which at least one task of the host waited for a disk; null where the kernel does not
        /// measure it.
        pub host_io_pressure_ns: Optional<Count>, "ns", "`/proc/pressure/io`, `some`", since 3;
        /// Memory that programs of the host could still get; null where it could not be read.
        pub host_memory_available_bytes: Optional<Count>, "bytes", "`/proc/meminfo`", since 3;
        /// Runs of the recorder's programs in the kernel; null without `--bpf-statistics`.
        pub bpf_runs: Optional<Count>, "runs", "kernel: statistics of BPF programs", since 4;
        /// Time of these runs, without the traps that lead to them; null without `--bpf-statistics`.
        pub bpf_run_ns: Optional<Count>, "ns", "kernel: statistics of BPF programs", since 4;
    }
}
