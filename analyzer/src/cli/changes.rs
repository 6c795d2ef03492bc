//! `changes` as typed and what it means.

use std::path::PathBuf;

use clap::Args;
use soakbox_cli::{Failure, Format, Result};
use soakbox_statistics::{LeastChange, Metric};

use crate::changes::series_metric_named;
use crate::compare::Change;

/// `changes` as typed.
#[derive(Debug, Args)]
pub(super) struct ChangesArguments {
    /// Recordings or baselines: each metric of each operation is a series
    #[arg(
        value_name = "DIR",
        required_unless_present = "csv",
        conflicts_with = "csv"
    )]
    recordings: Vec<PathBuf>,
    /// A CSV file with a header, instead of a recording; - for stdin
    #[arg(long, value_name = "FILE.csv", requires = "value")]
    csv: Option<PathBuf>,
    /// Column of the CSV file with the numbers; an empty cell is a missing point
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    value: Option<String>,
    /// Column of the CSV file with the times: seconds, RFC 3339 or dates, ascending
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    time: Option<String>,
    /// Search only this operation; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "csv")]
    operation: Vec<String>,
    /// Search only this metric; may be given several times
    #[arg(long, value_name = "METRIC", value_parser = series_metric_named, conflicts_with = "csv")]
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
    /// Two columns of a CSV file.
    Csv {
        /// The file.
        file: PathBuf,
        /// The column with the numbers.
        value: String,
        /// The column with the times.
        time: Option<String>,
    },
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
        let input = match (self.csv, self.value) {
            (Some(file), Some(value)) => SeriesInput::Csv {
                file,
                value,
                time: self.time,
            },
            _ => SeriesInput::Runs {
                paths: self.recordings,
                operations: self.operation,
                metrics: self.metric,
                skip_damaged: self.skip_damaged,
            },
        };
        Ok(ChangesPlan {
            input,
            false_alarm: self.false_alarm,
            least,
            format: self.format,
        })
    }
}
