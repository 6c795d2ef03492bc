//! The layout of a recording: where segments and journals lie, what they are called, what their footers say.
//! Reads directories; writes nothing.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::tables::Table;

/// Version of the recording's format, stored in each file under [`footer::FORMAT`].
pub const FORMAT_VERSION: &str = "1";
/// Directory of the journals.
pub const JOURNAL_DIRECTORY: &str = "journal";
/// File in a recorder's journal directory that it keeps locked (flock) while it runs.
pub const LOCK_FILE: &str = "lock";
/// File in it that a recovery keeps its plan in while it finishes a crashed recorder's journals.
pub const RECOVERY_FILE: &str = "recovery";
/// Ending of the temporary file that a segment is written to; it lies beside its journal and is never read.
pub const SEALING_EXTENSION: &str = "sealing";
/// Ending of a journal.
pub const JOURNAL_EXTENSION: &str = "journal";
/// Ending of a sealed segment; no other file ever has it.
pub const SEGMENT_EXTENSION: &str = "parquet";

/// Keys of the metadata in each file: schema metadata in a journal, footer metadata in a segment.
pub mod footer {
    /// [`super::FORMAT_VERSION`]; a file without it is foreign.
    pub const FORMAT: &str = "soakbox.format";
    /// Name of the table.
    pub const TABLE: &str = "soakbox.table";
    /// Version of the recorder.
    pub const RECORDER_VERSION: &str = "soakbox.recorder_version";
    /// UUID of the recorder's run.
    pub const RECORDER_UUID: &str = "soakbox.recorder_uuid";
    /// Sequence number of the segment.
    pub const SEQUENCE: &str = "soakbox.sequence";
    /// Host name.
    pub const HOST: &str = "soakbox.host";
    /// Kernel release.
    pub const KERNEL: &str = "soakbox.kernel";
    /// Boot id.
    pub const BOOT_ID: &str = "soakbox.boot_id";
    /// Length of an interval, ns.
    pub const INTERVAL_NS: &str = "soakbox.interval_ns";
    /// Paths of the observed binaries, `:` between them.
    pub const TARGET: &str = "soakbox.target";
    /// Their build ids, `:` between them, empty where there is none.
    pub const TARGET_BUILD_ID: &str = "soakbox.target_build_id";
    /// FNV-1a (64 bits, hex) of the configuration in effect: probes with their rules, whose operations, bounds, flush
    /// interval. Tells configurations apart, and protects nothing.
    pub const CONFIG_DIGEST: &str = "soakbox.config_digest";
    /// How `cpu_ns` was measured.
    pub const CPU_METHOD: &str = "soakbox.cpu_method";
    /// How `cpu_user_ns` and `cpu_system_ns` were measured.
    pub const CPU_SPLIT_METHOD: &str = "soakbox.cpu_split_method";
    /// How `memory_bytes` was measured.
    pub const MEMORY_METHOD: &str = "soakbox.memory_method";
    /// Largest error of `memory_bytes`, bytes.
    pub const MEMORY_ERROR_BYTES: &str = "soakbox.memory_error_bytes";
    /// Time of the first row, ns UTC (segments).
    pub const FIRST_AT_NS: &str = "soakbox.first_at_ns";
    /// Time of the last row, ns UTC (segments).
    pub const LAST_AT_NS: &str = "soakbox.last_at_ns";
    /// Number of rows (segments).
    pub const ROWS: &str = "soakbox.rows";
    /// `true` where rows are in order of the time column (segments).
    pub const SORTED: &str = "soakbox.sorted";
    /// Bytes of the journal that were damaged and left out (segments made by recovery).
    pub const DAMAGED_BYTES: &str = "soakbox.damaged_bytes";
}

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

    /// Where it lies below the recording's root.
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

/// A journal's place: `journal/<uuid>/<table>-<sequence>.journal`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JournalName {
    /// UUID of the recorder's run.
    pub uuid: String,
    /// The table it holds.
    pub table: Table,
    /// Sequence number, the segment's to be.
    pub sequence: u64,
}

