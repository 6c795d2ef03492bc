//! A CSV file with named columns, one operation per row.

use std::io::Read;

use super::columns::Columns;
use super::records::Records;
use super::refusal::Refusal;
use super::rows::{Row, Rows};
use super::source::Source;
use crate::units::plural;

/// The rows of a CSV file.
pub(super) struct CsvRows<R> {
    records: Records<R>,
    cells: usize,
    rows: Rows,
}

impl<R: Read> CsvRows<R> {
    /// Of records whose first one was read and gave `columns`.
    pub(super) fn new(records: Records<R>, columns: Columns) -> Self {
        Self {
            records,
            cells: columns.count,
            rows: Rows::new(columns),
        }
    }
}

impl<R: Read> Source for CsvRows<R> {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        if !self.records.advance()? {
            return Ok(None);
        }
        same_cells(&self.records, self.cells)?;
        let records = &self.records;
        let row = self.rows.row(|place| records.cell(place));
        row.map(Some)
            .map_err(|refusal| refusal.at(|reason| records.at_line(reason)))
    }

    fn names(&self) -> &[String] {
        self.rows.names()
    }

    fn without_rows(&self) -> Refusal {
        "has no row below the names of its columns".into()
    }
}

/// Refuses a record with another number of cells than the first one.
pub(super) fn same_cells<R: Read>(records: &Records<R>, cells: usize) -> Result<(), Refusal> {
    let found = records.count();
    if found == cells {
        return Ok(());
    }
    let cell = plural(found as u64, "cell");
    let reason = format!("has {found} {cell}, and the first row has {cells}");
    Err(records.at_line(&reason).into())
}
