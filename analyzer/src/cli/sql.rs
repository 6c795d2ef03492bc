//! `sql` as typed and what it means.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use soakbox_cli::{Failure, Result};

use super::ending;
use super::named::{NamedArguments, NamedPlace};
use super::scope::ScopeArguments;
use crate::sql::Scope;

/// `sql` as typed.
#[derive(Debug, Args)]
#[command(override_usage = "soakbox-analyzer sql [OPTIONS] <DIR>... [QUERY]")]
pub(super) struct SqlArguments {
    /// The recording, or several as one: directories that soakbox-recorder wrote, also as a pattern
    /// with * and ?. The last argument may be the query; several statements are separated by
    /// semicolons. Without any query it is read from stdin, or typed in a shell on a terminal
    #[arg(value_name = "DIR|QUERY", required_unless_present_any = ["queries", "print", "named", "tables"])]
    arguments: Vec<OsString>,
    #[command(flatten)]
    places: NamedArguments,
    #[command(flatten)]
    scope: ScopeArguments,
    /// Memory that sorting and grouping use before they write temporary files: 256MiB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "2GiB")]
    memory: usize,
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
    #[arg(long, group = "source", conflicts_with_all = ["arguments", "named", "tables"])]
    queries: bool,
    /// Print the text of such a query, to be changed and run with --file
    #[arg(
        long,
        value_name = "NAME",
        group = "source",
        conflicts_with_all = ["arguments", "named", "tables"]
    )]
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
        Some(match ending(path)?.as_str() {
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
    /// Recordings as one, and perhaps the query as the last argument: only the directories show
    /// which.
    pub arguments: Vec<PathBuf>,
    /// Recordings under names.
    pub named: Vec<NamedPlace>,
    /// Files under names.
    pub tables: Vec<NamedPlace>,
    /// Whether files that cannot be read are left out.
    pub skip_damaged: bool,
    /// Which rows the tables have.
    pub scope: Scope,
    /// Memory before temporary files are used.
    pub memory_bytes: usize,
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
        if self.command.iter().any(|query| query.trim().is_empty()) {
            return Err(empty_query());
        }
        let scope = self.scope.scope()?;
        let [named, tables] = self.places.checked()?;
        Ok(SqlPlan::Run(QueryPlan {
            arguments: self.arguments.into_iter().map(PathBuf::from).collect(),
            named,
            tables,
            skip_damaged: self.skip_damaged,
            scope,
            memory_bytes: self.memory,
            text: if !self.command.is_empty() {
                QueryText::Given(self.command)
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

/// The failure of a query without text.
pub fn empty_query() -> Failure {
    Failure::new("query", "is empty").hint("for example \"SELECT * FROM operation_log LIMIT 10\"")
}

/// The least memory with which a sort can spill.
const LEAST_MEMORY: usize = 32 << 20;

/// A size of memory in bytes.
pub(super) fn memory(text: &str) -> std::result::Result<usize, String> {
    let refused = || "is no size: write 256MiB or 2GiB, at least 32MiB".to_owned();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: usize = match &text[digits.len()..] {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(refused()),
    };
    let number: usize = digits.parse().map_err(|_| refused())?;
    number
        .checked_mul(unit)
        .filter(|bytes| *bytes >= LEAST_MEMORY)
        .ok_or_else(refused)
}
