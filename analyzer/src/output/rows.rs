//! Rows of a query, batch by batch: aligned text, JSON, CSV. Memory does not grow with the number of rows.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::json::writer::{JsonArray, Writer, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::cli::RowFormat;
use crate::failure::{Failure, Result};

/// Rows that the widths of a text table are taken from; later and wider cells stand out.
const MEASURED_ROWS: usize = 1000;
/// Widest column of a text table; longer cells stand out.
const MEASURED_LETTERS: usize = 64;
/// What stands between the columns of a text table.
const BETWEEN: &str = "  ";

/// Prints batches.
pub trait Rows {
    /// Prints one; the first may be empty, for its columns.
    ///
    /// # Errors
    /// Where the output cannot be written.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Prints what is left.
    ///
    /// # Errors
    /// As [`Rows::write`].
    fn finish(self: Box<Self>) -> Result<()>;
}

/// A printer for `format`.
pub fn rows<'a>(format: RowFormat, out: impl Write + 'a) -> Box<dyn Rows + 'a> {
    match format {
        RowFormat::Table => Box::new(TextRows {
            out,
            pending: Vec::new(),
            measured: None,
            right: Vec::new(),
        }),
        RowFormat::Csv => Box::new(CsvRows { out, headed: false }),
        RowFormat::Json => Box::new(JsonRows {
            writer: WriterBuilder::new()
                .with_explicit_nulls(true)
                .build::<_, JsonArray>(out),
        }),
    }
}

/// Cells of a batch as text.
fn cells(batch: &RecordBatch, null: &'static str) -> Result<Vec<Vec<String>>> {
    let options = FormatOptions::new().with_null(null);
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<std::result::Result<_, _>>()?;
    Ok((0..batch.num_rows())
        .map(|row| {
            columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect()
        })
        .collect())
}

fn names(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::output("stdout", error)
}

struct TextRows<W: Write> {
    out: W,
    pending: Vec<Vec<String>>,
    measured: Option<Vec<usize>>,
    right: Vec<bool>,
}

impl<W: Write> TextRows<W> {
    /// Fixes the widths and prints what was held back.
    fn measure(&mut self) -> Result<()> {
        let columns = self.pending.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let lines = self.pending.iter().flat_map(|row| row[column].lines());
            let longest = lines.map(|line| line.chars().count()).max();
            longest.unwrap_or(0).min(MEASURED_LETTERS)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        let mut rows = std::mem::take(&mut self.pending).into_iter();
        if let Some(heading) = rows.next() {
            self.line(&heading, &widths)?;
            self.line(&rule, &widths)?;
        }
        for row in rows {
            self.line(&row, &widths)?;
        }
        self.measured = Some(widths);
        Ok(())
    }

    fn line(&mut self, row: &[String], widths: &[usize]) -> Result<()> {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
            let right = self.right.get(column).copied().unwrap_or(false);
            if column > 0 {
                line.push_str(BETWEEN);
            }
            // A cell of several lines (EXPLAIN) keeps them.
            if right {
                line.push_str(&format!("{cell:>width$}"));
            } else {
                line.push_str(&format!("{cell:<width$}"));
            }
        }
        writeln!(self.out, "{}", line.trim_end()).map_err(|error| failed(&error))
    }
}

impl<W: Write> Rows for TextRows<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.right.is_empty() {
            let schema = batch.schema();
            let fields = schema.fields().iter();
            self.right = fields.map(|field| field.data_type().is_numeric()).collect();
            self.pending.push(names(batch));
        }
        for row in cells(batch, "null")? {
            match self.measured.clone() {
                Some(widths) => self.line(&row, &widths)?,
                None => self.pending.push(row),
            }
            if self.measured.is_none() && self.pending.len() > MEASURED_ROWS {
                self.measure()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.measured.is_none() {
            self.measure()?;
        }
        self.out.flush().map_err(|error| failed(&error))
    }
}

struct CsvRows<W: Write> {
    out: W,
    headed: bool,
}

impl<W: Write> CsvRows<W> {
    fn line(&mut self, row: &[String]) -> Result<()> {
        let quoted: Vec<String> = row.iter().map(|cell| quote(cell)).collect();
        writeln!(self.out, "{}", quoted.join(",")).map_err(|error| failed(&error))
    }
}

fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

impl<W: Write> Rows for CsvRows<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if !self.headed {
            self.headed = true;
            self.line(&names(batch))?;
        }
        for row in cells(batch, "")? {
            self.line(&row)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.flush().map_err(|error| failed(&error))
    }
}

struct JsonRows<W: Write> {
    writer: Writer<W, JsonArray>,
}

impl<W: Write> Rows for JsonRows<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.writer.finish()?;
        let mut out = self.writer.into_inner();
        writeln!(out)
            .and_then(|()| out.flush())
            .map_err(|error| failed(&error))
    }
}
