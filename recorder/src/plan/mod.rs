//! The plan of a recording, resolved and checked: everything that `kernel`, `segment` and `run`
//! need, with nothing left to decide. These are plain values: those modules import `plan`, and
//! `plan` imports none of them. It imports only `schemas`, the limits, and the types of the open
//! files and processes that it names.

mod again;
mod hook;
mod keep;
mod last;
mod lifecycle;
mod limits;
mod operation;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use soakbox_schemas::recording::footer::{LeftOut, ObservedOperation, Vouched};
use soakbox_schemas::tables::OperationInfo;

use crate::binary::Binary;
use crate::host::Host;
use crate::message::LogFormat;
use crate::process::Process;

pub use again::{Again, Resolution};
pub use hook::{AttachPoint, Hook, HookCookie, Phase, ProgramId};
pub use keep::{Keep, KeepTable, Room, WhenFull};
pub use last::{Condition, KeepLast, Trigger};
pub use lifecycle::lifecycle_hooks;
pub use limits::{Limits, SegmentLimits};
pub use operation::{FinishPlace, Instructions, OutcomeSource, Pairing, PlannedOperation};

/// A file that is observed.
#[derive(Clone, Debug)]
pub struct ObservedFile {
    /// The file, kept open.
    pub binary: Arc<Binary>,
    /// Its path as it was typed, made absolute; symbolic links in it are not resolved. It is
    /// shown to people, next to the path that it led to ([`Binary::path`]).
    pub typed_path: PathBuf,
    /// Its build id in hexadecimal digits, where it has one.
    pub build_id: Option<String>,
}

/// Which processes are observed.
#[derive(Clone, Debug)]
pub enum ProcessFilter {
    /// All that run the observed code, now and later.
    All,
    /// One process.
    Process(Arc<Process>),
    /// A command that the recorder starts, and its descendants.
    Command(Vec<OsString>),
}

impl ProcessFilter {
    /// Whether only the descendants of the recorder are observed.
    pub fn follows_tree(&self) -> bool {
        matches!(self, Self::Command(_))
    }
}

/// The plan of a recording.
#[derive(Clone, Debug)]
pub struct RecordPlan {
    /// The host that is observed.
    pub host: Host,
    /// Directory of the recording.
    pub output: PathBuf,
    /// Operations, at least one. The index of each is its number in events.
    pub operations: Vec<PlannedOperation>,
    /// The operations that cannot be observed, although the others are recorded.
    pub left_out: Vec<LeftOut>,
    /// The operations that are finished by a uretprobe because the person vouches for it.
    pub vouched: Vec<Vouched>,
    /// What each operation is, for the metadata of files.
    pub observed: Vec<ObservedOperation>,
    /// The tracepoints that track threads and processes, whichever operations are observed.
    pub lifecycle: Vec<Hook>,
    /// The files that the operations are in, each once by each path that was typed.
    pub files: Vec<ObservedFile>,
    /// Resolves the probes in a file that takes the place of one of these; `None` where only one process
    /// is observed, which goes on with its own files.
    pub again: Option<Again>,
    /// The processes whose operations are observed.
    pub processes: ProcessFilter,
    /// The part of the target's CPU time that probes may cost; `None` for no limit.
    pub max_overhead: Option<f64>,
    /// Bounds of rings, maps, queues and files.
    pub limits: Limits,
    /// What is kept of the sealed rows.
    pub keep: Keep,
    /// What is kept in memory until a trigger; `None` where everything is written.
    pub keep_last: Option<KeepLast>,
    /// Room on the disk.
    pub room: Room,
    /// Whether the kernel measures the runs of the recorder's programs.
    pub bpf_statistics: bool,
    /// Whether no status is shown on a terminal.
    pub quiet: bool,
    /// The form of messages.
    pub log_format: LogFormat,
    /// Longest time that rows exist only in memory.
    pub flush_interval: Duration,
    /// Length of an interval of the counters.
    pub interval: Duration,
    /// Time after which the recorder stops; `None` where it stops only by a signal or the end of
    /// the command.
    pub duration: Option<Duration>,
    /// Time for which none of the observed processes runs before the recorder stops: those of the
    /// command, or all that run the files; `None` where it does not stop for that reason.
    pub until_exit: Option<Duration>,
    /// Digest of the settings that decide which operations are recorded and how: probes with their
    /// rules, the process filter, limits and flush interval, as they were typed. The output
    /// directory and the duration are not part of it, so that two recordings with the same settings
    /// have the same digest. Nor are the binaries: their build ids are stored next to it.
    pub config_digest: String,
    /// The settings that it covers, by name, also those at their defaults.
    pub settings: BTreeMap<String, String>,
    /// Warnings for the person who typed the command, a sentence each: operations that will not be
    /// observed, and values that may be wrong.
    pub warnings: Vec<String>,
}

impl RecordPlan {
    /// Names and types of the operations, by index.
    pub fn infos(&self) -> Vec<OperationInfo> {
        self.operations
            .iter()
            .map(|operation| operation.info.clone())
            .collect()
    }

    /// Whether the CPU time of the target has to be known, of processes that come and go.
    pub fn counts_cpu(&self) -> bool {
        self.max_overhead.is_some() && !matches!(self.processes, ProcessFilter::Process(_))
    }

    /// Length of an interval of the counters, ns.
    pub fn interval_ns(&self) -> u64 {
        self.interval.as_nanos() as u64
    }

    /// All hooks.
    pub fn hooks(&self) -> impl Iterator<Item = &Hook> {
        let operations = self.operations.iter();
        self.lifecycle
            .iter()
            .chain(operations.flat_map(|operation| &operation.hooks))
    }
}

/// The plan of a synthetic recording.
#[derive(Clone, Debug)]
pub struct SyntheticPlan {
    /// The host that writes it.
    pub host: Host,
    /// Directory of the recording.
    pub output: PathBuf,
    /// Seed of the events: the same seed makes the same ones.
    pub seed: u64,
    /// Length, s; the recording ends at the time of writing.
    pub seconds: u64,
    /// Whether its service is slower, leaks memory and fails more often.
    pub degraded: bool,
}
