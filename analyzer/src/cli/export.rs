//! `export` as typed and what it means.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use soakbox_cli::{Failure, Result};
use soakbox_schemas::tables::Table;

use super::scope::ScopeArguments;
use super::sql::memory;
use super::{QueryPlan, QueryText, RowFormat};
use crate::export::Format;
use crate::import::Step;

/// `export` as typed.
#[derive(Debug, Subcommand)]
pub(super) enum ExportArguments {
    /// Write a table as CSV
    ///
    /// All columns of the table, and the run and the host of each row. A missing value is an empty cell.
    /// `import csv` reads it again.
    Csv(TableArguments),
    /// Write a table as one Parquet file
    ///
    /// The columns, types and field ids of the recording's own files, and the run and the host of each
    /// row. pyarrow, pandas, DuckDB, Spark and `import parquet` read it.
    Parquet(TableArguments),
    /// Write a trace that ui.perfetto.dev and trace_processor open
    ///
    /// Operations are slices on the track of their thread, and on further ones where they overlap. Gaps,
    /// notes, memory, CPU time and operations in flight have tracks of their own.
    Perfetto(PerfettoArguments),
    /// Write samples over time as OpenMetrics text
    ///
    /// Histograms, counters and gauges of each operation with timestamps, as
    /// `promtool tsdb create-blocks-from openmetrics` reads them.
    Openmetrics(OpenMetricsArguments),
    /// Write the durations as a log of HdrHistogram
    ///
    /// A histogram of nanoseconds with three digits per operation and interval; the operation is the tag.
    Hdr(HdrArguments),
}

#[derive(Debug, Args)]
pub(super) struct TableArguments {
    #[command(flatten)]
    common: CommonArguments,
    /// The table, or a view of `sql`
    #[arg(long, value_name = "TABLE", default_value = "operation_log", value_parser = table)]
    table: Table,
}

#[derive(Debug, Args)]
pub(super) struct PerfettoArguments {
    #[command(flatten)]
    common: CommonArguments,
    /// Most operations and rows of counts: a program that shows a trace has all of them in memory
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    limit: u64,
}

#[derive(Debug, Args)]
pub(super) struct OpenMetricsArguments {
    #[command(flatten)]
    common: CommonArguments,
    /// The time from one sample to the next, whole milliseconds: 500ms, 15s, 1m
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = step)]
    every: u64,
}

#[derive(Debug, Args)]
pub(super) struct HdrArguments {
    #[command(flatten)]
    common: CommonArguments,
    /// The length of an interval, whole milliseconds: 500ms, 15s, 1m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = step)]
    every: u64,
}

#[derive(Debug, Args)]
struct CommonArguments {
    /// The recording, or several as one: directories that soakbox-recorder wrote, also as a pattern
    /// with * and ?
    #[arg(value_name = "DIR", required = true)]
    recordings: Vec<PathBuf>,
    /// The file to write, - for stdout
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    output: PathBuf,
    #[command(flatten)]
    scope: ScopeArguments,
    /// Memory that sorting uses before it writes temporary files: 256MiB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "2GiB")]
    memory: usize,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

/// An export.
#[derive(Clone, Debug)]
pub struct ExportPlan {
    /// The recordings, their rows, and the file; its queries are those of the format.
    pub source: QueryPlan,
    /// What is written.
    pub format: Format,
}

impl ExportArguments {
    pub(super) fn plan(self) -> Result<ExportPlan> {
        let (common, format) = match self {
            ExportArguments::Csv(typed) => (typed.common, Format::Csv(typed.table)),
            ExportArguments::Parquet(typed) => (typed.common, Format::Parquet(typed.table)),
            ExportArguments::Perfetto(typed) => {
                (typed.common, Format::Perfetto { most: typed.limit })
            }
            ExportArguments::Openmetrics(typed) => {
                let every_ns = typed.every;
                (typed.common, Format::OpenMetrics { every_ns })
            }
            ExportArguments::Hdr(typed) => {
                let every_ns = typed.every;
                (typed.common, Format::Hdr { every_ns })
            }
        };
        if common
            .recordings
            .iter()
            .any(|path| path.as_os_str().is_empty())
        {
            return Err(Failure::new("recording", "its path is empty"));
        }
        Ok(ExportPlan {
            source: QueryPlan {
                arguments: common.recordings,
                named: Vec::new(),
                tables: Vec::new(),
                skip_damaged: common.skip_damaged,
                scope: common.scope.scope()?,
                memory_bytes: common.memory,
                text: QueryText::Given(Vec::new()),
                format: RowFormat::Csv,
                output: common.output,
            },
            format,
        })
    }
}

fn table(name: &str) -> std::result::Result<Table, String> {
    let refused = || "is no name of a table: they have lower-case letters, digits and _".to_owned();
    Table::from_name(name).ok_or_else(refused)
}

/// A number of whole milliseconds, in ns.
fn step(text: &str) -> std::result::Result<u64, String> {
    let step: Step = text.parse()?;
    match step.ns.is_multiple_of(1_000_000) && i64::try_from(step.ns).is_ok() {
        true => Ok(step.ns),
        false => Err("is no number of whole milliseconds".to_owned()),
    }
}
