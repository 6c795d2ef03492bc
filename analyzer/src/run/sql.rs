//! Opens what `sql` needs: the text of the queries, the output, the recording.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use soakbox_cli::{Failure, Result, plain_io_error};

use crate::cli::{QueryPlan, QueryText, SqlPlan};
use crate::commands;
use crate::figures::{Comparison, Reading};
use crate::output::OutputFile;
use crate::sql::{Statements, builtin};

/// Longest text of queries that is read from a file or from stdin.
const MAX_TEXT_BYTES: u64 = 16 << 20;
/// Stands for stdin on the command line.
const STDIN: &str = "-";

pub(super) fn run(plan: &SqlPlan) -> Result<()> {
    match plan {
        SqlPlan::Run(plan) => queries(plan),
        SqlPlan::List(format) => {
            commands::sql::list(*format, OutputFile::create(Path::new(STDIN))?)
        }
        SqlPlan::Print(name) => commands::sql::print(name),
    }
}

fn queries(plan: &QueryPlan) -> Result<()> {
    let texts = texts(&plan.text)?;
    let statements = texts.iter().flat_map(|text| Statements::of(text).all());
    let statements: Vec<&str> = statements.collect();
    if statements.is_empty() {
        return Err(Failure::new("query", "has no statement").hint(EXAMPLE));
    }
    let output = OutputFile::create(&plan.output)?;
    let source = &plan.source;
    let reading = Reading::open(&source.recording, source.skip_damaged, Comparison::BOUNDED)?;
    commands::sql::run(&reading, &statements, plan.format, output)
}

/// Advice where a query is missing.
const EXAMPLE: &str = "for example \"SELECT * FROM operation_log LIMIT 10\"";

fn texts(source: &QueryText) -> Result<Vec<String>> {
    match source {
        QueryText::Given(texts) => Ok(texts.clone()),
        QueryText::Files(paths) => paths.iter().map(|path| file(path)).collect(),
        QueryText::BuiltIn(names) => names
            .iter()
            .map(|name| Ok(builtin::named(name)?.text.to_owned()))
            .collect(),
        QueryText::NotGiven if io::stdin().is_terminal() => {
            Err(Failure::new("query", "is missing")
                .hint("give it as an argument, with --file or --query, or on stdin"))
        }
        QueryText::NotGiven => Ok(vec![file(Path::new(STDIN))?]),
    }
}

fn file(path: &Path) -> Result<String> {
    let is_stdin = path == Path::new(STDIN);
    let failed = |reason: String| match is_stdin {
        true => Failure::new("stdin", reason),
        false => Failure::path(path, reason),
    };
    let unreadable =
        |error: io::Error| failed(format!("cannot be read: {}", plain_io_error(&error)));
    let mut bytes = Vec::new();
    let read = match is_stdin {
        true => io::stdin().take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes),
        false => {
            File::open(path).and_then(|file| file.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes))
        }
    };
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(failed(
            "has more than 16 MiB, which are no queries".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|_| failed("is not UTF-8 text".to_owned()))
}