impl JournalName {
    /// Where it lies below the recording's root.
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

/// A sealed segment found in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its table, by the directory it lies in.
    pub table: Table,
    /// Its name, read.
    pub name: SegmentName,
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// A journal found in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFile {
    /// Its name, read.
    pub name: JournalName,
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// What lies in a recording's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Sealed segments, by table and start.
    pub segments: Vec<SegmentFile>,
    /// Journals that no sealed segment supersedes.
    pub journals: Vec<JournalFile>,
    /// Journals whose segment is already sealed: to be deleted, never to be read.
    pub superseded: Vec<JournalFile>,
    /// Files named `*.parquet` below a table that are no segments of ours.
    pub foreign: Vec<PathBuf>,
}

impl Contents {
    /// Lists the recording at `root`. A missing table or journal directory is an empty one; a file that vanishes
    /// while listing (a journal that is being sealed) is left out.
    ///
    /// # Errors
    /// Where `root` or a directory below it cannot be read.
    pub fn list(root: &Path) -> io::Result<Self> {
        std::fs::read_dir(root)?;
        // Journals first: one that is sealed between the two listings is then found twice and superseded, never
        // missed.
        let journals = list_journals(root)?;
        let mut contents = Self::default();
        for table in Table::ALL {
            list_segments(root, table, &mut contents)?;
        }
        contents.segments.sort_by(|a, b| {
            let key = |file: &SegmentFile| (file.table, file.name.start_ns, file.name.sequence);
            key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
        });
        let sealed: HashSet<(Table, &str, u64)> = contents
            .segments
            .iter()
            .map(|file| (file.table, file.name.uuid8.as_str(), file.name.sequence))
            .collect();
        for journal in journals {
            let name = &journal.name;
            if sealed.contains(&(name.table, uuid8(&name.uuid).as_str(), name.sequence)) {
                contents.superseded.push(journal);
            } else {
                contents.journals.push(journal);
            }
        }
        Ok(contents)
    }

    /// Whether there is nothing of ours.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.journals.is_empty()
    }
}

fn list_journals(root: &Path) -> io::Result<Vec<JournalFile>> {
    let mut journals = Vec::new();
    for (uuid, directory) in entries(&root.join(JOURNAL_DIRECTORY))? {
        for (file_name, path) in entries(&directory)? {
            let Some(name) = JournalName::parse(&uuid, &file_name) else {
                continue;
            };
            if let Some(bytes) = size(&path) {
                journals.push(JournalFile { name, path, bytes });
            }
        }
    }
    journals.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(journals)
}

fn list_segments(root: &Path, table: Table, contents: &mut Contents) -> io::Result<()> {
    for (_, directory) in entries(&root.join(table.name()))? {
        for (file_name, path) in entries(&directory)? {
            if !file_name.ends_with(SEGMENT_EXTENSION) {
                continue;
            }
            match (SegmentName::parse(&file_name), size(&path)) {
                (Some(name), Some(bytes)) => {
                    contents.segments.push(SegmentFile {
                        table,
                        name,
                        path,
                        bytes,
                    });
                }
                (None, Some(_)) => contents.foreign.push(path),
                (_, None) => {}
            }
        }
    }
    Ok(())
}

/// Name and path of each entry; none where the directory is missing or is a file.
fn entries(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let listing = match std::fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

fn size(path: &Path) -> Option<u64> {
    std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)
        .map(|metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

    #[test]
    fn a_sealed_segment_supersedes_the_journal_of_its_sequence() {
        let root = tempfile::tempdir().unwrap();
        let journal = |sequence| JournalName {
            uuid: UUID.into(),
            table: Table::OperationLog,
            sequence,
        };
        for sequence in [1, 2] {
            let path = journal(sequence).path(root.path());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        let segment = SegmentName::new(0, "host", UUID, 1).path(root.path(), Table::OperationLog);
        std::fs::create_dir_all(segment.parent().unwrap()).unwrap();
        std::fs::write(&segment, b"x").unwrap();
        std::fs::write(segment.with_file_name("mine.parquet"), b"x").unwrap();
        let contents = Contents::list(root.path()).unwrap();
        let names =
            |files: &[JournalFile]| files.iter().map(|f| f.name.sequence).collect::<Vec<_>>();
        assert_eq!(names(&contents.journals), [2]);
        assert_eq!(names(&contents.superseded), [1]);
        assert_eq!(contents.segments.len(), 1);
        assert_eq!(contents.foreign.len(), 1);
    }

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
