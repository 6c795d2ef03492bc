//! The layout of a recording: the directories and names of segments and journals, the contents of
//! their footers, and how a segment is encoded. Reads directories; writes nothing.

mod contents;
mod deletions;
#[cfg(feature = "parquet")]
pub mod encoding;
pub mod footer;
mod names;
pub mod roll_up;

pub use contents::{Contents, JournalFile, SegmentFile};
pub use deletions::{Deleted, Deletions};
pub use footer::{Extent, Footer, FooterError, ObservedFile, Provenance, StoredPath};
pub use names::{JournalName, SegmentName, journal_directory, uuid8};

/// Version of the recording's format, stored in each file under [`footer::FORMAT`].
pub const FORMAT_VERSION: &str = "1";
/// Directory of the journals.
pub const JOURNAL_DIRECTORY: &str = "journal";
/// File in a recorder's journal directory that it keeps locked (flock) while it runs.
pub const LOCK_FILE: &str = "lock";
/// File in that directory with the plan of a recovery, while it seals the journals of a crashed
/// recorder.
pub const RECOVERY_FILE: &str = "recovery";
/// File in a recording with the trace of the segments that retention deleted.
pub const RETENTION_FILE: &str = "retention.json";
/// Ending of the temporary file that a segment is written to. It is in the directory of its journal
/// and is never read.
pub const SEALING_EXTENSION: &str = "sealing";
/// Ending of a journal.
pub const JOURNAL_EXTENSION: &str = "journal";
/// Ending of a sealed segment; no other file ever has it.
pub const SEGMENT_EXTENSION: &str = "parquet";
