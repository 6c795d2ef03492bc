//! `annotations`: a moment, or a stretch of time, and a text. Charts draw them; a gap is one.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::column::{self, OPTIONAL, REQUIRED};

/// What an annotation tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationKind {
    /// The recorder began to observe.
    RecordingStarted,
    /// The recorder stopped in good order.
    RecordingStopped,
    /// The command under observation was started.
    TargetStarted,
    /// It ended; the text has its status.
    TargetExited,
    /// Nothing, or not everything, was observed from `at` to `until`; the text is the cause (`crash`, …).
    Gap,
    /// What a person added.
    Note,
}

impl AnnotationKind {
    /// Every kind.
    pub const ALL: [AnnotationKind; 6] = [
        AnnotationKind::RecordingStarted,
        AnnotationKind::RecordingStopped,
        AnnotationKind::TargetStarted,
        AnnotationKind::TargetExited,
        AnnotationKind::Gap,
        AnnotationKind::Note,
    ];

    /// As the column `kind` has it.
    pub const fn name(self) -> &'static str {
        match self {
            AnnotationKind::RecordingStarted => "recording_started",
            AnnotationKind::RecordingStopped => "recording_stopped",
            AnnotationKind::TargetStarted => "target_started",
            AnnotationKind::TargetExited => "target_exited",
            AnnotationKind::Gap => "gap",
            AnnotationKind::Note => "note",
        }
    }
}

/// A row of `annotations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// When, or from when, ns UTC.
    pub at_ns: i64,
    /// Until when, for what lasts.
    pub until_ns: Option<i64>,
    /// What it tells of.
    pub kind: AnnotationKind,
    /// In words; for a gap its cause alone.
    pub text: String,
}

impl Annotation {
    /// Rows as a batch.
    ///
    /// # Errors
    /// Only where Arrow refuses the columns, which the schema's tests rule out.
    pub fn batch(rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        let until = TimestampNanosecondArray::from_iter(rows.iter().map(|row| row.until_ns));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(column::timestamps(rows.iter().map(|row| row.at_ns))),
            Arc::new(until.with_timezone("UTC")),
            Arc::new(column::words(rows.iter().map(|row| row.kind.name()))),
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|row| row.text.as_str()),
            )),
        ];
        RecordBatch::try_new(schema(), columns)
    }
}

pub(super) fn schema() -> SchemaRef {
    column::schema(vec![
        column::timestamp("at", REQUIRED),
        column::timestamp("until", OPTIONAL),
        column::word("kind"),
        column::text("text", REQUIRED),
    ])
}
