//! The files of one run.

use arrow::array::RecordBatch;
use soakbox_cli::Result;
use soakbox_schemas::tables::Table;

use crate::recording::{Journal, RunFiles, Segment, TimeRange};

/// A file of one table.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A sealed one.
    Segment(&'a Segment),
    /// One that is not sealed.
    Journal(&'a Journal),
}

impl<'a> Source<'a> {
    /// Those of a table, of one run.
    pub(super) fn of(files: &RunFiles<'a>, table: Table) -> impl Iterator<Item = Self> {
        let segments = files.segments(table).map(Source::Segment);
        segments.chain(files.journals(table).map(Source::Journal))
    }

    /// From the first to the last row, where it is known.
    pub(super) fn range(self) -> Option<TimeRange> {
        match self {
            Self::Segment(file) => file.range,
            Self::Journal(file) => file.range,
        }
    }

    /// Number of its rows.
    pub(super) fn rows(self) -> u64 {
        match self {
            Self::Segment(file) => file.rows,
            Self::Journal(file) => file.rows,
        }
    }

    /// Calls `consume` with each batch of rows, which has at least the columns that are named, as
    /// far as the file has them.
    pub(super) fn batches(
        self,
        columns: &[&str],
        consume: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Segment(file) => file.batches(columns, consume),
            Self::Journal(file) => file.batches(consume),
        }
    }
}
