//! The forms of output: aligned tables for people, JSON for programs, rows of a query, files. Text
//! of a recording is escaped in tables, and unchanged in JSON and CSV.

mod file;
mod measures;
mod rows;
mod text;
mod text_rows;
mod text_table;

use std::io::{self, Write};

use serde::Serialize;

pub use file::OutputFile;
pub use measures::{MISSING, Measure, measures};
pub use rows::{CsvRows, JsonRows, RowEncoder};
pub use text::{info_text, summary_text};
pub use text_rows::TextRows;
pub use text_table::{Align, TextTable};

/// Writes a figure as indented JSON and a line end.
///
/// # Errors
/// Where `out` cannot be written.
pub fn json(figure: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, figure)?;
    writeln!(out)
}
