//! What an exported file has, so that it explains itself to somebody who has only the file.

use serde::Serialize;

/// Rows that were exported, and of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Version of the program that exported them.
    pub version: String,
    /// The table.
    pub table: String,
    /// The recordings, as they were typed.
    pub recordings: Vec<String>,
    /// Rows at or after this moment, ns since 1970; all from the first one on if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ns: Option<i64>,
    /// Rows before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ns: Option<i64>,
    /// Rows of these hosts; of all if it is empty.
    pub hosts: Vec<String>,
    /// Rows of these operations; of all if it is empty.
    pub operations: Vec<String>,
    /// Why the recordings do not hold everything that happened; empty if they do.
    pub warnings: Vec<String>,
}
