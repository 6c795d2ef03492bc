//! Opens a recording: lists its files and reads footers and journals. If a file vanishes in between
//! (a journal that was just sealed, a segment that retention removed), it begins again, so that
//! nothing is read twice and nothing is missed.

use std::io;
use std::path::{Path, PathBuf};

use soakbox_cli::{Failure, Result, escaped_path, plain_io_error};
use soakbox_schemas::recording::{Contents, JOURNAL_DIRECTORY, RETENTION_FILE, uuid8};
use soakbox_schemas::tables::Table;

use super::batches::SKIP_HINT;
use super::find::is_recording;
use super::neighbour::Neighbours;
use super::owner::{UnsealedRun, owner};
use super::parallel::{FOOTERS, on_all_cpus};
use super::segment::Unreadable;
use super::{Journal, Recording, Segment};

/// The memory for the metadata of files, so that each is parsed only once. A file of a few row groups
/// needs about 20 KiB.
const MOST_METADATA_BYTES: usize = 48 << 20;
/// Listings before giving up on a directory whose files keep vanishing.
const ATTEMPTS: usize = 20;

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The file's path.
    pub path: PathBuf,
    /// The table that its rows are of, by its directory or name; `None` where neither shows it.
    pub table: Option<Table>,
    /// First eight digits of the UUID of the run that wrote it; `None` where its name has none.
    pub recorder: Option<String>,
    /// The reason that it cannot be read.
    pub reason: String,
    /// Whether a newer version of this program can read it.
    pub is_newer: bool,
}

impl Damaged {
    /// Whether it may be a file of that run.
    pub fn may_be_of(&self, recorder: &str) -> bool {
        self.recorder
            .as_deref()
            .is_none_or(|known| known == recorder)
    }

    /// Whether it may have rows of that table.
    pub fn may_have(&self, table: Table) -> bool {
        self.table.is_none_or(|known| known == table)
    }
}

/// Whether there is a recording at `root`, without a look into its files.
///
/// # Errors
/// Where there is none.
pub fn check(root: &Path) -> Result<()> {
    let contents = Contents::list(root).map_err(|error| unlistable(root, &error))?;
    match has_files(&contents) {
        true => Ok(()),
        false => Err(no_files(root)),
    }
}

fn has_files(contents: &Contents) -> bool {
    !(contents.is_empty() && contents.foreign.is_empty() && contents.irregular.is_empty())
}

/// Opens the recording at `root`. With `skip_damaged`, all rows are read once, and files of which that
/// fails are left out and listed; without, the first file whose footer cannot be read is the failure.
///
/// # Errors
/// Where there is no recording, or a file of it cannot be read.
pub fn open(root: &Path, skip_damaged: bool) -> Result<Recording> {
    for _ in 0..ATTEMPTS {
        let contents = Contents::list(root).map_err(|error| unlistable(root, &error))?;
        if !has_files(&contents) {
            return Err(no_files(root));
        }
        let unsealed = unsealed(root, &contents).map_err(|error| unlistable(root, &error))?;
        if let Some(recording) = read(root, &contents, unsealed, skip_damaged) {
            return accept(recording, skip_damaged);
        }
    }
    Err(Failure::path(
        root,
        format!("files vanished during each of {ATTEMPTS} listings"),
    )
    .hint("is something deleting the recording?"))
}

/// Runs whose journal directory shows that rows are not sealed or that the recorder was killed.
fn unsealed(root: &Path, contents: &Contents) -> io::Result<Vec<UnsealedRun>> {
    let mut runs = Vec::new();
    let listing = match std::fs::read_dir(root.join(JOURNAL_DIRECTORY)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(runs),
        listing => listing?,
    };
    for entry in listing {
        let entry = entry?;
        let uuid = entry.file_name().to_string_lossy().into_owned();
        let has_journals = contents.journals.iter().any(|file| file.name.uuid == uuid);
        if let Some(owner) = owner(&entry.path(), has_journals) {
            let recorder = uuid8(&uuid);
            runs.push(UnsealedRun { recorder, owner });
        }
    }
    runs.sort_by(|a, b| a.recorder.cmp(&b.recorder));
    Ok(runs)
}

