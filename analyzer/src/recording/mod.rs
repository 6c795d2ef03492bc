//! A recording, opened: which files and which rows of live journals belong to it, and what their footers say.
//! Reads; never writes, locks or deletes anything in a recording.

mod journal;
mod open;
mod segment;

pub use journal::Journal;
pub use open::{Damaged, open};
pub use segment::Segment;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use soakbox_schemas::recording::footer;
use soakbox_schemas::tables::Table;

/// From where, in nanoseconds UTC, to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub first_ns: i64,
    /// The last moment.
    pub last_ns: i64,
}

impl Range {
    /// The smallest range that covers both.
    pub fn union(self, other: Self) -> Self {
        Self {
            first_ns: self.first_ns.min(other.first_ns),
            last_ns: self.last_ns.max(other.last_ns),
        }
    }

    /// How long it is, ns.
    pub fn length_ns(self) -> i64 {
        self.last_ns.saturating_sub(self.first_ns)
    }
}

/// Which recorder's run a file is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// First eight digits of its UUID.
    pub recorder: String,
    /// Its host.
    pub host: String,
}

/// A recording as it was at the moment of opening.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its directory.
    pub root: PathBuf,
    /// Sealed segments, by table and start.
    pub segments: Vec<Segment>,
    /// Journals that no segment supersedes: of a recorder that still runs, or that ended by a crash.
    pub journals: Vec<Journal>,
    /// Files that could not be read and were left out, as the caller allowed.
    pub damaged: Vec<Damaged>,
}

impl Recording {
    /// What to call it: the last part of its path.
    pub fn name(&self) -> String {
        let last = self.root.components().next_back();
        last.map_or_else(
            || self.root.display().to_string(),
            |part| part.as_os_str().to_string_lossy().into_owned(),
        )
    }

    /// The tables that this version declares, and those that the files have besides.
    pub fn tables(&self) -> Vec<Table> {
        let of_files = self.segments.iter().map(|segment| segment.table);
        let of_files = of_files.chain(self.journals.iter().map(|journal| journal.table));
        let others: BTreeSet<Table> = of_files.filter(|table| !table.is_declared()).collect();
        Table::ALL.into_iter().chain(others).collect()
    }

    /// The columns of a table: as declared, otherwise those that its files have, in the order of the files.
    pub fn columns(&self, table: Table) -> SchemaRef {
        table.schema().unwrap_or_else(|| {
            let segments = self.segments(table).map(|segment| &segment.columns);
            let journals = self
                .journals(table)
                .filter_map(|journal| journal.columns.as_ref());
            let mut columns: Vec<FieldRef> = Vec::new();
            for field in segments.chain(journals).flat_map(|schema| schema.fields()) {
                if !columns.iter().any(|known| known.name() == field.name()) {
                    columns.push(field.clone());
                }
            }
            Arc::new(Schema::new(columns))
        })
    }

    /// Segments of one table.
    pub fn segments(&self, table: Table) -> impl Iterator<Item = &Segment> {
        self.segments
            .iter()
            .filter(move |segment| segment.table == table)
    }

    /// Journals of one table.
    pub fn journals(&self, table: Table) -> impl Iterator<Item = &Journal> {
        self.journals
            .iter()
            .filter(move |journal| journal.table == table)
    }

    /// Rows of one table.
    pub fn rows(&self, table: Table) -> u64 {
        let sealed: u64 = self.segments(table).map(|segment| segment.rows).sum();
        sealed
            + self
                .journals(table)
                .map(|journal| journal.rows)
                .sum::<u64>()
    }

    /// Recorders with a journal that is not sealed.
    pub fn unsealed(&self) -> BTreeSet<&str> {
        let journals = self.journals.iter();
        journals
            .map(|journal| journal.origin.recorder.as_str())
            .collect()
    }

    /// Who recorded it.
    pub fn origins(&self) -> BTreeSet<&Origin> {
        let segments = self.segments.iter().map(|segment| &segment.origin);
        segments
            .chain(self.journals.iter().map(|journal| &journal.origin))
            .collect()
    }

    /// The distinct values of a footer key, sorted.
    pub fn footer_values(&self, key: &str) -> BTreeSet<&str> {
        let segments = self.segments.iter().map(|segment| &segment.footer);
        segments
            .chain(self.journals.iter().map(|journal| &journal.footer))
            .filter_map(|footer| footer.get(key).map(String::as_str))
            .collect()
    }

    /// The times of a table's rows, of all recorders or of one. `None` without rows.
    pub fn range_of(&self, table: Table, recorder: Option<&str>) -> Option<Range> {
        let wanted = |origin: &Origin| recorder.is_none_or(|recorder| origin.recorder == recorder);
        let segments = self
            .segments(table)
            .filter(|segment| wanted(&segment.origin));
        let journals = self
            .journals(table)
            .filter(|journal| wanted(&journal.origin));
        segments
            .filter_map(|segment| segment.range)
            .chain(journals.filter_map(|journal| journal.range))
            .reduce(Range::union)
    }

    /// Length of an interval, ns; 0 where no file says.
    pub fn interval_ns(&self) -> i64 {
        let values = self.footer_values(footer::INTERVAL_NS);
        let lengths = values.iter().filter_map(|value| value.parse().ok());
        lengths.max().unwrap_or(0)
    }
}

/// Footer metadata as key and value, only what Soakbox wrote.
pub(crate) type Footer = BTreeMap<String, String>;
