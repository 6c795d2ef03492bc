//! The keys of a file's metadata: schema metadata in a journal, key-value metadata in the footer of
//! a segment.

/// The prefix of every key of Soakbox; keys without it are those of other software.
pub const PREFIX: &str = "soakbox.";
/// [`FORMAT_VERSION`](crate::recording::FORMAT_VERSION); a file without it is not a file of
/// Soakbox.
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
/// Model of the processors; absent where it was not known.
pub const CPU_MODEL: &str = "soakbox.cpu_model";
/// Number of CPUs that were online; absent where it was not known.
pub const CPUS: &str = "soakbox.cpus";
/// Length of an interval, ns.
pub const INTERVAL_NS: &str = "soakbox.interval_ns";
/// The observed files, a JSON list of [`ObservedFile`](super::ObservedFile).
pub const TARGETS: &str = "soakbox.targets";
/// Paths of the observed files with `:` between them, for readers that do not know [`TARGETS`].
pub const TARGET: &str = "soakbox.target";
/// Their build ids with `:` between them, for the same readers; a file without one has an empty
/// text.
pub const TARGET_BUILD_ID: &str = "soakbox.target_build_id";
/// Digest of the configuration in effect: probes with their rules, process filter, limits, flush
/// interval. It tells configurations apart and is not used for security.
pub const CONFIG_DIGEST: &str = "soakbox.config_digest";
/// The settings that [`CONFIG_DIGEST`] covers, by name, a JSON object of texts; absent in older
/// files and where nothing was observed.
pub const SETTINGS: &str = "soakbox.settings";
/// How the rows were obtained: [`IMPORT`]; absent where a recorder measured them.
pub const SOURCE: &str = "soakbox.source";
/// Which times the file of another program did not have: [`MADE_UP`] or [`EVEN`]; absent where each row
/// has its time.
pub const TIMES: &str = "soakbox.times";
/// Where times are [`EVEN`]: how many intervals there are, in the files that were written last.
pub const TIME_INTERVALS: &str = "soakbox.time_intervals";
/// The operations that were asked for and left out, a JSON list of [`LeftOut`](super::LeftOut);
/// absent where there were none.
pub const LEFT_OUT: &str = "soakbox.left_out";
/// The operations that were finished by a uretprobe because the person vouched for it, a JSON list of
/// [`Vouched`](super::Vouched); absent where there were none.
pub const VOUCHED: &str = "soakbox.vouched";
/// What each operation is, a JSON list of [`ObservedOperation`](super::ObservedOperation); absent
/// where nothing was observed.
pub const OPERATIONS: &str = "soakbox.operations";
/// How `cpu_ns` was measured.
pub const CPU_METHOD: &str = "soakbox.cpu_method";
/// How `cpu_user_ns` and `cpu_system_ns` were measured.
pub const CPU_SPLIT_METHOD: &str = "soakbox.cpu_split_method";
/// How `memory_bytes` was measured.
pub const MEMORY_METHOD: &str = "soakbox.memory_method";
/// Largest error of `memory_bytes`, bytes.
pub const MEMORY_ERROR_BYTES: &str = "soakbox.memory_error_bytes";
/// Earliest time of a row, ns UTC (segments).
pub const FIRST_AT_NS: &str = "soakbox.first_at_ns";
/// Latest time of a row, ns UTC (segments).
pub const LAST_AT_NS: &str = "soakbox.last_at_ns";
/// Number of rows (segments).
pub const ROWS: &str = "soakbox.rows";
/// `true` where rows are in order of the time column (segments).
pub const SORTED: &str = "soakbox.sorted";
/// Bytes of the journal that were damaged and left out (segments made by recovery).
pub const DAMAGED_BYTES: &str = "soakbox.damaged_bytes";
/// Where the segment has its roll-up: a [`Place`](crate::recording::roll_up::Place) (segments of
/// `operation_metrics`).
pub const ROLL_UP: &str = "soakbox.roll_up";
/// Meaning, unit and source of the columns, a JSON list of [`ColumnNote`](super::ColumnNote)
/// (segments).
pub const COLUMNS: &str = "soakbox.columns";
/// What a file that `export` wrote has, a JSON object: an [`Exported`](super::Exported). Such a file is no
/// segment and has no [`FORMAT`].
pub const EXPORT: &str = "soakbox.export";

/// Value of [`SOURCE`]: the rows come from a file of measurements of another program.
pub const IMPORT: &str = "import";
/// Value of [`TIMES`]: all times of rows were made up, also the length of the run.
pub const MADE_UP: &str = "made up";
/// Value of [`TIMES`]: begin and length of intervals are known, and rows are even within each.
pub const EVEN: &str = "even";
