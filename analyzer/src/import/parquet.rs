//! A Parquet file with named columns, one operation per row. A row's values become cells as those of a
//! CSV file, so that both have the same rules. Rows are counted from 1 in messages.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Fields, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use soakbox_cli::plain_io_error;

use super::columns::{Columns, FinishPlace, OperationPlace, known};
use super::mapping::{Finish, Mapping, Operation, TimeForm, Unit};
use super::refusal::Refusal;
use super::rows::{Row, Rows};
use super::source::Source;
use crate::recording::{BoundedFile, UNDECODABLE, caught, not_parquet};

/// The first bytes of a Parquet file.
const MAGIC: &[u8] = b"PAR1";
/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1 << 12;

/// The rows of a Parquet file.
pub(super) struct ParquetRows {
    reader: ParquetRecordBatchReader,
    /// The columns of the rows that are decoded, as texts; a missing value is empty.
    cells: Vec<StringArray>,
    /// The place of the next row in them.
    next: usize,
    /// Number of rows before them.
    before: u64,
    rows: Rows,
}

impl ParquetRows {
    /// Of the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, or a column is not there or has values of another type.
    pub(super) fn open(path: &Path, mapping: &Mapping) -> Result<Self, Refusal> {
        let file = checked(path)?;
        let builder = caught(|| ParquetRecordBatchReaderBuilder::try_new(file));
        let builder = builder.ok_or_else(contradictory)?;
        let builder = builder.map_err(|error| Refusal::from(not_parquet(&error)))?;
        let fields = builder.schema().fields().clone();
        let (roots, columns) = columns(&fields, mapping)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let builder = builder.with_batch_size(BATCH_ROWS).with_projection(mask);
        let reader = caught(|| builder.build()).ok_or_else(contradictory)?;
        Ok(Self {
            reader: reader.map_err(|error| Refusal::from(not_parquet(&error)))?,
            cells: Vec::new(),
            next: 0,
            before: 0,
            rows: Rows::new(columns),
        })
    }

    /// Decodes more rows; `false` at the end of the file.
    fn fill(&mut self) -> Result<bool, Refusal> {
        self.before += self.decoded() as u64;
        self.next = 0;
        let Some(batch) = caught(|| self.reader.next()).ok_or_else(contradictory)? else {
            self.cells.clear();
            return Ok(false);
        };
        let broken = |error: arrow::error::ArrowError| {
            let reason = error.to_string().escape_debug().to_string();
            Refusal::from(format!("corrupt Parquet file ({reason})"))
        };
        let batch: RecordBatch = batch.map_err(broken)?;
        let cells = batch.columns().iter().map(texts);
        self.cells = cells.collect::<Result<_, _>>().map_err(broken)?;
        Ok(true)
    }

    /// Number of rows that are decoded.
    fn decoded(&self) -> usize {
        self.cells.first().map_or(0, |cells| cells.len())
    }
}

impl Source for ParquetRows {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        while self.next == self.decoded() {
            if !self.fill()? {
                return Ok(None);
            }
        }
        let (at, number) = (self.next, self.before + self.next as u64 + 1);
        self.next += 1;
        let cells = &self.cells;
        let cell = |place: usize| match cells[place].is_valid(at) {
            true => cells[place].value(at).as_bytes(),
            false => b"",
        };
        let row = self.rows.row(cell).map(Some);
        row.map_err(|refusal| refusal.at(|reason| format!("row {number}: {reason}")))
    }

    fn names(&self) -> &[String] {
        self.rows.names()
    }

    fn without_rows(&self) -> Refusal {
        "has no rows".into()
    }
}

fn contradictory() -> Refusal {
    format!("corrupt Parquet file ({UNDECODABLE})").into()
}

/// The file, if it is one whose end can be read first.
fn checked(path: &Path) -> Result<BoundedFile, Refusal> {
    let unreadable = |error: io::Error| Refusal::from(plain_io_error(&error));
    let kind = std::fs::metadata(path).map_err(unreadable)?;
    if kind.is_dir() {
        return Err("is a directory".into());
    }
    if kind.file_type().is_fifo() {
        let refusal = Refusal::from("is a pipe, and a Parquet file is read from its end");
        return Err(refusal.hint("write it into a file first"));
    }
    let mut begin = Vec::new();
    let first = File::open(path).map_err(unreadable)?;
    let read = first.take(MAGIC.len() as u64).read_to_end(&mut begin);
    read.map_err(unreadable)?;
    if begin != MAGIC {
        return Err(Refusal::from("is no Parquet file").hint("import csv reads CSV"));
    }
    BoundedFile::open(path).map_err(unreadable)
}

