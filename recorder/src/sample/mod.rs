//! Rows of a recording that are made at each tick: every sampler is one file here, behind one
//! trait. A sampler says what happened since its last rows; it never decides when it is asked, and
//! never writes.

mod annotations;
mod ledger;
mod operation_metrics;
mod recorder_health;
mod self_usage;
mod tick;

use std::sync::Arc;

use anyhow::Result;
use arrow::array::RecordBatch;
use soakbox_schemas::tables::{OperationInfo, Table};

use crate::segment::ActivityCounters;

pub(crate) use annotations::annotation;
pub(crate) use ledger::in_flight;
pub use tick::{EventCounts, IntervalCounts, Tick};

use annotations::ObservationGaps;
use operation_metrics::OperationCounts;
use recorder_health::SelfHealth;

/// Rows of one table, on their way to the writing thread.
#[derive(Clone, Debug)]
pub struct Rows(pub Table, pub RecordBatch);

/// Makes rows of one or more tables.
pub trait Sampler: Send {
    /// The rows for the time since the last call. Called once per tick, the last time after the
    /// last event of the recording was handed to the writing thread.
    ///
    /// # Errors
    /// Where it makes no sense to go on recording: what cannot be measured is null in a row
    /// instead.
    fn sample(&mut self, tick: &Tick) -> Result<Vec<Rows>>;
}

/// Every sampler of a recording of `operations`. A further one is a file of this folder and a line
/// here.
pub(crate) fn samplers(
    operations: Vec<OperationInfo>,
    activity: Arc<ActivityCounters>,
) -> Vec<Box<dyn Sampler>> {
    vec![
        Box::new(OperationCounts::new(operations)),
        Box::new(ObservationGaps::default()),
        Box::new(SelfHealth::new(activity)),
    ]
}
