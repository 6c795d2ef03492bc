//! How long, and how much, of the sealed rows is kept, and what happens when the disk is full.

use std::collections::BTreeMap;

use soakbox_schemas::tables::Table;

/// What happens when the disk is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The recording ends, with exit status 2.
    #[default]
    Stop,
    /// Rows are lost, and counted, until there is room.
    Pause,
    /// The oldest sealed segments are deleted.
    DropOldest,
}

impl WhenFull {
    /// All, with their words.
    pub const WORDS: [(&str, Self); 3] = [
        ("stop", Self::Stop),
        ("pause", Self::Pause),
        ("drop-oldest", Self::DropOldest),
    ];

    /// The one with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        let mut words = Self::WORDS.into_iter();
        words
            .find(|(known, _)| *known == word)
            .map(|(_, when)| when)
    }
}

/// Room on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// What happens when it is full.
    pub when_full: WhenFull,
    /// Free bytes below which it counts as full.
    pub keep_free: u64,
}

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
