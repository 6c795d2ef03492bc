//! An open recording: its files, the rows of its journals, the footers, and whether its recorders
//! still run. This folder never writes or deletes anything in a recording.

mod batches;
mod bounded;
mod decoders;
mod find;
mod journal;
mod losses;
mod neighbour;
mod open;
mod owner;
mod parallel;
mod roll_up;
mod run_files;
mod segment;
mod words;

pub(crate) use batches::DELETED_HINT;
pub use bounded::BoundedFile;
pub(crate) use decoders::{UNDECODABLE, caught};
pub use decoders::{has_panicked, quiet_decoders};
pub use find::find;
pub use journal::Journal;
pub use losses::loss_columns;
pub use open::{Damaged, check, open};
pub use owner::{Owner, UnsealedRun};
pub(crate) use parallel::{FOOTERS, in_parts, on_all_cpus};
pub use run_files::RunFiles;
pub use segment::{Segment, not_parquet};

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use soakbox_cli::escaped_path;
use soakbox_schemas::recording::{Deletions, Provenance};
use soakbox_schemas::tables::Table;

/// A period of time, ns UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first moment.
    pub first_ns: i64,
    /// The last moment.
    pub last_ns: i64,
}

impl TimeRange {
    /// The smallest range that covers both.
    pub fn union(self, other: Self) -> Self {
        Self {
            first_ns: self.first_ns.min(other.first_ns),
            last_ns: self.last_ns.max(other.last_ns),
        }
    }

    /// What both have; without length where they do not overlap.
    pub fn common(self, other: Self) -> Self {
        Self {
            first_ns: self.first_ns.max(other.first_ns),
            last_ns: self.last_ns.min(other.last_ns),
        }
    }

    /// The parts of it that are in none of the others, which are in order and do not touch.
    pub fn outside(self, others: &[Self]) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut first_ns = self.first_ns;
        for other in others {
            let part = Self {
                first_ns,
                last_ns: other.first_ns.min(self.last_ns),
            };
            parts.extend((part.length_ns() > 0).then_some(part));
            first_ns = first_ns.max(other.last_ns);
        }
        let rest = Self { first_ns, ..self };
        parts.extend((rest.length_ns() > 0).then_some(rest));
        parts
    }

    /// Its length, ns.
    pub fn length_ns(self) -> i64 {
        self.last_ns.saturating_sub(self.first_ns)
    }
}

/// The run that wrote a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// First eight digits of the run's UUID.
    pub recorder: String,
    /// The name of the host.
    pub host: String,
}

/// A recording as it was at the moment of opening.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The recording's directory.
    pub root: PathBuf,
    /// Sealed segments, by table and start.
    pub segments: Vec<Segment>,
    /// Journals that no segment supersedes.
    pub journals: Vec<Journal>,
    /// Runs that are not sealed, ordered by UUID.
    pub unsealed: Vec<UnsealedRun>,
    /// Files that could not be read and were left out, as the caller allowed.
    pub damaged: Vec<Damaged>,
    /// What retention deleted.
    pub deletions: Deletions,
}

impl Recording {
    /// Several recordings as one; the place is that of the first.
    pub fn merged(recordings: Vec<Self>) -> Option<Self> {
        recordings.into_iter().reduce(|mut all, other| {
            all.segments.extend(other.segments);
            all.journals.extend(other.journals);
            all.unsealed.extend(other.unsealed);
            all.damaged.extend(other.damaged);
            all.deletions.merge(other.deletions);
            all.segments.sort_by(|a, b| {
                let key = |segment: &Segment| segment.range.map(|range| range.first_ns);
                (a.table, key(a)).cmp(&(b.table, key(b)))
            });
            all
        })
    }

    /// Its name for people: the last part of its path, escaped.
    pub fn name(&self) -> String {
        let last = self.root.components().next_back();
        escaped_path(
            last.as_ref()
                .map_or(self.root.as_path(), |last| last.as_ref()),
        )
    }

    /// The tables that this version declares, and any others that the files have.
    pub fn tables(&self) -> Vec<Table> {
        let of_files = self.segments.iter().map(|segment| segment.table);
        let of_files = of_files.chain(self.journals.iter().map(|journal| journal.table));
        let others: BTreeSet<Table> = of_files.filter(|table| !table.is_declared()).collect();
        Table::ALL.into_iter().chain(others).collect()
    }

    /// The columns of a table: those that this version declares. For a table that it does not
    /// declare, the columns of its files, in their order.
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

    /// Whether a recorder's run is not sealed.
    pub fn is_unsealed(&self, recorder: &str) -> bool {
        self.unsealed.iter().any(|run| run.recorder == recorder)
    }

    /// Rows in the journals of a recorder's run.
    pub fn unsealed_rows(&self, recorder: &str) -> u64 {
        let journals = self.journals.iter();
        journals
            .filter(|journal| journal.origin.recorder == recorder)
            .map(|journal| journal.rows)
            .sum()
    }

    /// Runs whose recorder still runs.
    pub fn running(&self) -> Vec<String> {
        let runs = self.unsealed.iter();
        runs.filter(|run| run.owner == Owner::Alive)
            .map(|run| run.recorder.clone())
            .collect()
    }

    /// The runs that wrote its files.
    pub fn origins(&self) -> BTreeSet<&Origin> {
        let segments = self.segments.iter().map(|segment| &segment.origin);
        segments
            .chain(self.journals.iter().map(|journal| &journal.origin))
            .collect()
    }

    /// The provenance of each file, from its footer.
    pub fn provenances(&self) -> impl Iterator<Item = &Provenance> {
        let segments = self.segments.iter().map(Segment::provenance);
        let journals = self.journals.iter();
        let journals = journals.filter_map(|journal| journal.footer.as_ref());
        segments.chain(journals.map(|footer| &footer.provenance))
    }

    /// Length of an interval, ns; 0 where no file has it.
    pub fn interval_ns(&self) -> i64 {
        let lengths = self.provenances().map(|provenance| provenance.interval_ns);
        i64::try_from(lengths.max().unwrap_or(0)).unwrap_or(0)
    }
}