/// Reads all listed files, also their rows if `checks_rows`; `None` if one of them vanished.
fn read(
    root: &Path,
    contents: &Contents,
    unsealed: Vec<UnsealedRun>,
    checks_rows: bool,
) -> Option<Recording> {
    let mut damaged = Vec::new();
    let mut keep =
        |path: &Path, table: Option<Table>, recorder: Option<String>, why: Unreadable| {
            let (reason, is_newer) = match why {
                Unreadable::Vanished => return None,
                Unreadable::Damaged(reason) => (reason, false),
                Unreadable::Newer(reason) => (reason, true),
            };
            damaged.push(Damaged {
                path: path.to_owned(),
                table,
                recorder,
                reason,
                is_newer,
            });
            Some(())
        };
    if contents.deletions.is_none() {
        let reason = "not a list of deleted rows: it is not known how many are missing";
        let why = Unreadable::Damaged(reason.to_owned());
        keep(&root.join(RETENTION_FILE), None, None, why)?;
    }
    // Journals first, since they change.
    let mut journals = Vec::new();
    for (file, read) in contents.journals.iter().zip(read_journals(contents)) {
        match read {
            Ok(journal) => journals.push(journal),
            Err(why) => {
                let recorder = uuid8(&file.name.uuid);
                keep(&file.path, Some(file.name.table), Some(recorder), why)?;
            }
        }
    }
    let mut segments = Vec::with_capacity(contents.segments.len());
    let mut memory = Memory::default();
    let read_segments = read_segments(contents, checks_rows);
    for (file, read) in contents.segments.iter().zip(read_segments) {
        match read {
            Ok(mut segment) => {
                memory.bound(&mut segment);
                segments.push(segment);
            }
            Err(why) => {
                let recorder = file.name.uuid8.clone();
                keep(&file.path, Some(file.table), Some(recorder), why)?;
            }
        }
    }
    let foreign = contents.foreign.iter();
    let foreign = foreign.map(|path| (path, "foreign Parquet file: its name is not a segment's"));
    let irregular = contents.irregular.iter();
    let irregular = irregular.map(|path| (path, "is not a regular file"));
    for (path, reason) in foreign.chain(irregular) {
        // TABLE/date=DAY/FILE.
        let table = path.ancestors().nth(2).and_then(table_of);
        keep(path, table, None, Unreadable::Damaged(reason.to_owned()))?;
    }
    Some(Recording {
        root: root.to_owned(),
        segments,
        journals,
        unsealed,
        damaged,
        deletions: contents.deletions.clone().unwrap_or_default(),
    })
}

fn read_journals(contents: &Contents) -> Vec<std::result::Result<Journal, Unreadable>> {
    on_all_cpus(
        &contents.journals,
        FOOTERS,
        || (),
        |(), file| Journal::read(file),
    )
}

fn read_segments(
    contents: &Contents,
    checks_rows: bool,
) -> Vec<std::result::Result<Segment, Unreadable>> {
    let least = if checks_rows { 1 } else { FOOTERS };
    on_all_cpus(
        &contents.segments,
        least,
        Neighbours::default,
        |known, file| {
            let segment = Segment::read(file, known)?;
            match checks_rows {
                true => segment.with_readable_rows(),
                false => Ok(segment),
            }
        },
    )
}

/// Bounds the memory of the metadata that are kept for the reading of the rows.
#[derive(Default)]
struct Memory {
    bytes: usize,
}

impl Memory {
    fn bound(&mut self, segment: &mut Segment) {
        let bytes = segment.metadata.as_ref().map_or(0, |one| one.memory_size());
        if self.bytes + bytes > MOST_METADATA_BYTES {
            segment.metadata = None;
        } else {
            self.bytes += bytes;
        }
    }
}

/// The table whose directory this is.
fn table_of(directory: &Path) -> Option<Table> {
    Table::from_name(directory.file_name()?.to_str()?)
}

fn accept(recording: Recording, skip_damaged: bool) -> Result<Recording> {
    match recording.damaged.first() {
        Some(first) if !skip_damaged => {
            let others = recording.damaged.len() - 1;
            let more = match others {
                0 => String::new(),
                1 => " (and 1 other file)".to_owned(),
                _ => format!(" (and {others} other files)"),
            };
            let reason = format!("{}{more}", first.reason);
            let hint = match first.is_newer {
                true => "a newer soakbox-analyzer reads it; --skip-damaged reads the rest",
                false => SKIP_HINT,
            };
            Err(Failure::path(&first.path, reason).hint(hint))
        }
        _ => Ok(recording),
    }
}

