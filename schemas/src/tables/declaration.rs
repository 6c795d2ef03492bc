//! The declaration of a table: its columns with their meaning, unit, source and kind. Schemas, the
//! metadata of fields and `docs/columns.md` follow from it. These are plain values, which `table!`
//! makes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::Table;

/// Key of a field's metadata: the Parquet field id.
pub const FIELD_ID_KEY: &str = "PARQUET:field_id";
/// Key of a field's metadata: the meaning of a value.
pub const DESCRIPTION_KEY: &str = "description";
/// Key of a field's metadata: the unit of a value; absent where it has none.
pub const UNIT_KEY: &str = "unit";
/// Key of a field's metadata: where a value comes from.
pub const SOURCE_KEY: &str = "source";

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, with the unit last.
    pub name: &'static str,
    /// The meaning of a value, with its line breaks as declared.
    pub meaning: &'static str,
    /// The unit of a value; empty where it has none.
    pub unit: &'static str,
    /// Where a value comes from.
    pub source: &'static str,
    /// For a column that nothing writes yet: the value that every row has.
    pub reserved: Option<&'static str>,
    /// The version of the table that added it, from 1: files of earlier ones do not have it.
    pub since: u32,
    /// Its kind: time, number, boolean, word or text.
    pub kind: &'static str,
    /// Whether a value can be missing.
    pub nullable: bool,
    /// Its Arrow type.
    pub data_type: fn() -> DataType,
}

impl Column {
    /// The meaning of a value, in one line.
    pub fn description(&self) -> String {
        let mut text = one_line(self.meaning);
        if let Some(value) = self.reserved {
            text.push_str(" Reserved: ");
            text.push_str(value);
            text.push_str(" in this version.");
        }
        text
    }
}

/// A table with its columns.
#[derive(Debug)]
pub struct Declaration {
    /// The table.
    pub table: Table,
    /// The meaning of a row, with its line breaks as declared.
    pub about: &'static str,
    /// The columns in order: the first is the time that rows are ordered by. The field id of a
    /// column is its position, from 1.
    pub columns: &'static [Column],
}

impl Declaration {
    /// The columns that a file lacks although those of its version have them. Its version is that of its
    /// newest column. Columns that are newer than the file are not among them.
    pub fn lacking(&self, has: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let columns = || self.columns.iter();
        let present = columns().filter(|column| has(column.name));
        let version = present.map(|column| column.since).max().unwrap_or(0);
        let lacking = columns().filter(|column| column.since <= version && !has(column.name));
        lacking.map(|column| column.name).collect()
    }

    /// The meaning of a row, in one line.
    pub fn description(&self) -> String {
        one_line(self.about)
    }

    /// Column order, types, nullability and Parquet field ids: the schema of files.
    pub fn schema(&self) -> SchemaRef {
        self.schema_with(|_| Vec::new())
    }

    /// The schema for readers: the meaning, unit and source of each column are in the metadata of
    /// its field.
    pub fn documented_schema(&self) -> SchemaRef {
        self.schema_with(|column| {
            let mut pairs = vec![
                (DESCRIPTION_KEY, column.description()),
                (SOURCE_KEY, column.source.to_owned()),
            ];
            if !column.unit.is_empty() {
                pairs.push((UNIT_KEY, column.unit.to_owned()));
            }
            pairs
        })
    }

    fn schema_with(&self, more: impl Fn(&Column) -> Vec<(&'static str, String)>) -> SchemaRef {
        let fields = self.columns.iter().zip(1..).map(|(column, id)| {
            let mut metadata = HashMap::from([(FIELD_ID_KEY.to_owned(), i32::to_string(&id))]);
            let more = more(column).into_iter();
            metadata.extend(more.map(|(key, value)| (key.to_owned(), value)));
            let data_type = (column.data_type)();
            Field::new(column.name, data_type, column.nullable).with_metadata(metadata)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::DECLARATIONS;

    /// The columns that came after this version of their table.
    fn newer(declaration: &Declaration, version: u32) -> Vec<&'static str> {
        let columns = declaration.columns.iter();
        let newer = columns.filter(|column| column.since > version);
        newer.map(|column| column.name).collect()
    }

    #[test]
    fn a_file_lacks_no_column_that_came_after_it() {
        for declaration in DECLARATIONS {
            let versions = declaration.columns.iter().map(|column| column.since);
            for version in 1..=versions.max().unwrap() {
                let newer = newer(declaration, version);
                assert_eq!(declaration.lacking(|name| !newer.contains(&name)), [""; 0]);
                // Of its own columns it lacks each that is not there.
                for column in declaration.columns.iter().filter(|one| one.since < version) {
                    let has = |name: &str| name != column.name && !newer.contains(&name);
                    assert_eq!(declaration.lacking(has), [column.name]);
                }
            }
            assert_eq!(declaration.lacking(|_| false), [""; 0]);
        }
    }

    #[test]
    fn versions_of_a_table_have_no_gap() {
        for declaration in DECLARATIONS {
            let mut versions: Vec<u32> = declaration.columns.iter().map(|one| one.since).collect();
            versions.sort_unstable();
            versions.dedup();
            let expected: Vec<u32> = (1..=versions.len() as u32).collect();
            assert_eq!(versions, expected, "{}", declaration.table.name());
        }
    }
}
