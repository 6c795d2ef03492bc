//! The trace of the segments that retention deleted: how many rows of each run and table, and of
//! which time. It is written before the first of them is deleted, so that no reader takes what is
//! left for all there was.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RETENTION_FILE;
use crate::tables::Table;

/// The version of the file.
const SCHEMA: &str = "soakbox.retention/1";

/// The content of the file `retention.json` of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletions {
    schema: String,
    /// The rows that were deleted, by run (the first eight digits of its UUID) and table.
    pub runs: BTreeMap<String, BTreeMap<String, Deleted>>,
    /// Segments that are counted as deleted and may still be there, as paths below the recording.
    pub deleting: BTreeSet<String>,
}

/// The rows of one run and table that were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// Number of rows.
    pub rows: u64,
    /// Number of segments.
    pub files: u64,
    /// Size of these segments, bytes.
    pub bytes: u64,
    /// Time of the earliest row, ns UTC.
    pub from_ns: i64,
    /// Time of the latest row, ns UTC. Rows of before that may be left.
    pub until_ns: i64,
}

impl Default for Deletions {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            runs: BTreeMap::new(),
            deleting: BTreeSet::new(),
        }
    }
}

impl Deletions {
    /// Reads the file of the recording at `root`; nothing was deleted where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or is not such a file. What was deleted is not known then.
    pub fn read(root: &Path) -> io::Result<Self> {
        let text = match std::fs::read(root.join(RETENTION_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text?,
        };
        let read: Self = serde_json::from_slice(&text).map_err(io::Error::from)?;
        if read.schema != SCHEMA {
            let reason = format!("its schema is '{}', not {SCHEMA}", read.schema);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(read)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// Never, for values that JSON can hold.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self).map_err(io::Error::from)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Counts a segment as deleted.
    pub fn add(&mut self, run: &str, table: Table, deleted: Deleted) {
        self.add_named(run, table.name().to_owned(), deleted);
    }

    fn add_named(&mut self, run: &str, table: String, deleted: Deleted) {
        let run = self.runs.entry(run.to_owned()).or_default();
        run.entry(table)
            .and_modify(|known| *known = known.with(deleted))
            .or_insert(deleted);
    }

    /// Adds what was deleted of another recording.
    pub fn merge(&mut self, other: Self) {
        for (run, tables) in other.runs {
            for (table, deleted) in tables {
                self.add_named(&run, table, deleted);
            }
        }
    }

    /// Whether nothing was deleted.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// What was deleted of a run's table.
    pub fn of(&self, run: &str, table: Table) -> Option<Deleted> {
        self.runs.get(run)?.get(table.name()).copied()
    }

    /// What was deleted of each table, of all runs together.
    pub fn by_table(&self) -> BTreeMap<&str, Deleted> {
        let mut tables: BTreeMap<&str, Deleted> = BTreeMap::new();
        for (table, deleted) in self.runs.values().flatten() {
            tables
                .entry(table)
                .and_modify(|known| *known = known.with(*deleted))
                .or_insert(*deleted);
        }
        tables
    }

    /// Whether the segment at `path` in the recording at `root` is counted as deleted.
    pub fn is_deleting(&self, root: &Path, path: &Path) -> bool {
        let below = path.strip_prefix(root).ok();
        below
            .and_then(Path::to_str)
            .is_some_and(|path| self.deleting.contains(path))
    }
}

impl Deleted {
    /// Both together.
    fn with(self, other: Self) -> Self {
        Self {
            rows: self.rows.saturating_add(other.rows),
            files: self.files.saturating_add(other.files),
            bytes: self.bytes.saturating_add(other.bytes),
            from_ns: self.from_ns.min(other.from_ns),
            until_ns: self.until_ns.max(other.until_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(rows: u64, from_ns: i64, until_ns: i64) -> Deleted {
        Deleted {
            rows,
            files: 1,
            bytes: 100,
            from_ns,
            until_ns,
        }
    }

    #[test]
    fn the_file_is_read_as_it_was_written_and_any_other_is_refused() {
        let root = tempfile::tempdir().unwrap();
        assert!(Deletions::read(root.path()).unwrap().is_empty());
        let mut deletions = Deletions::default();
        deletions.add("0a1b2c3d", Table::OPERATION_LOG, deleted(5, 10, 20));
        deletions.add("0a1b2c3d", Table::OPERATION_LOG, deleted(7, 20, 30));
        deletions.add("11111111", Table::OPERATION_LOG, deleted(1, 5, 6));
        deletions.deleting.insert("operation_log/x".into());
        let path = root.path().join(RETENTION_FILE);
        std::fs::write(&path, deletions.to_bytes().unwrap()).unwrap();
        let read = Deletions::read(root.path()).unwrap();
        assert_eq!(read, deletions);
        let all = read.by_table()["operation_log"];
        assert_eq!((all.rows, all.files, all.bytes), (13, 3, 300));
        assert_eq!((all.from_ns, all.until_ns), (5, 30));
        for damaged in [
            "",
            "{",
            "{\"schema\":\"soakbox.retention/2\",\"runs\":{},\"deleting\":[]}",
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert!(Deletions::read(root.path()).is_err(), "{damaged}");
        }
    }
}