/// The columns of the file that are read, and the place of each among them.
fn columns(fields: &Fields, mapping: &Mapping) -> Result<(Vec<usize>, Columns), Refusal> {
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let root = |name: &str| {
        let mut places = (0..names.len()).filter(|place| names[*place] == name);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(Refusal::from(format!("has the column {name} twice"))),
            // The names are the hint, which is fixed elsewhere.
            (None, _) => Err(format!("has no column {name}: {}", known(&names)).into()),
        }
    };
    let kind = |place: usize| fields[place].data_type();
    let duration = root(&mapping.duration.name)?;
    if let DataType::Duration(unit) = kind(duration)
        && unit_of(unit) != mapping.duration.unit
    {
        let name = &mapping.duration.name;
        let reason = format!("the column {name} has durations of another unit ({unit:?})");
        return Err(Refusal::from(reason).hint("name its own unit: COLUMN:ns, us, ms or s"));
    }
    let finish = match &mapping.finish {
        Finish::Every(_) => None,
        Finish::Column(column) => {
            let place = root(&column.name)?;
            Some((place, time_form(kind(place), column.form, &column.name)?))
        }
    };
    let operation = match &mapping.operation {
        Operation::Column(name) => Some(root(name)?),
        Operation::Name(_) => None,
    };
    let optional = |name: &Option<String>| name.as_deref().map(root).transpose();
    let (success, memory) = (optional(&mapping.success)?, optional(&mapping.memory)?);
    let bytes = optional(&mapping.bytes)?;
    let all = [
        Some(duration),
        finish.map(|(place, _)| place),
        operation,
        success,
        memory,
        bytes,
    ];
    let mut roots: Vec<usize> = all.into_iter().flatten().collect();
    roots.sort_unstable();
    roots.dedup();
    for root in &roots {
        if kind(*root).is_nested() {
            let reason = format!(
                "the column {} has lists or columns of its own",
                names[*root]
            );
            return Err(reason.into());
        }
    }
    let place = |root: usize| roots.partition_point(|other| *other < root);
    let columns = Columns {
        count: roots.len(),
        duration: (place(duration), mapping.duration.unit),
        finish: match (&mapping.finish, finish) {
            (_, Some((root, form))) => FinishPlace::Column(place(root), form),
            (Finish::Every(step), None) => FinishPlace::Every(*step),
            (Finish::Column(_), None) => return Err("has no times".into()),
        },
        operation: match (&mapping.operation, operation) {
            (Operation::Name(name), _) => OperationPlace::Name(name.clone()),
            (Operation::Column(_), Some(root)) => OperationPlace::Column(place(root)),
            (Operation::Column(_), None) => return Err("has no operations".into()),
        },
        success: success.map(place),
        memory: memory.map(place),
        bytes: bytes.map(place),
    };
    Ok((roots, columns))
}

/// The form of the times as `texts` gives them.
fn time_form(kind: &DataType, form: TimeForm, name: &str) -> Result<TimeForm, Refusal> {
    match (kind, form) {
        (DataType::Timestamp(..), TimeForm::Rfc3339) => Ok(TimeForm::Since1970(Unit::Nanoseconds)),
        (DataType::Timestamp(..), TimeForm::Since1970(_)) => {
            let refusal = Refusal::from(format!("the column {name} has times and no numbers"));
            Err(refusal.hint("--finished-at COLUMN:rfc3339"))
        }
        _ => Ok(form),
    }
}

/// A column as texts: times as nanoseconds since 1970, durations as numbers of their unit.
fn texts(column: &ArrayRef) -> Result<StringArray, arrow::error::ArrowError> {
    let numbers = match column.data_type() {
        DataType::Timestamp(..) => {
            let times = cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
            cast(&times, &DataType::Int64)?
        }
        DataType::Duration(_) => cast(column, &DataType::Int64)?,
        _ => column.clone(),
    };
    Ok(cast(&numbers, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn unit_of(unit: &TimeUnit) -> Unit {
    match unit {
        TimeUnit::Second => Unit::Seconds,
        TimeUnit::Millisecond => Unit::Milliseconds,
        TimeUnit::Microsecond => Unit::Microseconds,
        TimeUnit::Nanosecond => Unit::Nanoseconds,
    }
}
