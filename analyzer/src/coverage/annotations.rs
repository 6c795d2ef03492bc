//! The annotations of a recording: gaps, the start and stop of each run, and moments such as notes
//! and exits.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use serde::Serialize;
use soakbox_cli::Result;
use soakbox_schemas::recording::Deletions;
use soakbox_schemas::tables::{AnnotationKind, Table};

use crate::sql::columns::Columns;
use crate::units::serialize;

/// A period in which nothing, or not everything, was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Its start; RFC 3339 in JSON, as all times.
    #[serde(rename = "from", serialize_with = "serialize::time")]
    pub from_ns: i64,
    /// Its end; `None` where it did not end.
    #[serde(rename = "to", serialize_with = "serialize::optional_time")]
    pub to_ns: Option<i64>,
    /// `crash`, `file overwritten`, …
    pub cause: String,
}

impl Gap {
    /// Its length, ns; `None` where it did not end.
    pub fn length_ns(&self) -> Option<i64> {
        self.to_ns.map(|to_ns| to_ns.saturating_sub(self.from_ns))
    }
}

/// An annotated moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, ns UTC.
    pub at_ns: i64,
    /// Its kind; never a gap.
    pub kind: AnnotationKind,
    /// A note, a command line, an exit status.
    pub text: String,
}

/// When a recorder started and stopped and what it did not observe, according to its own
/// annotations, ns UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunAnnotations {
    pub(super) started_ns: Option<i64>,
    pub(super) stopped_ns: Option<i64>,
    /// When a process of the recorder's command began or ended.
    pub(super) restarts_ns: Vec<i64>,
    /// Start and end of each gap; without an end it lasted to the end of the run.
    pub(super) gaps: Vec<(i64, Option<i64>)>,
}

/// The cause of a gap whose rows retention deleted.
const DELETED: &str = "rows deleted by retention";

/// All annotations of a recording.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    /// In order of their start.
    pub(crate) gaps: Vec<Gap>,
    /// In order of time.
    pub(crate) moments: Vec<Moment>,
    /// By recorder.
    pub(crate) runs: BTreeMap<String, RunAnnotations>,
}

impl Annotations {
    /// From the result of [`queries::ANNOTATIONS`](crate::sql::queries::ANNOTATIONS). Annotations
    /// of a kind that this version does not know are left out.
    pub(crate) fn of(batches: &[RecordBatch]) -> Result<Self> {
        let mut annotations = Self::default();
        let Some(found) = Columns::new(batches)? else {
            return Ok(annotations);
        };
        let (times, until) = (found.times("at")?, found.times("until")?);
        let (kinds, texts) = (found.texts("kind")?, found.texts("text")?);
        let recorders = found.texts("recorder")?;
        let rows = times
            .into_iter()
            .zip(until)
            .zip(kinds)
            .zip(texts)
            .zip(recorders);
        for ((((at_ns, to_ns), kind), text), recorder) in rows {
            let (Some(at_ns), Some(kind)) = (at_ns, kind_of(&kind)) else {
                continue;
            };
            let run = annotations.runs.entry(recorder).or_default();
            if kind == AnnotationKind::Gap {
                run.gaps.push((at_ns, to_ns));
                annotations.gaps.push(Gap {
                    from_ns: at_ns,
                    to_ns,
                    cause: text,
                });
                continue;
            }
            match kind {
                AnnotationKind::RecordingStarted => {
                    run.started_ns = run.started_ns.or(Some(at_ns));
                }
                AnnotationKind::RecordingStopped => run.stopped_ns = Some(at_ns),
                AnnotationKind::TargetStarted | AnnotationKind::TargetExited => {
                    run.restarts_ns.push(at_ns);
                }
                _ => {}
            }
            annotations.moments.push(Moment { at_ns, kind, text });
        }
        Ok(annotations)
    }

    /// Adds a gap for each run of which rows or counts were deleted: from the first to the last of
    /// them, not everything is there.
    pub(crate) fn add_deletions(&mut self, deletions: &Deletions) {
        for recorder in deletions.runs.keys() {
            let Some((from_ns, to_ns)) = deleted_time(deletions, recorder) else {
                continue;
            };
            let run = self.runs.entry(recorder.clone()).or_default();
            run.gaps.push((from_ns, Some(to_ns)));
            self.gaps.push(Gap {
                from_ns,
                to_ns: Some(to_ns),
                cause: DELETED.to_owned(),
            });
        }
        self.gaps.sort_by_key(|gap| gap.from_ns);
    }
}

/// The time from the first to the last row that was deleted of a run's operations or counts.
fn deleted_time(deletions: &Deletions, recorder: &str) -> Option<(i64, i64)> {
    let tables = [Table::OPERATION_LOG, Table::OPERATION_METRICS];
    let deleted = tables
        .into_iter()
        .filter_map(|table| deletions.of(recorder, table));
    let times = deleted.map(|deleted| (deleted.from_ns, deleted.until_ns));
    times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

fn kind_of(name: &str) -> Option<AnnotationKind> {
    let mut kinds = AnnotationKind::ALL.into_iter();
    kinds.find(|kind| kind.name() == name)
}
