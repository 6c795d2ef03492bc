//! The forms of output: aligned tables for people, JSON for programs, rows of a query, files. Text
//! of a recording is escaped in tables, Markdown and on terminals, and unchanged in JSON and CSV.

mod baseline_text;
mod binary_rows;
mod changes_text;
mod file;
mod finding_words;
mod headline;
mod junit;
mod markdown;
mod measures;
mod numbers;
mod power_text;
mod rows;
mod shown_rows;
mod soak_headline;
mod soak_junit;
mod soak_text;
mod text;
mod text_rows;
mod text_table;
mod tsv_rows;
mod undecided;
mod verdict;
mod verdict_explained;
mod verdict_headline;
mod verdict_junit;
mod verdict_markdown;
mod verdict_text;

use std::io::{self, Write};

use serde::Serialize;

pub use baseline_text::{baseline_diff_text, baseline_text, baselines_text};
pub use binary_rows::{BinaryFormat, BinaryRows};
pub use changes_text::changes_text;
pub use file::{OutputFile, OutputWriter};
pub use headline::{Headline, Tone};
pub use junit::{JunitSuite, junit};
pub use markdown::MarkdownRows;
pub(crate) use markdown::literal;
pub use measures::{MISSING, Measure, measures, shown_measures};
pub use numbers::{numbers_csv, numbers_markdown};
pub use power_text::power_text;
pub use rows::{CsvRows, JsonRows, RowEncoder};
pub use shown_rows::ShownRows;
pub use soak_headline::soak_headline;
pub use soak_junit::soak_suite;
pub use soak_text::soak_text;
pub(crate) use soak_text::{
    ABSENT_HEADINGS, FINDING_HEADINGS, absent_rows, finding_cells, shared_reasons,
};
pub use text::{info_text, summary_text};
pub use text_rows::TextRows;
pub use text_table::{Align, TextTable};
pub use tsv_rows::TsvRows;
pub(crate) use undecided::{SameReason, Undecided};
pub(crate) use verdict::{HEADINGS, cells, facts, notes};
pub use verdict_headline::verdict_reasons;
pub use verdict_junit::verdict_suite;
pub use verdict_markdown::verdict_markdown;
pub use verdict_text::verdict_text;

/// Writes a figure as indented JSON and a line end.
///
/// # Errors
/// Where `out` cannot be written.
pub fn json(figure: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, figure)?;
    writeln!(out)
}
