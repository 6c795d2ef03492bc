//! What may be typed (`Arguments`) and what it means (`Plan`). Parsing validates and does nothing else.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::failure::{Failure, Result};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// SQL, percentiles, charts and reports over Soakbox recordings.
///
/// Data goes to stdout, messages to stderr. Exit codes: 0 fine, 2 usage or runtime error.
#[derive(Debug, Parser)]
#[command(name = "soakbox-analyzer", version, styles = STYLES, propagate_version = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What is in a recording: tables, files, time, hosts, loss, gaps, and whether the counts agree
    Info {
        #[command(flatten)]
        source: Source,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Per operation: count, failures, rate, percentiles of the duration, CPU, memory
    Summary {
        #[command(flatten)]
        source: Source,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Run a query on a recording, also on one that is still running
    ///
    /// Tables: operation_log, operation_metrics, recorder_health, annotations; views: access_log, feature_metrics.
    /// quantile(column, p) and quantiles(column, p, ...) give percentiles within 1/128.
    Sql {
        #[command(flatten)]
        source: Source,
        /// The query
        query: String,
        /// How to print the rows
        #[arg(long, value_enum, default_value_t = RowFormat::Table)]
        format: RowFormat,
    },
    /// Draw latency percentiles over time as SVG
    Chart {
        #[command(flatten)]
        source: Source,
        /// Where to write the chart, - for stdout
        #[arg(short, long, value_name = "FILE.svg")]
        output: PathBuf,
        /// Only this operation; may be given several times
        #[arg(long, value_name = "NAME")]
        operation: Vec<String>,
    },
    /// Write summary, losses, gaps and charts as one HTML file
    Report {
        /// The recording, or the base when there is something to put against it
        #[arg(value_name = "DIR", required = true)]
        recordings: Vec<PathBuf>,
        /// Recordings to show beside it
        #[arg(long, value_name = "DIR", num_args = 1..)]
        against: Vec<PathBuf>,
        /// Where to write the report, - for stdout
        #[arg(short, long, value_name = "FILE.html")]
        output: PathBuf,
        /// Leave out files that cannot be read, and say which
        #[arg(long)]
        skip_damaged: bool,
    },
}

/// Which recording, and how to take damage.
#[derive(Clone, Debug, Args)]
pub struct Source {
    /// The recording: a directory that soakbox-recorder wrote
    #[arg(value_name = "DIR")]
    pub recording: PathBuf,
    /// Leave out files that cannot be read, and say which
    #[arg(long)]
    pub skip_damaged: bool,
}

/// How figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For scripts, with a versioned schema
    Json,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// For people
    Table,
    /// An array of objects
    Json,
    /// With a header line
    Csv,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Print what is in a recording.
    Info(Source, Format),
    /// Print figures per operation.
    Summary(Source, Format),
    /// Run a query.
    Sql(Source, String, RowFormat),
    /// Draw operations (all where none is named) to a file.
    Chart {
        /// Of which recording.
        source: Source,
        /// To which file.
        output: PathBuf,
        /// Which operations.
        operations: Vec<String>,
    },
    /// Write a report to a file.
    Report {
        /// Recordings, the base first.
        sources: Vec<Source>,
        /// To which file.
        output: PathBuf,
    },
}

impl TryFrom<Arguments> for Plan {
    type Error = Failure;

    fn try_from(arguments: Arguments) -> Result<Self> {
        Ok(match arguments.command {
            Command::Info { source, format } => Plan::Info(source, format),
            Command::Summary { source, format } => Plan::Summary(source, format),
            Command::Sql {
                source,
                query,
                format,
            } => {
                if query.trim().is_empty() {
                    return Err(Failure::new("query", "is empty")
                        .hint("for example \"SELECT * FROM operation_log LIMIT 10\""));
                }
                Plan::Sql(source, query, format)
            }
            Command::Chart {
                source,
                output,
                operation,
            } => Plan::Chart {
                source,
                output,
                operations: operation,
            },
            Command::Report {
                recordings,
                against,
                output,
                skip_damaged,
            } => Plan::Report {
                sources: recordings
                    .into_iter()
                    .chain(against)
                    .map(|recording| Source {
                        recording,
                        skip_damaged,
                    })
                    .collect(),
                output,
            },
        })
    }
}

/// What clap says of a command line in several paragraphs, in one line.
pub fn mistyped(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim);
    let first = lines.by_ref().take_while(|line| !line.is_empty());
    let said = first.collect::<Vec<_>>().join(" ");
    let reason = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "nothing was asked for",
        _ => said.strip_prefix("error: ").unwrap_or(&said),
    };
    // Clap's other tips propose to pass a mistyped flag as a value.
    let tip = lines
        .filter_map(|line| line.strip_prefix("tip: "))
        .find(|tip| tip.contains("similar"));
    let failure = Failure::new("command line", reason);
    if let Some(tip) = tip {
        return failure.hint(tip);
    }
    let command = Arguments::command();
    let name = command.get_name();
    let first = std::env::args_os().nth(1).unwrap_or_default();
    match command.find_subcommand(first) {
        Some(known) => failure.hint(format!("see {name} {} --help", known.get_name())),
        None => failure.hint(format!("see {name} --help")),
    }
}
