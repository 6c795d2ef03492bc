//! The layout of a recording: where segments and journals lie, what they are called, what their footers say.
//! Reads directories; writes nothing.

mod contents;
mod names;

pub use contents::{Contents, JournalFile, SegmentFile};
pub use names::{JournalName, SegmentName, journal_directory, uuid8};

/// Version of the recording's format, stored in each file under [`footer::FORMAT`].
pub const FORMAT_VERSION: &str = "1";
/// Directory of the journals.
pub const JOURNAL_DIRECTORY: &str = "journal";
/// File in a recorder's journal directory that it keeps locked (flock) while it runs.
pub const LOCK_FILE: &str = "lock";
/// File in it that a recovery keeps its plan in while it finishes a crashed recorder's journals.
pub const RECOVERY_FILE: &str = "recovery";
/// Ending of the temporary file that a segment is written to. It is in the folder of its journal and
/// is never read.
pub const SEALING_EXTENSION: &str = "sealing";
/// Ending of a journal.
pub const JOURNAL_EXTENSION: &str = "journal";
/// Ending of a sealed segment; no other file ever has it.
pub const SEGMENT_EXTENSION: &str = "parquet";

/// Keys of the metadata in each file: schema metadata in a journal, footer metadata in a segment.
pub mod footer {
    /// [`super::FORMAT_VERSION`]; a file without it is foreign.
    pub const FORMAT: &str = "soakbox.format";
    /// Name of the table.
    pub const TABLE: &str = "soakbox.table";
    /// Version of the recorder.
    pub const RECORDER_VERSION: &str = "soakbox.recorder_version";
    /// UUID of the recorder's run.
    pub const RECORDER_UUID: &str = "soakbox.recorder_uuid";
    /// Sequence number of the segment.
    pub const SEQUENCE: &str = "soakbox.sequence";
    /// Host name.
    pub const HOST: &str = "soakbox.host";
    /// Kernel release.
    pub const KERNEL: &str = "soakbox.kernel";
    /// Boot id.
    pub const BOOT_ID: &str = "soakbox.boot_id";
    /// Length of an interval, ns.
    pub const INTERVAL_NS: &str = "soakbox.interval_ns";
    /// Paths of the observed binaries, `:` between them.
    pub const TARGET: &str = "soakbox.target";
    /// Their build ids, `:` between them, empty where there is none.
    pub const TARGET_BUILD_ID: &str = "soakbox.target_build_id";
    /// FNV-1a (64 bits, hex) of the configuration in effect: probes with their rules, whose operations, bounds, flush
    /// interval. Tells configurations apart, and protects nothing.
    pub const CONFIG_DIGEST: &str = "soakbox.config_digest";
    /// How `cpu_ns` was measured.
    pub const CPU_METHOD: &str = "soakbox.cpu_method";
    /// How `cpu_user_ns` and `cpu_system_ns` were measured.
    pub const CPU_SPLIT_METHOD: &str = "soakbox.cpu_split_method";
    /// How `memory_bytes` was measured.
    pub const MEMORY_METHOD: &str = "soakbox.memory_method";
    /// Largest error of `memory_bytes`, bytes.
    pub const MEMORY_ERROR_BYTES: &str = "soakbox.memory_error_bytes";
    /// Time of the first row, ns UTC (segments).
    pub const FIRST_AT_NS: &str = "soakbox.first_at_ns";
    /// Time of the last row, ns UTC (segments).
    pub const LAST_AT_NS: &str = "soakbox.last_at_ns";
    /// Number of rows (segments).
    pub const ROWS: &str = "soakbox.rows";
    /// `true` where rows are in order of the time column (segments).
    pub const SORTED: &str = "soakbox.sorted";
    /// Bytes of the journal that were damaged and left out (segments made by recovery).
    pub const DAMAGED_BYTES: &str = "soakbox.damaged_bytes";
}
