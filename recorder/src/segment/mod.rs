//! A recording's files: rows are appended to journals, journals are sealed into segments, and
//! recovery seals the journals that a crash left. `docs/format.md` has the format and its MUSTs.
//!
//! Sealed segments that are due are deleted (`retention`, `deletion`).
//!
//! This module owns every file below a recording's root. It never looks at events, and never
//! touches the journal of a recorder that is alive.

mod activity;
mod chunk;
mod deletion;
mod directory;
mod durable;
mod error;
mod footers;
mod gap;
mod journal;
mod lock;
mod provenance;
mod recovery;
pub mod retention;
pub mod rotation;
mod row_group;
mod scan;
mod seal;
mod sealer;
mod summary;
mod table;
mod writer;

pub use activity::{Activity, ActivityCounters};
pub use directory::RecorderDirectory;
pub(crate) use durable::{create_directories, sync_directory, write_whole};
pub use error::SegmentError;
pub use journal::JournalWriter;
pub use provenance::of_host;
pub use recovery::{RecoveryError, RecoveryReport, recover};
pub use scan::{JournalReader, Scan, scan};
pub use seal::{Sealed, Segment, seal};
pub use summary::Summary;
pub use writer::RecordingWriter;
