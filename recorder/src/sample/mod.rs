//! The samplers of a recording, one file each, behind one trait. At each tick, a sampler makes the
//! rows for the time since the previous tick; it never decides when it is called, and never writes.

mod annotations;
mod host_usage;
mod in_flight;
mod operation_metrics;
mod overhead;
mod proc_file;
mod program_runs;
mod recorder_health;
mod self_usage;
mod tick;

use std::sync::{Arc, Mutex};

use anyhow::Result;
use arrow::array::RecordBatch;
use soakbox_schemas::tables::{OperationInfo, Table};

use crate::budget::Spans;
use crate::costs::PairCost;
use crate::segment::ActivityCounters;

pub(crate) use annotations::{annotation, annotation_until};
pub(crate) use host_usage::HostFiles;
pub(crate) use in_flight::in_flight;
pub(crate) use overhead::cost_of;
pub(crate) use self_usage::Processes;
pub use tick::{EventCounts, IntervalCounts, Tick};

use annotations::ObservationGaps;
use operation_metrics::OperationCounts;
use recorder_health::SelfHealth;

/// Rows of one table, on their way to the writing thread.
#[derive(Clone, Debug)]
pub struct Rows(pub Table, pub RecordBatch);

/// Makes rows of one or more tables.
pub trait Sampler: Send {
    /// The rows for the time since the last call. It is called once per tick; the last call is
    /// after the last event of the recording was sent to the writing thread.
    ///
    /// # Errors
    /// Where recording cannot go on. A value that cannot be measured is no error: it is null in its
    /// row.
    fn sample(&mut self, tick: &Tick) -> Result<Vec<Rows>>;
}

/// Every sampler of a recording of `operations`, with the costs of their probes, none where these are
/// not known, and when each was observed, where probes are switched; `processes` are the recorder's own,
/// and `host` tells about theirs. A new one is a file of this folder and a line here.
pub(crate) fn samplers(
    operations: Vec<OperationInfo>,
    costs: Vec<PairCost>,
    spans: Option<Arc<Mutex<Spans>>>,
    activity: Arc<ActivityCounters>,
    processes: Arc<Processes>,
    host: HostFiles,
) -> Vec<Box<dyn Sampler>> {
    vec![
        // First: a recorder that is killed after counts has noted what is in them.
        Box::new(ObservationGaps::default()),
        Box::new(OperationCounts::new(operations, costs, spans)),
        Box::new(SelfHealth::new(activity, processes, host)),
    ]
}
