//! Rows of a query in a text format on a terminal: characters that act on a terminal are shown as
//! escapes, as they are in tables. A file or a pipe gets the text as it is.

use arrow::array::RecordBatch;
use soakbox_cli::{Result, escaped_json, escaped_lines};

use super::rows::RowEncoder;

/// An encoder whose text is for a terminal.
pub struct ShownRows {
    rows: Box<dyn RowEncoder>,
    is_json: bool,
}

impl ShownRows {
    /// `rows`, safe to show. `is_json` keeps the text valid JSON of the same value.
    pub fn new(rows: Box<dyn RowEncoder>, is_json: bool) -> Self {
        Self { rows, is_json }
    }

    fn show(&self, text: &[u8], out: &mut Vec<u8>) {
        // Encoders hand on whole values, so that no character is cut.
        let text = String::from_utf8_lossy(text);
        let shown = match self.is_json {
            true => escaped_json(&text),
            false => escaped_lines(&text),
        };
        out.extend(shown.as_bytes());
    }
}

impl RowEncoder for ShownRows {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let mut text = Vec::new();
        self.rows.encode(batch, &mut text)?;
        self.show(&text, out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let mut text = Vec::new();
        self.rows.finish(&mut text)?;
        self.show(&text, out);
        Ok(())
    }
}
