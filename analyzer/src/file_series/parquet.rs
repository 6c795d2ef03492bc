//! Two columns of a Parquet file as numbers over time. Rows are counted from 1 in messages.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use soakbox_cli::{Failure, Result, plain_io_error};

use super::{Columns, MAGIC, Points, in_range};
use crate::changes::{NumberSeries, seconds};
use crate::recording::{BoundedFile, UNDECODABLE, caught, not_parquet};

const SECONDS_PER_DAY: f64 = 86_400.0;

/// Reads the columns: numbers, and times that are timestamps, dates, numbers of seconds, or texts
/// as in a CSV file.
///
/// # Errors
/// Where the file or a column is not there, cannot be read, or has values of another type.
pub fn series(path: &Path, columns: &Columns) -> Result<NumberSeries> {
    let failed = |reason: String| Failure::path(path, reason);
    let unreadable = |error: io::Error| failed(plain_io_error(&error));
    let kind = std::fs::metadata(path).map_err(unreadable)?;
    if kind.is_dir() {
        return Err(failed("is a directory".to_owned()).hint("a recording needs no --parquet"));
    }
    if kind.file_type().is_fifo() {
        let reason = "is a pipe, and a Parquet file is read from its end".to_owned();
        return Err(failed(reason).hint("write it into a file first"));
    }
    if kind.is_file() && kind.len() == 0 {
        return Err(failed("is empty".to_owned()));
    }
    let mut begin = Vec::new();
    let first = File::open(path).map_err(unreadable)?;
    let read = first.take(MAGIC.len() as u64).read_to_end(&mut begin);
    read.map_err(unreadable)?;
    if begin != MAGIC {
        return Err(failed("is no Parquet file".to_owned()).hint("--csv FILE reads CSV"));
    }
    let file = BoundedFile::open(path).map_err(unreadable)?;
    let contradictory = || failed(format!("corrupt Parquet file ({UNDECODABLE})"));
    let builder = caught(|| ParquetRecordBatchReaderBuilder::try_new(file));
    let builder = builder.ok_or_else(contradictory)?;
    let builder = builder.map_err(|error| failed(not_parquet(&error)))?;
    let fields = builder.schema().fields();
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let (value, time) = columns.places(&names, failed)?;
    if !plain(fields[value].data_type()).is_numeric() {
        let kind = kind_of(fields[value].data_type());
        let reason = format!("the column {} has {kind} and no numbers", columns.value);
        return Err(failed(reason));
    }
    if let Some(time) = time.filter(|time| !is_time(fields[*time].data_type())) {
        let kind = kind_of(fields[time].data_type());
        let reason = format!("the column {} has {kind} and no times", names[time]);
        return Err(failed(reason)
            .hint("times are timestamps, dates, numbers of seconds, or texts in RFC 3339"));
    }
    let roots: Vec<usize> = [Some(value), time].into_iter().flatten().collect();
    if let Some(method) = unknown_compression(builder.metadata(), &roots) {
        return Err(failed(format!(
            "is compressed with {method}, which this version does not read"
        ))
        .hint("write it with zstd, snappy, lz4 or without compression"));
    }
    // Both columns may be the same one.
    let place = |root: usize| usize::from(roots.iter().any(|other| *other < root));
    let (value, time) = (place(value), time.map(place));
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
    let reader = caught(|| builder.with_projection(mask).build());
    let reader = reader.ok_or_else(contradictory)?;
    let mut reader = reader.map_err(|error| failed(not_parquet(&error)))?;
    let mut points = Points::default();
    while let Some(batch) = caught(|| reader.next()).ok_or_else(contradictory)? {
        let batch = batch.map_err(|error| failed(format!("corrupt Parquet file ({error})")))?;
        points.add_rows(&batch, value, time, failed)?;
    }
    points.series(columns, failed)
}

