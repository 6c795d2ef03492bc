//! DataFusion's errors in plain words about the query.

use std::io;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use soakbox_cli::{Failure, plain_io_error};
use tokio::task::JoinError;

use super::catalog::{CATALOG, SCHEMA};
use crate::recording::{DELETED_HINT, has_panicked};

/// Words that DataFusion puts before its messages.
const PREFIXES: [&str; 8] = [
    "Error during planning: ",
    "Schema error: ",
    "SQL error: ",
    "Execution error: ",
    "Arrow error: ",
    "Parquet error: ",
    "This feature is not implemented: ",
    "Optimizer rule ",
];

/// The reason where DataFusion's parser gives up.
const TOO_DEEP: &str = "has brackets or operators inside each other to a depth of more than 50";

/// What to do where memory is not enough.
const LESS: &str = "narrow the time range, group by fewer values, or allow more memory (--memory)";

/// The failure of a query.
pub(super) fn query_failure(error: &DataFusionError) -> Failure {
    let root = error.find_root();
    let text = root.strip_backtrace().replace('\n', " ");
    let mut reason = text.as_str();
    for prefix in PREFIXES {
        reason = reason.strip_prefix(prefix).unwrap_or(reason);
    }
    for parser in ["ParserError(\"", "TokenizerError(\""] {
        let text = reason.strip_prefix(parser);
        let text = text.and_then(|rest| rest.strip_suffix("\")"));
        reason = text.unwrap_or(reason);
    }
    if reason.starts_with("RecursionLimitExceeded") {
        reason = TOO_DEEP;
    }
    // The message of one of our own functions, without DataFusion's sentence around it.
    let reason = reason
        .split_once("coercion failed with: Error during planning: ")
        .and_then(|(_, rest)| rest.split_once(". No function matches"))
        .map_or(reason, |(own, _)| own);
    let reason = reason.replace(&format!("{CATALOG}.{SCHEMA}."), "");
    let reason = reason.replace(&format!("'{CATALOG}."), "'");
    if is_of_file(root) {
        return damaged(reason.rsplit("Parquet error: ").next().unwrap_or_default());
    }
    if matches!(root, DataFusionError::ExecutionJoin(_)) && has_panicked() {
        return damaged(CONTRADICTS);
    }
    if let DataFusionError::IoError(error) = root
        && error.kind() == io::ErrorKind::NotFound
    {
        return Failure::new("query", plain_io_error(error)).hint(DELETED_HINT);
    }
    if reason
        .to_lowercase()
        .contains("unsupported interval argument")
    {
        return Failure::new("query", "INTERVAL is a reserved word")
            .hint("write the column as \"interval\"");
    }
    let (reason, advice) = advice(&reason);
    let failure = Failure::new("query", lower_start(reason.trim_end_matches('.')));
    match root {
        DataFusionError::Plan(text) if text.contains("table '") => {
            failure.hint(hint_for_table(text))
        }
        DataFusionError::ResourcesExhausted(_) => failure.hint(LESS),
        // A bug of DataFusion: a join that has no memory for its first batch.
        DataFusionError::Internal(text) if text.contains("no data to spill") => {
            Failure::new("query", "has not enough memory for a join").hint(LESS)
        }
        DataFusionError::SQL(..) if reason.starts_with(TOO_DEEP) => {
            failure.hint("name inner queries with WITH")
        }
        DataFusionError::SQL(..) => {
            failure.hint("see https://datafusion.apache.org/user-guide/sql for the dialect")
        }
        _ => match advice {
            Some(advice) => failure.hint(advice.trim_end_matches('.')),
            None => failure,
        },
    }
}

/// Advice where there is no such table.
fn hint_for_table(reason: &str) -> &'static str {
    match reason.contains('/') || reason.contains(".parquet") {
        true => "--table NAME=FILE makes a Parquet file a table",
        false => "SHOW TABLES lists the tables and views",
    }
}

/// The failure of a task that ended in a panic: usually a decoder's.
pub(super) fn unfinished(error: JoinError) -> Failure {
    match error.is_panic() && has_panicked() {
        true => damaged(CONTRADICTS),
        false => Failure::new("query engine", error),
    }
}

/// Where a decoder panics.
const CONTRADICTS: &str = "its content contradicts itself";

fn damaged(reason: &str) -> Failure {
    Failure::new("query", format!("a file is damaged ({reason})"))
        .hint("`soakbox-analyzer info DIR` names the file, and --skip-damaged leaves it out")
}

/// Whether a file of the recording cannot be decoded.
fn is_of_file(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::ParquetError(_) => true,
        DataFusionError::ArrowError(error, _) => {
            matches!(**error, ArrowError::ParquetError(_))
        }
        _ => false,
    }
}

/// The reason, and the advice that DataFusion appends to it.
fn advice(reason: &str) -> (&str, Option<String>) {
    if let Some((reason, known)) = reason.split_once(". Did you mean ") {
        let similar = known.split_once('?').map_or(known, |(similar, _)| similar);
        (reason, Some(format!("did you mean {similar}?")))
    } else if let Some((reason, known)) = reason.split_once(". Valid fields are ") {
        let columns = known.trim_end_matches('.').split(", ");
        let columns = columns.map(|name| match name.rsplit_once('.') {
            Some((_, column)) => column,
            None => name,
        });
        let columns: Vec<&str> = columns.collect();
        (
            reason,
            Some(format!("the columns are {}", columns.join(", "))),
        )
    } else {
        (reason, None)
    }
}

/// With a lower-case first letter, unless the first word is in capitals.
fn lower_start(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !letters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}
