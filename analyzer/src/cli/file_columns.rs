//! The columns of a file as they are typed, which `changes` and `soak` read instead of recordings.

use std::path::PathBuf;

use clap::Args;

use super::SeriesInput;
use crate::file_series::Columns;

/// A file and its columns as typed.
#[derive(Debug, Args)]
pub(super) struct FileColumns {
    /// A CSV file with a header, instead of a recording; - for stdin
    #[arg(
        long,
        value_name = "FILE.csv",
        group = "file",
        requires = "value",
        conflicts_with = "recordings"
    )]
    csv: Option<PathBuf>,
    /// A Parquet file, instead of a recording
    #[arg(
        long,
        value_name = "FILE.parquet",
        group = "file",
        requires = "value",
        conflicts_with = "recordings"
    )]
    parquet: Option<PathBuf>,
    /// Column of the file with the numbers; an empty cell or null is a missing point
    #[arg(long, value_name = "COLUMN", requires = "file")]
    value: Option<String>,
    /// Column of the file with the times: seconds, RFC 3339, dates or timestamps, ascending
    #[arg(long, value_name = "COLUMN", requires = "file")]
    time: Option<String>,
}

impl FileColumns {
    /// Whether a file is named that has no column of times.
    pub(super) fn lack_times(&self) -> bool {
        self.value.is_some() && self.time.is_none()
    }

    /// The file and its columns; `None` where none is named.
    pub(super) fn input(self) -> Option<SeriesInput> {
        let columns = Columns {
            value: self.value?,
            time: self.time,
        };
        let csv = self.csv.map(|file| SeriesInput::Csv(file, columns.clone()));
        csv.or_else(|| Some(SeriesInput::Parquet(self.parquet?, columns)))
    }
}
