//! A table, identified by its name alone. Its columns are those of its declaration, if this version
//! has one, and otherwise those of its files: a reader can list, query and recover tables that a
//! newer recorder added.

use std::fmt;

use arrow::datatypes::SchemaRef;

use super::{
    Annotation, DECLARATIONS, Declaration, OperationMetrics, OperationRow, RecorderHealth,
};

/// Longest name of a table, bytes.
pub const MAX_NAME_BYTES: usize = 48;

/// A name that no table can have: the directory of the journals is next to those of the tables.
const RESERVED_NAME: &[u8] = b"journal";

/// A table of a recording, by its name: a lower-case letter, then lower-case letters, digits and
/// `_`. Tables are ordered by their names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    /// Padded with zeros.
    name: [u8; MAX_NAME_BYTES],
}

impl Table {
    /// `operation_log`.
    pub const OPERATION_LOG: Table = OperationRow::DECLARATION.table;
    /// `operation_metrics`.
    pub const OPERATION_METRICS: Table = OperationMetrics::DECLARATION.table;
    /// `recorder_health`.
    pub const RECORDER_HEALTH: Table = RecorderHealth::DECLARATION.table;
    /// `annotations`.
    pub const ANNOTATIONS: Table = Annotation::DECLARATION.table;

    /// Every table that this version declares, in the order of the documentation.
    pub const ALL: [Table; DECLARATIONS.len()] = {
        let mut tables = [Table::OPERATION_LOG; DECLARATIONS.len()];
        let mut index = 0;
        while index < tables.len() {
            tables[index] = DECLARATIONS[index].table;
            index += 1;
        }
        tables
    };

    /// The table of that name, declared or not; `None` where no table can have that name.
    pub const fn from_name(text: &str) -> Option<Table> {
        let text = text.as_bytes();
        if text.is_empty() || text.len() > MAX_NAME_BYTES || !text[0].is_ascii_lowercase() {
            return None;
        }
        let mut name = [0; MAX_NAME_BYTES];
        let mut is_reserved = text.len() == RESERVED_NAME.len();
        let mut index = 0;
        while index < text.len() {
            let letter = text[index];
            if !(letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_') {
                return None;
            }
            is_reserved = is_reserved && letter == RESERVED_NAME[index];
            name[index] = letter;
            index += 1;
        }
        if is_reserved {
            return None;
        }
        Some(Table { name })
    }

    /// The table of that name, for declarations: a name that no table can have does not compile in
    /// a constant.
    ///
    /// # Panics
    /// Where no table can have that name.
    pub const fn declared(name: &str) -> Table {
        match Table::from_name(name) {
            Some(table) => table,
            None => panic!("a table cannot have this name"),
        }
    }

    /// Its name: in SQL, in file names, as a directory of the recording.
    pub fn name(&self) -> &str {
        let end = self.name.iter().position(|&letter| letter == 0);
        let name = &self.name[..end.unwrap_or(MAX_NAME_BYTES)];
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// Its declaration; `None` where this version has none.
    pub fn declaration(&self) -> Option<&'static Declaration> {
        DECLARATIONS
            .into_iter()
            .find(|declaration| declaration.table == *self)
    }

    /// Whether this version declares it.
    pub fn is_declared(&self) -> bool {
        self.declaration().is_some()
    }

    /// Its Arrow schema as declared; see [`Declaration::schema`].
    pub fn schema(&self) -> Option<SchemaRef> {
        self.declaration().map(Declaration::schema)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_declared_table_is_found_by_its_name() {
        for table in Table::ALL {
            assert_eq!(Table::from_name(table.name()), Some(table));
            assert!(table.schema().is_some());
        }
    }

    #[test]
    fn a_table_that_is_not_declared_has_a_name_and_no_schema() {
        let table = Table::from_name("page_faults_2").unwrap();
        assert_eq!(table.name(), "page_faults_2");
        assert_eq!(table.schema(), None);
    }

    #[test]
    fn a_name_that_could_leave_the_recording_or_break_sql_is_refused() {
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        for text in [
            "", "journal", ".", "..", "a/b", "a-b", "A", "1a", "_a", "a\0", "é", &long,
        ] {
            assert_eq!(Table::from_name(text), None, "{text:?}");
        }
        assert!(Table::from_name(&long[1..]).is_some());
        assert!(Table::from_name("journals").is_some());
    }

    proptest! {
        #[test]
        fn tables_differ_and_are_ordered_as_their_names_are(a in "[a-z][a-z0-9_]{0,47}", b in "[a-z][a-z0-9_]{0,47}") {
            prop_assume!(a != "journal" && b != "journal");
            let (first, second) = (Table::from_name(&a).unwrap(), Table::from_name(&b).unwrap());
            prop_assert_eq!(first.cmp(&second), a.cmp(&b));
        }
    }
}
