//! How long, and how much, of the sealed rows is kept.

use std::collections::BTreeMap;

use soakbox_schemas::tables::Table;

/// What is kept; the default keeps everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Age of rows, ns.
    pub for_ns: Option<u64>,
    /// Size of the sealed files of all tables together, bytes.
    pub bytes: Option<u64>,
    /// What differs for single tables.
    pub tables: BTreeMap<Table, KeepTable>,
}

/// What is kept of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepTable {
    /// Age of rows, ns, in place of that of all tables.
    pub for_ns: Option<u64>,
    /// Size of its sealed files, bytes.
    pub bytes: Option<u64>,
}

impl Keep {
    /// Whether nothing is ever deleted.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// The age at which rows of `table` are deleted, ns.
    pub fn for_ns(&self, table: Table) -> Option<u64> {
        let own = self.tables.get(&table).and_then(|own| own.for_ns);
        own.or(self.for_ns)
    }

    /// The size from which on the oldest files of `table` are deleted, bytes.
    pub fn table_bytes(&self, table: Table) -> Option<u64> {
        self.tables.get(&table)?.bytes
    }
}
