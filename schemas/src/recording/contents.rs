//! The segments and journals in a recording's directory. Reads directories; writes nothing.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::{Deletions, JOURNAL_DIRECTORY, JournalName, SEGMENT_EXTENSION, SegmentName, uuid8};
use crate::tables::Table;

/// A sealed segment found in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its table, by the directory that it is in.
    pub table: Table,
    /// Its name, parsed.
    pub name: SegmentName,
    /// Its path.
    pub path: PathBuf,
    /// Its size, bytes.
    pub bytes: u64,
}

/// A journal found in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFile {
    /// Its name, parsed.
    pub name: JournalName,
    /// Its path.
    pub path: PathBuf,
    /// Its size, bytes.
    pub bytes: u64,
}

/// The segments and journals in a recording's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Sealed segments, by table and start.
    pub segments: Vec<SegmentFile>,
    /// Journals that no sealed segment supersedes.
    pub journals: Vec<JournalFile>,
    /// Journals whose segment is already sealed: to be deleted, never to be read.
    pub superseded: Vec<JournalFile>,
    /// Segments that are counted as deleted: to be deleted, never to be read.
    pub deleting: Vec<SegmentFile>,
    /// What retention deleted; `None` where its file cannot be read.
    pub deletions: Option<Deletions>,
    /// Files named `*.parquet` in the directory of a table that are not segments of Soakbox.
    pub foreign: Vec<PathBuf>,
    /// What has a segment's name and is no regular file.
    pub irregular: Vec<PathBuf>,
}

impl Contents {
    /// Lists the recording at `root`. A missing table or journal directory is an empty one; a file
    /// that vanishes during the listing (a journal that is being sealed) is left out.
    ///
    /// # Errors
    /// Where `root` or a directory below it cannot be read.
    pub fn list(root: &Path) -> io::Result<Self> {
        std::fs::read_dir(root)?;
        // Journals first: one that is sealed between the two listings is then found twice and
        // counts as superseded. In the other order it could be missed.
        let journals = list_journals(root)?;
        let mut contents = Self::default();
        for (name, directory) in entries(root)? {
            let Some(table) = Table::from_name(&name) else {
                continue;
            };
            let listed = list_segments(&directory, table, &mut contents);
            // Another directory that cannot be read does not matter to the recording.
            if table.is_declared() {
                listed?;
            }
        }
        // The deletions after the segments: a segment that is gone is counted by then.
        contents.deletions = Deletions::read(root).ok();
        if let Some(deletions) = &contents.deletions {
            let all = std::mem::take(&mut contents.segments).into_iter();
            (contents.deleting, contents.segments) =
                all.partition(|file| deletions.is_deleting(root, &file.path));
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

    /// Whether there is neither a segment nor a journal.
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
            if let Some(bytes) = size(&path)? {
                journals.push(JournalFile { name, path, bytes });
            }
        }
    }
    journals.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(journals)
}

/// Lists the segments in a directory whose name a table can have. If this version does not declare
/// the table, only its segments count, and other Parquet files in the directory are ignored.
fn list_segments(directory: &Path, table: Table, contents: &mut Contents) -> io::Result<()> {
    for (_, day) in entries(directory)? {
        for (file_name, path) in entries(&day)? {
            if !file_name.ends_with(SEGMENT_EXTENSION) {
                continue;
            }
            match SegmentName::parse(&file_name) {
                Some(name) => match size(&path)? {
                    Some(bytes) => contents.segments.push(SegmentFile {
                        table,
                        name,
                        path,
                        bytes,
                    }),
                    None if path.is_symlink() || path.exists() => contents.irregular.push(path),
                    None => {}
                },
                None if table.is_declared() && path.is_file() => contents.foreign.push(path),
                None => {}
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

/// The size of a file, bytes; `None` where it is gone, or is no file.
fn size(path: &Path) -> io::Result<Option<u64>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(path, error)),
    }
}

/// The error with the name of the file that it is about, below the recording.
fn named(path: &Path, error: io::Error) -> io::Error {
    let name = path.file_name().unwrap_or_default().display();
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

    #[test]
    fn a_sealed_segment_supersedes_the_journal_of_its_sequence() {
        let root = tempfile::tempdir().unwrap();
        let journal = |sequence| JournalName {
            uuid: UUID.into(),
            table: Table::OPERATION_LOG,
            sequence,
        };
        for sequence in [1, 2] {
            let path = journal(sequence).path(root.path());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        let segment = SegmentName::new(0, "host", UUID, 1).path(root.path(), Table::OPERATION_LOG);
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
}
