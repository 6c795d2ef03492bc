//! `sql` as typed and what it means.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use soakbox_cli::{Failure, Result};

use super::Source;

/// `sql` as typed.
#[derive(Debug, Args)]
pub(super) struct SqlArguments {
    /// The recording: a directory that soakbox-recorder wrote
    #[arg(value_name = "DIR", required_unless_present_any = ["queries", "print"])]
    recording: Option<PathBuf>,
    /// The query; several are separated by semicolons. Without any query it is read from stdin
    #[arg(value_name = "QUERY", group = "source")]
    text: Option<String>,
    /// A query; may be given several times
    #[arg(
        short,
        long,
        value_name = "QUERY",
        group = "source",
        allow_hyphen_values = true
    )]
    command: Vec<String>,
    /// A file of queries, - for stdin; may be given several times
    #[arg(short, long, value_name = "FILE", group = "source")]
    file: Vec<PathBuf>,
    /// A query that comes with this program; may be given several times
    #[arg(long, value_name = "NAME", group = "source")]
    query: Vec<String>,
    /// List the queries that come with this program
    #[arg(long, group = "source")]
    queries: bool,
    /// Print the text of such a query, to be changed and run with --file
    #[arg(long, value_name = "NAME", group = "source")]
    print: Option<String>,
    /// Output format [default: by the ending of --output, otherwise table]
    #[arg(long, value_enum)]
    format: Option<RowFormat>,
    /// Where to write the rows, - for stdout
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    output: PathBuf,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

/// Format of a query's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// For people
    Table,
    /// An array of objects
    Json,
    /// An object per line
    Ndjson,
    /// With a header line
    Csv,
    /// Tab-separated, with a header line; tabs and line breaks of values as \t and \n
    Tsv,
    /// A table for a document
    Markdown,
    /// Compressed with Zstandard
    Parquet,
    /// An Arrow IPC file
    Arrow,
    /// An Arrow IPC stream
    ArrowStream,
}

impl RowFormat {
    /// Whether it is no text, and holds one result only.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow | Self::ArrowStream)
    }

    /// The name as typed.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The format that a file's ending stands for.
    fn of_file(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()? {
            "json" => Self::Json,
            "ndjson" | "jsonl" => Self::Ndjson,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "md" => Self::Markdown,
            "parquet" => Self::Parquet,
            "arrow" | "feather" => Self::Arrow,
            "arrows" => Self::ArrowStream,
            _ => return None,
        })
    }
}

/// Where the text of the queries is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryText {
    /// On the command line.
    Given(Vec<String>),
    /// In files; `-` is stdin.
    Files(Vec<PathBuf>),
    /// In this program, by name.
    BuiltIn(Vec<String>),
    /// Nowhere: stdin has it.
    NotGiven,
}

/// Queries on a recording.
#[derive(Clone, Debug)]
pub struct QueryPlan {
    /// The recording.
    pub source: Source,
    /// The queries.
    pub text: QueryText,
    /// The form of their rows.
    pub format: RowFormat,
    /// Where the rows go; `-` is stdout.
    pub output: PathBuf,
}

/// What `sql` is asked for.
#[derive(Clone, Debug)]
pub enum SqlPlan {
    /// To run queries.
    Run(QueryPlan),
    /// To list the queries of this program.
    List(RowFormat),
    /// To print the text of one of them.
    Print(String),
}

impl SqlArguments {
    pub(super) fn plan(self) -> Result<SqlPlan> {
        let format = self.format.or_else(|| RowFormat::of_file(&self.output));
        let format = format.unwrap_or(RowFormat::Table);
        if let Some(name) = self.print {
            return Ok(SqlPlan::Print(name));
        }
        if self.queries {
            return Ok(SqlPlan::List(format));
        }
        let text = self.text.into_iter().chain(self.command);
        let text: Vec<String> = text.collect();
        if text.iter().any(|query| query.trim().is_empty()) {
            return Err(empty());
        }
        Ok(SqlPlan::Run(QueryPlan {
            source: Source {
                recording: self.recording.unwrap_or_default(),
                skip_damaged: self.skip_damaged,
            },
            text: if !text.is_empty() {
                QueryText::Given(text)
            } else if !self.file.is_empty() {
                QueryText::Files(self.file)
            } else if !self.query.is_empty() {
                QueryText::BuiltIn(self.query)
            } else {
                QueryText::NotGiven
            },
            format,
            output: self.output,
        }))
    }
}

fn empty() -> Failure {
    Failure::new("query", "is empty").hint("for example \"SELECT * FROM operation_log LIMIT 10\"")
}
