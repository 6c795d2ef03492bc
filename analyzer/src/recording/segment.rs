//! One sealed Parquet file, of which only the footer is read: whether Soakbox wrote it, its table,
//! its number of rows and their time.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use soakbox_cli::plain_io_error;
use soakbox_schemas::recording::footer::ColumnNote;
use soakbox_schemas::recording::roll_up::Place;
use soakbox_schemas::recording::{Extent, FooterError, Provenance, SegmentFile};
use soakbox_schemas::tables::Table;

use super::decoders::{UNDECODABLE, caught};
use super::losses::may_have_losses;
use super::neighbour::{Common, Neighbours};
use super::{BoundedFile, Origin, TimeRange};

/// A sealed segment whose footer was read and found to be of this format.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The table that its rows belong to.
    pub table: Table,
    /// The file's path.
    pub path: PathBuf,
    /// Its number among the files of its run and table, from 1.
    pub sequence: u64,
    /// The file's size.
    pub bytes: u64,
    /// Number of rows.
    pub rows: u64,
    /// Number, times and order of its rows, from its footer.
    pub extent: Option<Extent>,
    /// From the first to the last row; `None` without rows, or where the footer lacks it.
    pub range: Option<TimeRange>,
    /// The run that wrote it.
    pub origin: Origin,
    /// Bytes of its journal that were damaged and left out.
    pub damaged_bytes: u64,
    /// Where it has what its rows add up to.
    pub(super) roll_up: Option<Place>,
    /// The columns that the file has.
    pub columns: SchemaRef,
    /// Columns of the declared table that it lacks: an older version wrote it.
    pub missing_columns: Arc<[String]>,
    /// Whether a row may count lost operations: where it is false, the statistics of the file show
    /// that none does.
    pub may_have_losses: bool,
    /// What it has in common with other files of its run.
    pub(super) common: Arc<Common>,
    /// The Parquet metadata, so that they are parsed only once; `None` where many files have filled
    /// the memory for them.
    pub(crate) metadata: Option<Arc<ParquetMetaData>>,
}

/// Why a file is not a readable segment.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// It vanished after it was listed: sealed, or removed by retention.
    Vanished,
    /// It is damaged, or Soakbox did not write it; the reason.
    Damaged(String),
    /// Its format is newer than this program; the reason.
    Newer(String),
}

impl From<FooterError> for Unreadable {
    fn from(error: FooterError) -> Self {
        match error.is_newer() {
            true => Self::Newer(error.to_string()),
            false => Self::Damaged(error.to_string()),
        }
    }
}

impl Segment {
    /// Who recorded it, where and how.
    pub fn provenance(&self) -> &Provenance {
        &self.common.provenance
    }

    /// Notes on its columns, in files of versions that write them.
    pub fn notes(&self) -> &[ColumnNote] {
        &self.common.notes
    }

    /// Reads the footer of `file`.
    pub(super) fn read(file: &SegmentFile, known: &mut Neighbours) -> Result<Self, Unreadable> {
        let opened = BoundedFile::open(&file.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unreadable::Vanished,
            _ => Unreadable::Damaged(plain_io_error(&error)),
        })?;
        let metadata = caught(|| ParquetMetaDataReader::new().parse_and_finish(&opened));
        let contradictory = || Unreadable::Damaged(format!("corrupt Parquet file ({UNDECODABLE})"));
        let metadata = metadata.ok_or_else(contradictory)?;
        let metadata = metadata.map_err(|error| Unreadable::Damaged(not_parquet(&error)))?;
        caught(|| Self::check(file, metadata, known)).ok_or_else(contradictory)?
    }

    fn check(
        file: &SegmentFile,
        metadata: ParquetMetaData,
        known: &mut Neighbours,
    ) -> Result<Self, Unreadable> {
        let information = metadata.file_metadata();
        let (footer, common) = known.footer(file.table, information)?;
        if footer.name.table != file.table {
            return Err(Unreadable::Damaged(format!(
                "is not of the table {}, in whose directory it is",
                file.table.name()
            )));
        }
        let (columns, missing_columns) = known.columns(file.table, information)?;
        Ok(Self {
            table: file.table,
            path: file.path.clone(),
            sequence: file.name.sequence,
            bytes: file.bytes,
            rows: u64::try_from(information.num_rows()).unwrap_or(0),
            extent: footer.extent,
            range: footer.extent.map(|extent| TimeRange {
                first_ns: extent.first_at_ns,
                last_ns: extent.last_at_ns,
            }),
            origin: Origin {
                recorder: file.name.uuid8.clone(),
                host: match common.provenance.host.as_str() {
                    "" => file.name.host.clone(),
                    host => host.to_owned(),
                },
            },
            damaged_bytes: footer.damaged_bytes,
            roll_up: footer.roll_up,
            columns,
            missing_columns,
            may_have_losses: may_have_losses(file.table, &metadata),
            common,
            metadata: Some(Arc::new(metadata)),
        })
    }
}

/// Columns that a file lacks; an error where one has another type.
pub(super) fn missing_columns(table: Table, schema: &SchemaRef) -> Result<Arc<[String]>, String> {
    let Some(declared) = table.schema() else {
        return Ok(Arc::default());
    };
    let mut missing = Vec::new();
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
    Ok(missing.into())
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
