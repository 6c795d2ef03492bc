//! What a recording is to be, resolved and checked: everything `run` needs, with nothing left to decide.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use soakbox_schemas::control::OperationRule;
use soakbox_schemas::tables::OperationInfo;

use crate::binary::Binary;
use crate::kernel::Placement;
use crate::process::Process;
use crate::segment;

/// One operation of the plan; its index is the operation's number on the wire.
#[derive(Clone, Debug)]
pub struct PlannedOperation {
    /// Name and type.
    pub info: OperationInfo,
    /// How success and the return value are read.
    pub rule: OperationRule,
    /// Its probes.
    pub placements: Vec<Placement>,
}

/// A binary that is observed.
#[derive(Clone, Debug)]
pub struct PlannedTarget {
    /// The open file.
    pub binary: Arc<Binary>,
    /// Its build id, where it has one.
    pub build_id: Option<String>,
}

/// Which processes are observed.
#[derive(Clone, Debug)]
pub enum Observed {
    /// All that run the files, now and later.
    Files,
    /// One process.
    Process(Arc<Process>),
    /// A command that the recorder starts, and its descendants.
    Command(Vec<std::ffi::OsString>),
}

/// The bounds of everything that could grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub segment: segment::Limits,
}

/// A recording to be made.
#[derive(Clone, Debug)]
pub struct RecordPlan {
    /// Root of the recording.
    pub output: PathBuf,
    /// Operations, at least one.
    pub operations: Vec<PlannedOperation>,
    /// The binaries that they lie in.
    pub targets: Vec<PlannedTarget>,
    /// Whose operations.
    pub observed: Observed,
    /// Bounds.
    pub limits: Limits,
    /// How long rows may be only in memory.
    pub flush_interval: Duration,
    /// Length of an interval of the counters.
    pub interval: Duration,
    /// When to stop by itself.
    pub duration: Option<Duration>,
    /// Digest of what decides which operations are recorded and how: probes with their rules, whose operations, bounds
    /// and flush interval, as they were asked for. Not of where and how long, so that two recordings made alike have
    /// the same one, and not of the binaries: their build ids are kept beside it.
    pub config_digest: String,
}

impl RecordPlan {
    /// Names and types of the operations, by index.
    pub fn infos(&self) -> Vec<OperationInfo> {
        self.operations
            .iter()
            .map(|operation| operation.info.clone())
            .collect()
    }

    /// Length of an interval of the counters, ns.
    pub fn interval_ns(&self) -> u64 {
        self.interval.as_nanos() as u64
    }

    /// All probes.
    pub fn placements(&self) -> impl Iterator<Item = &Placement> {
        self.operations
            .iter()
            .flat_map(|operation| &operation.placements)
    }
}
