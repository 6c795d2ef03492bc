//! Rows of a query as tab-separated values, one line per row. Nothing is quoted: a tab, a line break
//! or a backslash in a value is `\t`, `\n`, `\r` or `\\`. A missing value is empty.

use arrow::array::RecordBatch;
use soakbox_cli::Result;

use super::rows::{RowEncoder, for_each_row};

/// Tab-separated values under a line of names.
#[derive(Default)]
pub struct TsvRows {
    has_header: bool,
}

impl RowEncoder for TsvRows {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let schema = batch.schema();
        if !self.has_header {
            self.has_header = true;
            line(
                schema.fields().iter().map(|field| field.name().clone()),
                out,
            );
        }
        for_each_row(batch, "", |cells| line(cells, out))
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

fn line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        for byte in cell.bytes() {
            match byte {
                b'\t' => out.extend(b"\\t"),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b'\\' => out.extend(b"\\\\"),
                other => out.push(other),
            }
        }
    }
    out.push(b'\n');
}
