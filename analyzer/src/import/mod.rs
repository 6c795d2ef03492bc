//! Measurements of other programs as a recording of the ordinary layout, so that every command works
//! on them: `records` splits the file, `rows` gives each record its meaning, `segments` writes. The
//! file is read once, in bounded memory, and the recording appears when it is complete.

mod columns;
mod decimal;
mod mapping;
mod records;
mod rows;
mod segments;
mod staging;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use soakbox_cli::{Failure, Result, plain_io_error};
use soakbox_schemas::recording::Provenance;
use soakbox_schemas::recording::footer::IMPORT;

pub use mapping::{DurationColumn, Finish, Mapping, Operation, Step, TimeColumn, TimeForm, Unit};

use columns::Columns;
use records::Records;
use rows::Rows;
use segments::{INTERVAL_NS, SegmentWriter};
use staging::Staging;

use crate::units::plural;

/// The path that stands for stdin.
const STDIN: &str = "-";

/// What was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Number of rows.
    pub rows: u64,
    /// Number of operations.
    pub operations: u64,
}

/// Makes the recording `output` of the CSV file `file`; `-` is stdin. The file may be a pipe.
///
/// # Errors
/// Where the file, a column or a cell cannot be read, or the recording cannot be written. No
/// recording is left then.
pub fn csv(file: &Path, output: &Path, mapping: &Mapping) -> Result<Imported> {
    let failed = |reason: String| match file.as_os_str() == STDIN {
        true => Failure::new("stdin", reason),
        false => Failure::path(file, reason),
    };
    let about = format!("import csv {}", file.to_string_lossy());
    if file.as_os_str() == STDIN {
        return import(io::stdin().lock(), output, mapping, about, failed);
    }
    let input = File::open(file).map_err(|error| failed(plain_io_error(&error)))?;
    import(input, output, mapping, about, failed)
}

fn import(
    input: impl Read,
    output: &Path,
    mapping: &Mapping,
    about: String,
    failed: impl Fn(String) -> Failure,
) -> Result<Imported> {
    let mut records = Records::new(input);
    let columns = Columns::find(&mut records, mapping, &failed)?;
    let cells = columns.count;
    let mut rows = Rows::new(columns);
    let mut segments = SegmentWriter::new(Staging::create(output)?, provenance(mapping))?;
    let mut is_empty = true;
    while records.advance().map_err(&failed)? {
        let found = records.count();
        if found != cells {
            let cell = plural(found as u64, "cell");
            let reason = format!("has {found} {cell}, and the first row has {cells}");
            return Err(failed(records.at_line(&reason)));
        }
        let row = rows.row(|place| records.cell(place)).map_err(|refusal| {
            let failure = failed(records.at_line(&refusal.reason));
            match refusal.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })?;
        segments.push(row, rows.names())?;
        is_empty = false;
    }
    if is_empty {
        return Err(failed(
            "has no row below the names of its columns".to_owned(),
        ));
    }
    let begin_ns = matches!(mapping.finish, Finish::Every(_)).then_some(0);
    let operations = rows.names().len() as u64;
    let rows = segments.finish(rows.names(), begin_ns, about)?;
    Ok(Imported { rows, operations })
}

fn provenance(mapping: &Mapping) -> Provenance {
    Provenance {
        recorder_version: env!("CARGO_PKG_VERSION").to_owned(),
        interval_ns: INTERVAL_NS.unsigned_abs(),
        source: Some(IMPORT.to_owned()),
        memory_method: mapping.memory.is_some().then(|| IMPORT.to_owned()),
        ..Provenance::default()
    }
}
