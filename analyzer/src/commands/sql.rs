//! `sql`: the rows of a query, printed as they arrive.

use std::io::{BufWriter, Write};

use soakbox_cli::{Result, answer};

use super::warn;
use crate::cli::RowFormat;
use crate::figures::Reading;
use crate::output::{CsvRows, JsonRows, RowEncoder, TextRows};

pub(crate) fn run(reading: &Reading, query: &str, format: RowFormat) -> Result<()> {
    let query = reading.session.prepare(query)?;
    warn(&reading.warnings);
    let mut rows: Box<dyn RowEncoder> = match format {
        RowFormat::Table => Box::new(TextRows::new(query.is_explanation())),
        RowFormat::Json => Box::new(JsonRows::new()),
        RowFormat::Csv => Box::new(CsvRows::new()),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut text = Vec::new();
    let mut print = |text: &mut Vec<u8>| {
        out.write_all(text)
            .map_err(|error| answer::unwritable(&error))?;
        text.clear();
        Ok(())
    };
    query.run(|batch| {
        rows.encode(batch, &mut text)?;
        print(&mut text)
    })?;
    rows.finish(&mut text)?;
    print(&mut text)?;
    out.flush().map_err(|error| answer::unwritable(&error))
}
