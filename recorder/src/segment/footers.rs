//! Reading what a sealed segment's footer says of it. Never reads rows.

use std::fs::File;
use std::path::Path;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use soakbox_schemas::recording::{JournalName, footer};

use super::identity::Metadata;

/// The footer of a segment.
#[derive(Clone, Debug)]
pub(crate) struct Footer(ParquetMetaData);

impl Footer {
    /// Of the file at `path`; `None` where it is not whole.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).ok()?;
        Some(Self(metadata))
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let pairs = self.0.file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// The metadata that it shares with the recorder's other files.
    pub(crate) fn identity(&self) -> Metadata {
        const OF_ONE_FILE: [&str; 5] = [
            footer::FIRST_AT_NS,
            footer::LAST_AT_NS,
            footer::ROWS,
            footer::SORTED,
            footer::DAMAGED_BYTES,
        ];
        let pairs = self.0.file_metadata().key_value_metadata();
        let shared = pairs
            .into_iter()
            .flatten()
            .filter(|pair| !OF_ONE_FILE.contains(&pair.key.as_str()))
            .filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)))
            .collect();
        Metadata::of_schema(&shared)
    }

    /// Whether it is the segment of the journal `name`.
    pub(crate) fn belongs_to(&self, name: &JournalName) -> bool {
        self.get(footer::RECORDER_UUID) == Some(name.uuid.as_str())
            && self.get(footer::TABLE) == Some(name.table.name())
            && self.get(footer::SEQUENCE) == Some(name.sequence.to_string().as_str())
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> u64 {
        self.0.file_metadata().num_rows().cast_unsigned()
    }
}

/// Whether the file at `path` is the whole segment of the journal `name`, with `rows` rows.
pub(crate) fn is_segment_of(path: &Path, name: &JournalName, rows: u64) -> bool {
    Footer::read(path).is_some_and(|footer| footer.belongs_to(name) && footer.rows() == rows)
}
