//! The annotations of a recording: gaps, the start and stop of each run, and moments such as notes
//! and exits.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampNanosecondType};
use serde::Serialize;
use soakbox_cli::{Failure, Result};
use soakbox_schemas::recording::Deletions;
use soakbox_schemas::tables::{AnnotationKind, Stall, Table};

use super::missing_files::{CAUSE, missing};
use super::run_annotations::RunAnnotations;
use crate::recording::{FOOTERS, Recording, on_all_cpus};
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
    /// Whether only rows are missing: the kernel's counts of that time are there.
    #[serde(skip)]
    pub is_counted: bool,
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

/// The tables whose deleted rows are a gap, and its cause.
const DELETED: [(Table, &str); 2] = [
    (Table::OPERATION_LOG, "rows deleted by retention"),
    (Table::OPERATION_METRICS, "counts deleted by retention"),
];

/// Most gaps of others between two parts of one gap.
const PARTS_APART: usize = 64;

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

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    at_ns: i64,
    kind: String,
    /// The latest possible time where there is none, so that it is the last in order.
    until_ns: i64,
    text: String,
    recorder: String,
}

impl Annotations {
    /// Those of all files. Annotations of a kind that this version does not know are left out.
    pub(crate) fn read(recording: &Recording) -> Result<Self> {
        let table = Table::ANNOTATIONS;
        let segments: Vec<_> = recording.segments(table).collect();
        let of_files = on_all_cpus(
            &segments,
            FOOTERS,
            || (),
            |(), segment| {
                let mut rows = Vec::new();
                segment.batches(&COLUMNS, |batch| {
                    add_rows(batch, &segment.origin.recorder, &mut rows)
                })?;
                Ok(rows)
            },
        );
        let mut rows = of_files
            .into_iter()
            .collect::<Result<Vec<Vec<Row>>>>()?
            .concat();
        for journal in recording.journals(table) {
            journal.batches(|batch| add_rows(batch, &journal.origin.recorder, &mut rows))?;
        }
        rows.sort();
        let mut annotations = Self::default();
        for row in rows {
            annotations.add(row);
        }
        annotations.add_deletions(&recording.deletions);
        annotations.add_missing_files(recording);
        annotations.gaps.sort_by_key(|gap| gap.from_ns);
        Ok(annotations)
    }

    fn add(&mut self, row: Row) {
        let Row {
            at_ns,
            kind,
            until_ns,
            text,
            recorder,
        } = row;
        let Some(kind) = kind_of(&kind) else {
            return;
        };
        let run = self.runs.entry(recorder).or_default();
        match kind {
            AnnotationKind::Gap => {
                let to_ns = (until_ns < i64::MAX).then_some(until_ns);
                run.gaps.push((at_ns, to_ns));
                // A gap that lasts is told in parts.
                let mut latest = self.gaps.iter_mut().rev().take(PARTS_APART);
                let before = latest.find(|gap| gap.to_ns == Some(at_ns) && gap.cause == text);
                if let Some(gap) = before {
                    gap.to_ns = to_ns;
                    return;
                }
                self.gaps.push(Gap {
                    from_ns: at_ns,
                    to_ns,
                    cause: text,
                    is_counted: false,
                });
                return;
            }
            AnnotationKind::RecordingStarted => {
                run.started_ns = run.started_ns.or(Some(at_ns));
            }
            AnnotationKind::RecordingStopped => run.stopped_ns = Some(at_ns),
            AnnotationKind::TargetStarted => {
                if run.restarts_ns.is_empty() {
                    run.target_started_ns = Some(at_ns);
                }
                run.target_exited_ns = None;
                run.restarts_ns.push(at_ns);
            }
            AnnotationKind::TargetExited => {
                run.target_exited_ns = Some(at_ns);
                run.restarts_ns.push(at_ns);
            }
            AnnotationKind::Note => {
                run.stalls.extend(Stall::of_note(&text));
            }
        }
        self.moments.push(Moment { at_ns, kind, text });
    }

    /// Adds the gaps of rows and counts that were deleted: from the first to the last of them, not
    /// everything is there. What happened where rows alone are deleted is known from the counts.
    fn add_deletions(&mut self, deletions: &Deletions) {
        for recorder in deletions.runs.keys() {
            let run = self.runs.entry(recorder.clone()).or_default();
            for (table, cause) in DELETED {
                let Some(deleted) = deletions.of(recorder, table) else {
                    continue;
                };
                let is_counted = table == Table::OPERATION_LOG;
                match is_counted {
                    true => run.deleted_rows = Some((deleted.from_ns, deleted.until_ns)),
                    false => run.gaps.push((deleted.from_ns, Some(deleted.until_ns))),
                }
                self.gaps.push(Gap {
                    from_ns: deleted.from_ns,
                    to_ns: Some(deleted.until_ns),
                    cause: cause.to_owned(),
                    is_counted,
                });
            }
        }
    }

    /// Adds the time of files that are gone without a trace as gaps.
    fn add_missing_files(&mut self, recording: &Recording) {
        for (recorder, files) in recording.runs() {
            let run = self.runs.entry(recorder.to_owned()).or_default();
            for hole in missing(recording, recorder, &files, run) {
                run.gaps.push((hole.first_ns, Some(hole.last_ns)));
                self.gaps.push(Gap {
                    from_ns: hole.first_ns,
                    to_ns: Some(hole.last_ns),
                    cause: CAUSE.to_owned(),
                    is_counted: false,
                });
            }
        }
    }
}

/// The columns that are read.
const COLUMNS: [&str; 4] = ["at", "until", "kind", "text"];

fn add_rows(batch: &RecordBatch, recorder: &str, rows: &mut Vec<Row>) -> Result<()> {
    let [at, until, kind, text] = COLUMNS;
    let column = |name: &str, kind: &DataType| {
        let column = batch.column_by_name(name);
        let column = column.map(|column| cast(column, kind)).transpose();
        column.map_err(|error| Failure::new(name, error))
    };
    let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let (at, until) = (column(at, &utc)?, column(until, &utc)?);
    let (kind, text) = (
        column(kind, &DataType::Utf8)?,
        column(text, &DataType::Utf8)?,
    );
    let time = |column: &Option<ArrayRef>, row: usize| {
        let column = column.as_ref()?;
        let times = column.as_primitive::<TimestampNanosecondType>();
        times.is_valid(row).then(|| times.value(row))
    };
    let word = |column: &Option<ArrayRef>, row: usize| {
        let column = column.as_ref()?;
        let words = column.as_string::<i32>();
        words.is_valid(row).then(|| words.value(row).to_owned())
    };
    for row in 0..batch.num_rows() {
        if let Some(at_ns) = time(&at, row) {
            rows.push(Row {
                at_ns,
                kind: word(&kind, row).unwrap_or_default(),
                until_ns: time(&until, row).unwrap_or(i64::MAX),
                text: word(&text, row).unwrap_or_default(),
                recorder: recorder.to_owned(),
            });
        }
    }
    Ok(())
}

fn kind_of(name: &str) -> Option<AnnotationKind> {
    let mut kinds = AnnotationKind::ALL.into_iter();
    kinds.find(|kind| kind.name() == name)
}
