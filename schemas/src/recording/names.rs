//! Names of segments and journals, formatted and parsed by the same code for writers and readers.
//! No I/O.

use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};

use super::{JOURNAL_DIRECTORY, JOURNAL_EXTENSION, SEGMENT_EXTENSION};
use crate::tables::Table;

/// Name of a sealed segment: `<utc start>-<host>-<uuid8>-<sequence>.parquet`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SegmentName {
    /// Time of the first row, ns UTC.
    pub start_ns: i64,
    /// Host, reduced to letters, digits, `.` and `-`.
    pub host: String,
    /// First eight hex digits of the recorder's UUID.
    pub uuid8: String,
    /// Sequence number, counted per recorder and table.
    pub sequence: u64,
}

const TIME_FORMAT: &str = "%Y%m%dT%H%M%S%.9fZ";

impl SegmentName {
    /// A name for the segment of `sequence` of the recorder `uuid` on `host`.
    pub fn new(start_ns: i64, host: &str, uuid: &str, sequence: u64) -> Self {
        Self {
            start_ns,
            host: plain_host(host),
            uuid8: uuid8(uuid),
            sequence,
        }
    }

    /// Reads a file name; `None` where it is not a segment's.
    pub fn parse(file_name: &str) -> Option<Self> {
        let stem = file_name
            .strip_suffix(SEGMENT_EXTENSION)?
            .strip_suffix('.')?;
        let (rest, sequence) = stem.rsplit_once('-')?;
        let (rest, uuid8) = rest.rsplit_once('-')?;
        let (start, host) = rest.split_once('-')?;
        let start = NaiveDateTime::parse_from_str(start, TIME_FORMAT).ok()?;
        let valid = uuid8.len() == 8 && uuid8.bytes().all(|byte| byte.is_ascii_hexdigit());
        (valid && !host.is_empty()).then_some(())?;
        Some(Self {
            start_ns: start.and_utc().timestamp_nanos_opt()?,
            host: host.to_owned(),
            uuid8: uuid8.to_owned(),
            sequence: sequence.parse().ok()?,
        })
    }

    /// Its path below the recording's root.
    pub fn path(&self, root: &Path, table: Table) -> PathBuf {
        let date = utc(self.start_ns).format("%Y-%m-%d");
        root.join(table.name())
            .join(format!("date={date}"))
            .join(self.to_string())
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = utc(self.start_ns).format(TIME_FORMAT);
        let Self {
            host,
            uuid8,
            sequence,
            ..
        } = self;
        write!(
            f,
            "{start}-{host}-{uuid8}-{sequence:06}.{SEGMENT_EXTENSION}"
        )
    }
}

/// The name of a journal, with its directory: `journal/<uuid>/<table>-<sequence>.journal`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JournalName {
    /// UUID of the recorder's run.
    pub uuid: String,
    /// The table whose rows it has.
    pub table: Table,
    /// Sequence number, which its segment will have too.
    pub sequence: u64,
}

impl JournalName {
    /// Its path below the recording's root.
    pub fn path(&self, root: &Path) -> PathBuf {
        let name = format!(
            "{}-{:06}.{JOURNAL_EXTENSION}",
            self.table.name(),
            self.sequence
        );
        journal_directory(root, &self.uuid).join(name)
    }

    /// Reads a file name in the directory of recorder `uuid`; `None` where it is not a journal's.
    pub fn parse(uuid: &str, file_name: &str) -> Option<Self> {
        let stem = file_name
            .strip_suffix(JOURNAL_EXTENSION)?
            .strip_suffix('.')?;
        let (table, sequence) = stem.rsplit_once('-')?;
        Some(Self {
            uuid: uuid.to_owned(),
            table: Table::from_name(table)?,
            sequence: sequence.parse().ok()?,
        })
    }
}

/// Directory of one recorder's journals.
pub fn journal_directory(root: &Path, uuid: &str) -> PathBuf {
    root.join(JOURNAL_DIRECTORY).join(uuid)
}

/// First eight hex digits of a UUID.
pub fn uuid8(uuid: &str) -> String {
    uuid.chars()
        .filter(char::is_ascii_hexdigit)
        .take(8)
        .collect()
}

fn plain_host(host: &str) -> String {
    let plain: String = host
        .chars()
        .take(64)
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || "-.".contains(letter) {
                letter
            } else {
                '.'
            }
        })
        .collect();
    if plain.is_empty() {
        "unknown".to_owned()
    } else {
        plain
    }
}

fn utc(ns: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

    proptest! {
        #[test]
        fn a_segment_name_reads_back(start in 0i64..4_000_000_000_000_000_000, host in ".{0,80}", sequence: u64) {
            let name = SegmentName::new(start, &host, UUID, sequence);
            prop_assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        }

        #[test]
        fn no_file_name_makes_it_panic(text in ".{0,120}") {
            let _ = SegmentName::parse(&text);
            let _ = JournalName::parse(UUID, &text);
        }
    }
}
