//! One sealed Parquet file, of which only the footer is read: whether Soakbox wrote it, its table,
//! its number of rows and their time.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use soakbox_cli::plain_io_error;
use soakbox_schemas::recording::{Footer, SegmentFile};
use soakbox_schemas::tables::Table;

use super::{Origin, TimeRange};

/// A sealed segment whose footer was read and found to be of this format.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The table that its rows belong to.
    pub table: Table,
    /// The file's path.
    pub path: PathBuf,
    /// The file's size.
    pub bytes: u64,
    /// Number of rows.
    pub rows: u64,
    /// From the first to the last row; `None` without rows, or where the footer lacks it.
    pub range: Option<TimeRange>,
    /// The run that wrote it.
    pub origin: Origin,
    /// The footer.
    pub footer: Footer,
    /// The columns that the file has.
    pub columns: SchemaRef,
    /// Columns of the declared table that it lacks: an older version wrote it.
    pub missing_columns: Vec<String>,
}

/// Why a file is not a readable segment.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// It vanished after it was listed: sealed, or removed by retention.
    Vanished,
    /// It is damaged, or Soakbox did not write it; the reason.
    Damaged(String),
}

impl Segment {
    /// Reads the footer of `file`.
    pub(super) fn read(file: &SegmentFile) -> Result<Self, Unreadable> {
        let opened = File::open(&file.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unreadable::Vanished,
            _ => Unreadable::Damaged(plain_io_error(&error)),
        })?;
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&opened)
            .map_err(|error| Unreadable::Damaged(not_parquet(&error)))?;
        Self::check(file, &metadata).map_err(Unreadable::Damaged)
    }

    fn check(file: &SegmentFile, metadata: &ParquetMetaData) -> Result<Self, String> {
        let information = metadata.file_metadata();
        let pairs = information.key_value_metadata();
        let texts = pairs.into_iter().flatten();
        let texts = texts.filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)));
        let footer = Footer::from_pairs(texts).map_err(|error| error.to_string())?;
        if footer.name.table != file.table {
            return Err(format!(
                "is not of the table {}, in whose directory it is",
                file.table.name()
            ));
        }
        let columns: SchemaRef = parquet_to_arrow_schema(information.schema_descr(), pairs)
            .map_err(|error| not_parquet(&error))?
            .into();
        Ok(Self {
            table: file.table,
            path: file.path.clone(),
            bytes: file.bytes,
            rows: u64::try_from(information.num_rows()).unwrap_or(0),
            range: footer.extent.map(|extent| TimeRange {
                first_ns: extent.first_at_ns,
                last_ns: extent.last_at_ns,
            }),
            origin: Origin {
                recorder: file.name.uuid8.clone(),
                host: match footer.provenance.host.as_str() {
                    "" => file.name.host.clone(),
                    host => host.to_owned(),
                },
            },
            missing_columns: missing_columns(file.table, &columns)?,
            columns,
            footer,
        })
    }
}

/// Columns that the file lacks; an error where one has another type.
fn missing_columns(table: Table, schema: &SchemaRef) -> Result<Vec<String>, String> {
    let mut missing = Vec::new();
    let Some(declared) = table.schema() else {
        return Ok(missing);
    };
    for field in declared.fields() {
        match schema.field_with_name(field.name()) {
            Err(_) => missing.push(field.name().clone()),
            Ok(found) if value_type(found.data_type()) != value_type(field.data_type()) => {
                return Err(format!(
                    "column {} is {} and should be {}",
                    field.name(),
                    found.data_type(),
                    field.data_type()
                ));
            }
            Ok(_) => {}
        }
    }
    Ok(missing)
}

/// The type of the values, dictionary or not.
fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

/// The reason that a file cannot be read as Parquet, in one line.
pub fn not_parquet(error: &ParquetError) -> String {
    match error {
        ParquetError::External(error) => match error.downcast_ref::<io::Error>() {
            Some(error) => plain_io_error(error),
            None => "corrupt Parquet file".to_owned(),
        },
        error => {
            let text = error.to_string();
            let text = text
                .split_once(": ")
                .map_or(text.as_str(), |(_, rest)| rest);
            format!("corrupt Parquet file ({text})")
        }
    }
}
