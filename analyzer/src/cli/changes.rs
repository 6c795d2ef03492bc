//! `changes` as typed and what it means.

use std::path::PathBuf;

use clap::Args;
use soakbox_cli::{Failure, Format, Result};
use soakbox_statistics::{LeastChange, Metric};

use super::file_columns::FileColumns;
use crate::changes::series_metric_named;
use crate::compare::Change;
use crate::file_series::Columns;

/// `changes` as typed.
#[derive(Debug, Args)]
pub(super) struct ChangesArguments {
    /// Recordings or baselines: each metric of each operation is a series
    #[arg(value_name = "DIR", required_unless_present = "file")]
    recordings: Vec<PathBuf>,
    #[command(flatten)]
    columns: FileColumns,
    /// Search only this operation; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    operation: Vec<String>,
    /// Search only this metric; may be given several times
    #[arg(long, value_name = "METRIC", value_parser = series_metric_named, conflicts_with = "file")]
    metric: Vec<Metric>,
    /// Probability of any report if nothing changed, in all series together
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    false_alarm: f64,
    /// Report only changes of at least this size: 5%, or a number in the unit of the values
    #[arg(long, value_name = "CHANGE")]
    least: Option<Change>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

/// A search for changes.
#[derive(Clone, Debug)]
pub struct ChangesPlan {
    /// Where the series come from.
    pub input: SeriesInput,
    /// Probability of any report if nothing changed.
    pub false_alarm: f64,
    /// The smallest change that is reported.
    pub least: LeastChange,
    /// Format on stdout.
    pub format: Format,
}

/// Where series come from.
#[derive(Clone, Debug)]
pub enum SeriesInput {
    /// Columns of a CSV file.
    Csv(PathBuf, Columns),
    /// Columns of a Parquet file.
    Parquet(PathBuf, Columns),
    /// Recordings and baselines.
    Runs {
        /// Their paths.
        paths: Vec<PathBuf>,
        /// The operations to search; all where it is empty.
        operations: Vec<String>,
        /// The metrics to search; all where it is empty.
        metrics: Vec<Metric>,
        /// Whether damaged files are left out.
        skip_damaged: bool,
    },
}

impl ChangesArguments {
    pub(super) fn plan(self) -> Result<ChangesPlan> {
        if !(0.0..=0.5).contains(&self.false_alarm) {
            return Err(Failure::new(
                "--false-alarm",
                "is a probability between 0 and 0.5",
            ));
        }
        let least = match self.least {
            None => LeastChange::default(),
            Some(Change::Fraction(relative)) => LeastChange {
                relative,
                ..LeastChange::default()
            },
            Some(Change::Number(absolute)) => LeastChange {
                absolute,
                ..LeastChange::default()
            },
        };
        let input = self.columns.input().unwrap_or(SeriesInput::Runs {
            paths: self.recordings,
            operations: self.operation,
            metrics: self.metric,
            skip_damaged: self.skip_damaged,
        });
        Ok(ChangesPlan {
            input,
            false_alarm: self.false_alarm,
            least,
            format: self.format,
        })
    }
}
