//! `soak` as typed and what it means.

use std::path::PathBuf;

use clap::Args;
use soakbox_cli::{Failure, Format, Result};
use soakbox_statistics::{Metric, SoakOptions};

use super::SeriesInput;
use super::file_columns::FileColumns;
use crate::changes::{seconds, series_metric_named};
use crate::compare::Change;
use crate::soak::RestartTime;

/// The largest tolerance per hour that the statistics accept.
const MOST_TOLERANCE: f64 = 1e6;

/// `soak` as typed.
#[derive(Debug, Args)]
pub(super) struct SoakArguments {
    /// Recordings or baselines: each metric of each operation is a series
    #[arg(value_name = "DIR", required_unless_present = "file")]
    recordings: Vec<PathBuf>,
    #[command(flatten)]
    columns: FileColumns,
    /// A known-good run: only growth beyond its own counts, by operation and metric
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    reference: Option<PathBuf>,
    /// Judge only this operation; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    operation: Vec<String>,
    /// Judge only this metric; may be given several times
    #[arg(long, value_name = "METRIC", value_parser = series_metric_named, conflicts_with = "file")]
    metric: Vec<Metric>,
    /// Growth per hour that is still acceptable: 0.1%, or a number in the unit of the values
    #[arg(long, value_name = "CHANGE", default_value = "0.1%")]
    tolerance: Change,
    /// A value that must not be reached, in the unit of the values; needs one --metric or a file
    #[arg(long, value_name = "VALUE")]
    limit: Option<f64>,
    /// Length of the cycle of the load that is subtracted, in seconds; 0 for none
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400.0)]
    cycle: f64,
    /// When the process restarted: as in the time column, or for a recording RFC 3339 or seconds
    /// since 1970; may be given several times; none if it never did
    #[arg(long, value_name = "TIME")]
    restart: Vec<String>,
    /// Probability of any finding but a gap if there is nothing to find, in all findings together
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    false_alarm: f64,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

/// A search for findings.
#[derive(Clone, Debug)]
pub struct SoakPlan {
    /// Where the series come from.
    pub input: SeriesInput,
    /// A known-good run.
    pub reference: Option<PathBuf>,
    /// Tolerances, limit and cycle.
    pub options: SoakOptions,
    /// When the process restarted; `None` if it is not given.
    pub restarts: Option<Vec<RestartTime>>,
    /// The probability of any finding if there is nothing to find.
    pub false_alarm: f64,
    /// Format on stdout.
    pub format: Format,
}

impl SoakArguments {
    pub(super) fn plan(self) -> Result<SoakPlan> {
        if !self.cycle.is_finite() || self.cycle < 0.0 {
            return Err(Failure::new("--cycle", "is a number of seconds, or 0"));
        }
        if !(0.0..=0.5).contains(&self.false_alarm) {
            return Err(Failure::new(
                "--false-alarm",
                "is a probability between 0 and 0.5",
            ));
        }
        if self.limit.is_some_and(|limit| !limit.is_finite()) {
            return Err(Failure::new("--limit", "is a finite number"));
        }
        let (relative, absolute) = match self.tolerance {
            Change::Fraction(relative) if relative > MOST_TOLERANCE => {
                return Err(Failure::new("--tolerance", "is at most 100000000%")
                    .hint("a number in the unit of the values has no % sign"));
            }
            Change::Fraction(relative) => (relative, 0.0),
            Change::Number(absolute) => (0.0, absolute),
        };
        if self.columns.lack_times() {
            return Err(
                Failure::new("--time", "is needed for the columns of a file")
                    .hint("slopes are per hour"),
            );
        }
        let file = self.columns.input();
        if self.limit.is_some() && file.is_none() && self.metric.len() != 1 {
            return Err(Failure::new("--limit", "is the limit of one metric")
                .hint("name it: --metric memory --limit 2e9"));
        }
        let input = file.unwrap_or(SeriesInput::Runs {
            paths: self.recordings,
            operations: self.operation,
            metrics: self.metric,
            skip_damaged: self.skip_damaged,
        });
        Ok(SoakPlan {
            input,
            reference: self.reference,
            restarts: restarts(&self.restart)?,
            false_alarm: self.false_alarm,
            options: SoakOptions {
                tolerance_per_hour: relative,
                absolute_tolerance_per_hour: absolute,
                limit: self.limit,
                cycle_s: (self.cycle > 0.0).then_some(self.cycle),
                ..SoakOptions::default()
            },
            format: self.format,
        })
    }
}

/// The restarts as they are typed; `None` where there are none.
fn restarts(typed: &[String]) -> Result<Option<Vec<RestartTime>>> {
    if typed.is_empty() {
        return Ok(None);
    }
    if typed == ["none"] {
        return Ok(Some(Vec::new()));
    }
    let times = typed.iter().map(|text| {
        let no_time = || {
            Failure::new(format_args!("--restart {text}"), "is no time")
                .hint("a number of seconds, RFC 3339 or a date; or only --restart none")
        };
        Ok(RestartTime {
            seconds: seconds(text.trim()).ok_or_else(no_time)?,
            text: text.clone(),
        })
    });
    Ok(Some(times.collect::<Result<_>>()?))
}