impl Points {
    /// Adds the rows of a batch, of its columns at these places.
    fn add_rows(
        &mut self,
        batch: &RecordBatch,
        value: usize,
        time: Option<usize>,
        failed: impl Fn(String) -> Failure,
    ) -> Result<()> {
        let before = self.values.len();
        let of_row = |row: usize| {
            let failed = &failed;
            move |reason: String| failed(format!("row {}: {reason}", before + row + 1))
        };
        let broken = |error: arrow::error::ArrowError| failed(error.to_string());
        let numbers = cast(batch.column(value), &DataType::Float64).map_err(broken)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        for row in 0..numbers.len() {
            let number = match numbers.is_null(row) || numbers.value(row).is_nan() {
                true => f64::NAN,
                false => {
                    let number = numbers.value(row);
                    in_range(number, &number.to_string()).map_err(of_row(row))?
                }
            };
            self.add_value(number);
        }
        let Some(time) = time.map(|place| batch.column(place)) else {
            return Ok(());
        };
        let options = FormatOptions::default();
        let time = cast(time, plain(time.data_type())).map_err(broken)?;
        let texts = ArrayFormatter::try_new(time.as_ref(), &options).map_err(broken)?;
        let times = times(&time).map_err(broken)?;
        for (row, at) in times.into_iter().enumerate() {
            if time.is_null(row) {
                return Err(of_row(row)("has no time".to_owned()));
            }
            let text = texts.value(row).try_to_string();
            let text = text.map_err(|_| of_row(row)("its time is in no calendar".to_owned()))?;
            let at = at.ok_or_else(|| of_row(row)(format!("{text:?} is no time")))?;
            self.add_time(at, text, of_row(row))?;
        }
        Ok(())
    }
}

/// Seconds since 1970, or in the file's own count; `None` for what is missing or no time.
fn times(column: &ArrayRef) -> std::result::Result<Vec<Option<f64>>, arrow::error::ArrowError> {
    let per_second = match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>().iter();
            return Ok(texts.map(|text| seconds(text?.trim())).collect());
        }
        DataType::Date32 => 1.0 / SECONDS_PER_DAY,
        DataType::Timestamp(TimeUnit::Second, _) => 1.0,
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => 1e3,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1e6,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1e9,
        _ => {
            let numbers = cast(column, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>().iter();
            return Ok(numbers.map(|at| at.filter(|at| at.is_finite())).collect());
        }
    };
    let whole = match column.data_type() {
        DataType::Date32 => cast(&cast(column, &DataType::Int32)?, &DataType::Int64)?,
        _ => cast(column, &DataType::Int64)?,
    };
    let whole = whole.as_primitive::<Int64Type>().iter();
    Ok(whole.map(|at| Some(at? as f64 / per_second)).collect())
}

/// The type of the values: one type for all texts, and none of dictionaries.
fn plain(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::LargeUtf8 | DataType::Utf8View => &DataType::Utf8,
        other => other,
    }
}

fn is_time(data_type: &DataType) -> bool {
    use DataType::{Date32, Date64, Timestamp, Utf8};
    let data_type = plain(data_type);
    data_type.is_numeric() || matches!(data_type, Date32 | Date64 | Timestamp(..) | Utf8)
}

/// The values of a type in words.
fn kind_of(data_type: &DataType) -> &'static str {
    match plain(data_type) {
        DataType::Utf8 => "texts",
        DataType::Boolean => "true and false",
        DataType::Binary | DataType::FixedSizeBinary(_) => "bytes",
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => "dates",
        DataType::Time32(_) | DataType::Time64(_) => "times of day",
        DataType::List(_) | DataType::Map(..) => "lists",
        DataType::Struct(_) => "columns of its own",
        _ => "other values",
    }
}

/// A method of compression in the columns that this version cannot undo.
fn unknown_compression(metadata: &ParquetMetaData, roots: &[usize]) -> Option<String> {
    let schema = metadata.file_metadata().schema_descr();
    let groups = metadata.row_groups().iter();
    let mut chunks = groups.flat_map(|group| {
        let chunks = group.columns().iter().enumerate();
        chunks.filter(|(leaf, _)| roots.contains(&schema.get_column_root_idx(*leaf)))
    });
    chunks.find_map(|(_, chunk)| match chunk.compression() {
        Compression::UNCOMPRESSED
        | Compression::SNAPPY
        | Compression::LZ4
        | Compression::LZ4_RAW
        | Compression::ZSTD(_) => None,
        Compression::GZIP(_) => Some("gzip".to_owned()),
        Compression::BROTLI(_) => Some("brotli".to_owned()),
        other => Some(other.to_string().to_lowercase()),
    })
}
