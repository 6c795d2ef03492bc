//! What the files of a run have in common: who recorded them, notes on their columns, the columns
//! themselves. It is most of a footer, and parsed once for neighbouring files.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::FileMetaData;
use parquet::schema::types::SchemaDescPtr;
use soakbox_schemas::recording::footer::{self, ColumnNote};
use soakbox_schemas::recording::{Footer, FooterError, Provenance};
use soakbox_schemas::tables::Table;

use super::segment::{Unreadable, missing_columns, not_parquet};

/// The keys that every file has a value of its own for.
const OWN: [&str; 7] = [
    footer::SEQUENCE,
    footer::ROWS,
    footer::FIRST_AT_NS,
    footer::LAST_AT_NS,
    footer::SORTED,
    footer::DAMAGED_BYTES,
    footer::ROLL_UP,
];
/// The others without which no file is read.
const NEEDED: [&str; 3] = [footer::FORMAT, footer::TABLE, footer::RECORDER_UUID];

/// What several files have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) provenance: Provenance,
    pub(super) notes: Vec<ColumnNote>,
}

/// Keys of a footer with their values.
type Texts = Vec<(String, String)>;

/// The last file of each table, for the next ones.
#[derive(Default)]
pub(super) struct Neighbours {
    footers: HashMap<Table, (Texts, Arc<Common>)>,
    columns: HashMap<Table, Columns>,
}

struct Columns {
    descriptor: SchemaDescPtr,
    columns: SchemaRef,
    missing: Arc<[String]>,
}

impl Neighbours {
    /// The footer of a file: what is its own, and what it has in common with others.
    pub(super) fn footer(
        &mut self,
        table: Table,
        information: &FileMetaData,
    ) -> Result<(Footer, Arc<Common>), FooterError> {
        let pairs = information.key_value_metadata().into_iter().flatten();
        let pairs = pairs.filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)));
        let is_own = |key: &str| OWN.contains(&key);
        let shared = || pairs.clone().filter(|(key, _)| !is_own(key));
        if let Some((known, common)) = self.footers.get(&table)
            && shared().eq(known.iter().map(|(key, value)| (&**key, &**value)))
        {
            let own = pairs
                .clone()
                .filter(|(key, _)| is_own(key) || NEEDED.contains(key));
            return Ok((Footer::from_pairs(own)?, common.clone()));
        }
        let mut footer = Footer::from_pairs(pairs.clone())?;
        let common = Arc::new(Common {
            provenance: std::mem::take(&mut footer.provenance),
            notes: std::mem::take(&mut footer.columns),
        });
        let texts = shared().map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.footers
            .insert(table, (texts.collect(), common.clone()));
        Ok((footer, common))
    }

    /// The columns of a file, and those that it lacks.
    pub(super) fn columns(
        &mut self,
        table: Table,
        information: &FileMetaData,
    ) -> Result<(SchemaRef, Arc<[String]>), Unreadable> {
        let descriptor = information.schema_descr_ptr();
        if let Some(known) = self.columns.get(&table)
            && known.descriptor.root_schema() == descriptor.root_schema()
        {
            return Ok((known.columns.clone(), known.missing.clone()));
        }
        // Without key-value metadata: an Arrow schema that another program embedded does not count.
        let columns = parquet_to_arrow_schema(&descriptor, None)
            .map_err(|error| Unreadable::Damaged(not_parquet(&error)))?;
        let columns: SchemaRef = columns.into();
        let missing = missing_columns(table, &columns).map_err(Unreadable::Damaged)?;
        let known = Columns {
            descriptor,
            columns: columns.clone(),
            missing: missing.clone(),
        };
        self.columns.insert(table, known);
        Ok((columns, missing))
    }
}
