//! How figures look: aligned tables for people, JSON for scripts, rows of a query, files. Knows no recording.

pub mod figures;
mod file;
mod rows;
mod table;
mod text;
pub mod units;

pub use file::OutputFile;
pub use rows::{Rows, rows};
pub use table::Table;
pub use text::{info_text, summary_text};

use serde::Serialize;

use crate::failure::{Failure, Result};

/// A figure as JSON, with a line end.
///
/// # Errors
/// Where it cannot be serialized, which its type rules out.
pub fn json(value: &impl Serialize) -> Result<String> {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::new("JSON", error))?;
    text.push('\n');
    Ok(text)
}
