//! Rows of a query as an aligned table. The widths are those of the first rows, so that memory does
//! not grow with the number of rows; a wider cell that comes later shifts those after it.

use arrow::array::RecordBatch;
use soakbox_cli::{Result, escaped};
use unicode_width::UnicodeWidthStr;

use super::rows::{RowEncoder, for_each_row};
use super::text_table::{Align, line};

/// Rows from which the widths are computed.
const MEASURED_ROWS: usize = 1000;
/// Widest column; wider cells shift those after them.
const MAX_WIDTH: usize = 64;

/// An aligned table, printed while its rows arrive.
pub struct TextRows {
    /// Whether cells keep their line breaks.
    keeps_lines: bool,
    /// Rows that wait until the widths are known; the headings are the first.
    pending: Vec<Vec<String>>,
    /// Alignment of each column; empty before the first batch.
    alignments: Vec<Align>,
    /// Width and alignment of each column, once the widths are known.
    columns: Option<Vec<(usize, Align)>>,
}

impl TextRows {
    /// A table without rows so far. With `keeps_lines` a cell may have several lines, as a query's
    /// plan does. Text of a recording is always on one line.
    pub fn new(keeps_lines: bool) -> Self {
        Self {
            keeps_lines,
            pending: Vec::new(),
            alignments: Vec::new(),
            columns: None,
        }
    }

    fn shown(&self, cell: &str) -> String {
        if self.keeps_lines {
            let lines: Vec<_> = cell.lines().map(escaped).collect();
            lines.join("\n")
        } else {
            escaped(cell).into_owned()
        }
    }

    /// Fixes the widths and prints the rows that waited for them.
    fn measure(&mut self, out: &mut Vec<u8>) {
        let width = |column: usize| {
            let lines = self.pending.iter().flat_map(|row| row[column].lines());
            lines
                .map(|line| line.width())
                .max()
                .unwrap_or(0)
                .min(MAX_WIDTH)
        };
        let alignments = self.alignments.iter().enumerate();
        let columns: Vec<(usize, Align)> = alignments
            .map(|(column, align)| (width(column), *align))
            .collect();
        let rule: Vec<String> = columns
            .iter()
            .map(|&(width, _)| "-".repeat(width))
            .collect();
        for (index, row) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            print(&row, &columns, out);
            if index == 0 {
                print(&rule, &columns, out);
            }
        }
        self.columns = Some(columns);
    }
}

fn print(row: &[String], columns: &[(usize, Align)], out: &mut Vec<u8>) {
    out.extend(line(row, columns).into_bytes());
    out.push(b'\n');
}

impl RowEncoder for TextRows {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        if self.alignments.is_empty() {
            let schema = batch.schema();
            let alignments = schema.fields().iter().map(|field| {
                if field.data_type().is_numeric() {
                    Align::Right
                } else {
                    Align::Left
                }
            });
            self.alignments = alignments.collect();
            let names = schema.fields().iter().map(|field| self.shown(field.name()));
            self.pending.push(names.collect());
        }
        for_each_row(batch, "null", |cells| {
            let cells: Vec<String> = cells.map(|cell| self.shown(&cell)).collect();
            match &self.columns {
                Some(columns) => print(&cells, columns, out),
                None => self.pending.push(cells),
            }
            if self.columns.is_none() && self.pending.len() > MEASURED_ROWS {
                self.measure(out);
            }
        })
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.columns.is_none() {
            self.measure(out);
        }
        Ok(())
    }
}
