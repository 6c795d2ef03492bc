//! The command line as typed (`Arguments`) and its meaning (`Plan`). Parsing validates and does
//! nothing else.

mod acceptance;
mod baseline;
mod changes;
mod chart;
mod compare;
mod export;
mod file_columns;
mod import;
mod named;
mod power;
mod report;
mod scope;
mod soak;
mod sql;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use soakbox_cli::{Failure, Format, Result, STYLES};

pub use acceptance::ComparisonSettings;
pub use baseline::BaselinePlan;
pub use changes::{ChangesPlan, SeriesInput};
pub use chart::{ChartFormat, ChartKind, ChartPlan, ChartSubject};
pub use compare::{ComparePlan, VerdictFormat};
pub use export::ExportPlan;
pub use import::ImportPlan;
pub use named::NamedPlace;
pub use power::PowerPlan;
pub use report::{ReportFormat, ReportPlan, ReportSubject};
pub use soak::SoakPlan;
pub use sql::{QueryPlan, QueryText, RowFormat, SqlPlan, empty_query};

/// SQL, percentiles, charts and reports from Soakbox recordings.
///
/// Data goes to stdout, messages to stderr. Exit status: 0 success, 2 usage or runtime error; of
/// compare also 1 regressed, 3 inconclusive, 4 worse run.
#[derive(Debug, Parser)]
#[command(name = "soakbox-analyzer", version, styles = STYLES, propagate_version = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the contents of a recording: tables, files, time range, hosts, losses, gaps, and
    /// whether the counts agree
    Info {
        #[command(flatten)]
        source: Source,
        /// Output format
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show figures per operation: count, failures, rate, percentiles of the duration, CPU, memory
    Summary {
        #[command(flatten)]
        source: Source,
        /// Output format
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Run queries on a recording, also while it is being recorded
    ///
    /// Tables: operation_log, operation_metrics, recorder_health, annotations; views: access_log,
    /// feature_metrics, mesh_metrics, observed_spans, runs. quantile(column, p) and
    /// quantiles(column, p, ...) give quantiles (p from 0 to 1) with a relative error of at most
    /// 1/128; \h in the shell describes all functions and views. --queries lists queries that come
    /// with the program.
    Sql(sql::SqlArguments),
    /// Keep the runs of good recordings in one small file that compare accepts as a base
    #[command(subcommand)]
    Baseline(BaselinePlan),
    /// Judge a candidate against a base: regressed, improved, pass or inconclusive
    ///
    /// Each side is one or more recordings, directories of recordings, or baselines. With one run
    /// per side the verdict is about these two runs only: worse_run, better_run, like_run or
    /// inconclusive. Exit status: 0 pass, improved, like run or better run; 1 regressed; 2 usage or
    /// runtime error; 3 inconclusive, or a BASE does not exist; 4 worse run.
    Compare(compare::CompareArguments),
    /// Compare runs of one build with each other: how often is a regression found where there is
    /// none?
    ///
    /// Also shows which changes a comparison can find with these runs as the base.
    Selftest(power::SelftestArguments),
    /// Find when the metrics of a recording, or the numbers in a CSV file, changed
    ///
    /// Steps, single outliers and drifts, at a stated rate of false alarms that holds for
    /// correlated numbers too. Missing points and irregular times are allowed.
    Changes(changes::ChangesArguments),
    /// Judge a long run by itself: leaks, drift, decay, bursts of failures, periods, gaps
    ///
    /// Each finding is found, absent or inconclusive, with the slope that the data could have
    /// shown.
    Soak(soak::SoakArguments),
    /// Make a recording of the measurements of another program
    #[command(subcommand)]
    Import(import::ImportArguments),
    /// Write rows of a recording for other programs: CSV, Parquet, a trace for Perfetto, OpenMetrics, a
    /// log of HdrHistogram
    #[command(subcommand)]
    Export(export::ExportArguments),
    /// Draw a chart as SVG: percentiles over time, heat map, spectrum, memory and others, or the rows
    /// of a query
    ///
    /// The same recording always gives the same bytes. Each chart is readable in light and dark, and
    /// has a description for screen readers; --format csv and markdown give its numbers as a table.
    Chart(chart::ChartArguments),
    /// Write a report as one HTML file, as Markdown, JSON or JUnit: the verdict and its main reasons first, then charts, figures,
    /// and what the data cannot show
    ///
    /// Of one recording it has the findings of `soak`, with --against the verdict of `compare`. The
    /// exit status does not depend on them.
    Report(report::ReportArguments),
}

/// A recording to read, and whether its damaged files are left out.
#[derive(Clone, Debug, Args)]
pub struct Source {
    /// The recording: a directory that soakbox-recorder wrote
    #[arg(value_name = "DIR")]
    pub recording: PathBuf,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    pub skip_damaged: bool,
}

/// What the end of a file's name says about its format, in lower case.
fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// A command with its arguments.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Print the content of a recording.
    Info(Source, Format),
    /// Print figures per operation.
    Summary(Source, Format),
    /// Run queries.
    Sql(Box<SqlPlan>),
    /// Make, extend or show baselines.
    Baseline(BaselinePlan),
    /// Judge a candidate against a base.
    Compare(Box<ComparePlan>),
    /// Show what comparisons can find.
    Power(Box<PowerPlan>),
    /// Find when numbers changed.
    Changes(Box<ChangesPlan>),
    /// Judge a long run by itself.
    Soak(Box<SoakPlan>),
    /// Make a recording of the measurements of another program.
    Import(Box<ImportPlan>),
    /// Write rows of a recording for other programs.
    Export(Box<ExportPlan>),
    /// Draw a chart.
    Chart(Box<ChartPlan>),
    /// Write a report to a file.
    Report(Box<ReportPlan>),
}

impl TryFrom<Arguments> for Plan {
    type Error = Failure;

    fn try_from(arguments: Arguments) -> Result<Self> {
        Ok(match arguments.command {
            Command::Info { source, format } => Plan::Info(source, format),
            Command::Summary { source, format } => Plan::Summary(source, format),
            Command::Sql(arguments) => Plan::Sql(Box::new(arguments.plan()?)),
            Command::Baseline(plan) => Plan::Baseline(plan),
            Command::Changes(arguments) => Plan::Changes(Box::new(arguments.plan()?)),
            Command::Soak(arguments) => Plan::Soak(Box::new(arguments.plan()?)),
            Command::Import(arguments) => Plan::Import(Box::new(arguments.plan())),
            Command::Export(arguments) => Plan::Export(Box::new(arguments.plan()?)),
            Command::Compare(arguments) => arguments.plan()?,
            Command::Selftest(arguments) => Plan::Power(Box::new(arguments.plan()?)),
            Command::Chart(arguments) => Plan::Chart(Box::new(arguments.plan()?)),
            Command::Report(arguments) => Plan::Report(Box::new(arguments.plan()?)),
        })
    }
}
