//! What the annotations of one run tell about its time.

use soakbox_schemas::tables::Stall;

/// When a recorder started and stopped and what it did not observe, according to its own
/// annotations, ns UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunAnnotations {
    pub(super) started_ns: Option<i64>,
    pub(super) stopped_ns: Option<i64>,
    /// When its target began, where the recorder started it.
    pub(super) target_started_ns: Option<i64>,
    /// When its target ended, where that ended the recording.
    pub(super) target_exited_ns: Option<i64>,
    /// When a process of the recorder's command began or ended.
    pub(super) restarts_ns: Vec<i64>,
    /// Start and end of each gap; without an end it lasted to the end of the run.
    pub(super) gaps: Vec<(i64, Option<i64>)>,
    pub(super) stalls: Vec<Stall>,
    /// The time of deleted rows whose counts are there.
    pub(super) deleted_rows: Option<(i64, i64)>,
}