fn unlistable(root: &Path, error: &io::Error) -> Failure {
    let failure = Failure::path(root, plain_io_error(error));
    match error.kind() {
        io::ErrorKind::NotFound => {
            failure.hint("give the directory that `soakbox-recorder record -o DIR` wrote")
        }
        io::ErrorKind::NotADirectory => failure.hint(
            "give the recording's directory, which holds operation_log/ and those of the other tables",
        ),
        _ => failure,
    }
}

fn no_files(root: &Path) -> Failure {
    let mut names: Vec<&str> = Table::ALL.iter().map(Table::name).collect();
    names.push(JOURNAL_DIRECTORY);
    if names.iter().any(|name| root.join(name).is_dir()) {
        Failure::path(
            root,
            "the recording is empty: no segment and no journal yet",
        )
        .hint("does the recorder still run? `soakbox-recorder recover DIR` seals the journals that a crash left")
    } else if let Some(first) = first_inside(root) {
        let first = escaped_path(&first);
        Failure::path(root, "not a recording: recordings are in it").hint(format!(
            "name one of them, such as {first}; `compare` also takes their directory"
        ))
    } else {
        Failure::path(
            root,
            "not a recording: it has none of the tables' directories",
        )
        .hint(format!("a recording holds {}", names.join(", ")))
    }
}

/// The first recording in a directory or in its directories, where `soakbox-recorder runs` puts
/// them.
fn first_inside(root: &Path) -> Option<PathBuf> {
    let inside = |directory: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        paths.sort();
        paths
    };
    let near = inside(root);
    let far = || near.iter().flat_map(|directory| inside(directory));
    let found = near.iter().find(|path| is_recording(path)).cloned();
    found.or_else(|| far().find(|path| is_recording(path)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

    use super::*;
    use soakbox_testing::{Recorder, Soak};

    /// The recording is opened more often than this while it changes.
    const LOOKS: usize = 3;
    /// All batches are sealed so often at most, until it was.
    const MOST_ROUNDS: usize = 50;

    /// A recorder that seals journals as fast as it can, while another thread opens the recording
    /// again and again.
    #[test]
    fn a_journal_that_is_sealed_while_we_look_is_read_once() {
        let root = tempfile::tempdir().unwrap();
        let rows = Soak {
            seconds: 60,
            ..Soak::default()
        };
        let batches = rows.rows().log;
        let per_batch = batches[0].num_rows() as u64;
        let (done, opened) = (AtomicBool::new(false), AtomicUsize::new(0));
        // Batches that are on the disk, or are about to be.
        let written = AtomicU64::new(2);
        let table = Table::OPERATION_LOG;
        let mut recorder = Recorder::new(root.path());
        recorder.journal(table, &batches[..1]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut journal = recorder.journal(table, &batches[1..2]);
                let all = batches.iter().cycle().take(MOST_ROUNDS * batches.len());
                for (sequence, batch) in all.enumerate().skip(1) {
                    // On a busy machine the other thread may not have run yet.
                    let is_enough = opened.load(Ordering::SeqCst) > LOOKS;
                    if is_enough && sequence >= batches.len() {
                        break;
                    }
                    recorder.seal_as(table, batch, sequence as u64 + 1);
                    std::fs::remove_file(journal).unwrap();
                    let next = &batches[(sequence + 1) % batches.len()];
                    written.fetch_add(1, Ordering::SeqCst);
                    journal = recorder.journal(table, std::slice::from_ref(next));
                }
                done.store(true, Ordering::SeqCst);
            });
            let mut seen = 0;
            while !done.load(Ordering::SeqCst) {
                let recording = open(root.path(), false).unwrap();
                let rows = recording.rows(table);
                assert_eq!(rows % per_batch, 0, "a batch was read in part");
                assert!(rows >= seen, "{rows} rows after {seen}");
                let most = per_batch * written.load(Ordering::SeqCst);
                assert!(rows <= most, "read twice: {rows} rows of {most}");
                seen = rows;
                opened.fetch_add(1, Ordering::SeqCst);
            }
            assert!(opened.load(Ordering::SeqCst) > LOOKS);
        });
    }
}
