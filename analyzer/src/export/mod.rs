//! Rows of a recording in the formats of other programs, one file per format. Pure: rows of queries
//! come in, bytes go out, and memory does not grow with the number of rows unless a limit bounds it.

mod columns;
mod hdr_log;
mod openmetrics;
mod perfetto;
mod table;

pub use hdr_log::HdrLog;
pub use openmetrics::OpenMetrics;
pub use perfetto::{PerfettoTrace, Size};
pub use table::ParquetTable;

use soakbox_schemas::tables::Table;

/// A format with its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table as CSV.
    Csv(Table),
    /// A table as one Parquet file.
    Parquet(Table),
    /// A trace for Perfetto with at most that many operations and rows of counts.
    Perfetto {
        /// The limit.
        most: u64,
    },
    /// Samples at this distance, as OpenMetrics.
    OpenMetrics {
        /// The distance, ns.
        every_ns: u64,
    },
    /// A log of HdrHistogram with intervals of this length.
    Hdr {
        /// The length, ns.
        every_ns: u64,
    },
}

impl Format {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Parquet(_) => "parquet",
            Self::Perfetto { .. } => "perfetto",
            Self::OpenMetrics { .. } => "openmetrics",
            Self::Hdr { .. } => "hdr",
        }
    }

    /// Whether it is no text.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet(_) | Self::Perfetto { .. })
    }

    /// What a recording may have and the file has no place for; `None` where it has all of its table.
    pub fn left_out(self) -> Option<&'static str> {
        Some(match self {
            Self::Csv(_) | Self::Parquet(_) => return None,
            Self::Perfetto { .. } => {
                "user and system time, changes of memory, the counts of filtered and abandoned \
                 operations, and what the recorder measured of itself"
            }
            Self::OpenMetrics { .. } => {
                "single operations, processes and threads, return values, and notes; time that was \
                 not observed has no samples"
            }
            Self::Hdr { .. } => {
                "processes and threads, success, CPU time, memory, bytes, counts, gaps and notes"
            }
        })
    }
}
