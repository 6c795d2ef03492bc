//! Reading the footers of sealed segments. Never reads rows.

use std::fs::File;
use std::path::Path;

use arrow::datatypes::Schema;
use parquet::file::metadata::ParquetMetaDataReader;
use soakbox_schemas::recording::{Footer, FooterError, JournalName};

/// The footer of the segment at `path`; `None` where it is not a complete Soakbox segment.
pub(crate) fn read(path: &Path) -> Option<Footer> {
    let file = File::open(path).ok()?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).ok()?;
    let pairs = metadata.file_metadata().key_value_metadata();
    let pairs = pairs.into_iter().flatten();
    Footer::from_pairs(pairs.filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?))))
        .ok()
}

/// The metadata of a journal's frame, from the schema of its batch.
pub(crate) fn of_frame(schema: &Schema) -> Result<Footer, FooterError> {
    let pairs = schema.metadata().iter();
    Footer::from_pairs(pairs.map(|(key, value)| (key.as_str(), value.as_str())))
}

/// Whether the file at `path` is the complete segment of the journal `name`, with `rows` rows.
pub(crate) fn is_segment_of(path: &Path, name: &JournalName, rows: u64) -> bool {
    read(path).is_some_and(|footer| {
        footer.name == *name && footer.extent.is_some_and(|extent| extent.rows == rows)
    })
}
