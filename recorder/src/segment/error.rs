//! Failures of a recording's files: the thing, the reason and the next step, in one line.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use rustix::io::Errno;
use soakbox_schemas::recording::FooterError;

/// A failure of a recording's files. The rows that were written before it stay readable.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The system refused.
    #[error("cannot {doing} {path}: {source}{}", hint(.source))]
    Io {
        /// The attempted step, such as `write to`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A batch could not be encoded for the journal.
    #[error("cannot encode rows for {path}: {source}; hint: this is a bug, please report it")]
    Encode {
        /// The journal.
        path: PathBuf,
        /// The reason.
        source: ArrowError,
    },
    /// Rows could not be written as Parquet.
    #[error(
        "cannot seal {path}: {source}; hint: the journal is kept, run `soakbox-recorder recover`"
    )]
    Parquet {
        /// The journal.
        path: PathBuf,
        /// The reason.
        source: ParquetError,
    },
    /// The batch has other columns than the journal.
    #[error(
        "cannot append to {path}: the batch has other columns than the segment; hint: this is a bug, please report it"
    )]
    Columns {
        /// The journal.
        path: PathBuf,
    },
    /// The journal's frames are of another version of the format.
    #[error("cannot seal {path}: it {source}; hint: seal it with the newer version that wrote it")]
    Footer {
        /// The journal.
        path: PathBuf,
        /// The reason.
        source: FooterError,
    },
    /// Another file has the segment's name.
    #[error(
        "cannot place {path}: another file of that name is there; hint: move it away, then run `soakbox-recorder recover`"
    )]
    Occupied {
        /// The name.
        path: PathBuf,
    },
    /// The sealing thread ended early.
    #[error(
        "the sealing thread stopped; hint: the journals are kept, run `soakbox-recorder recover`"
    )]
    SealerStopped,
}

impl SegmentError {
    pub(crate) fn io(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// Whether the file system is full (or the quota is used up): waiting or freeing space can
    /// help.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }
}

fn errno(error: &io::Error) -> Option<Errno> {
    Errno::from_io_error(error)
}

fn is_full(error: &io::Error) -> bool {
    matches!(errno(error), Some(Errno::NOSPC | Errno::DQUOT))
        || matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
}

fn hint(error: &io::Error) -> &'static str {
    if is_full(error) {
        return "; hint: free space there (the rows that were written stay readable)";
    }
    match errno(error) {
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            "; hint: choose a directory that this user may write"
        }
        Some(Errno::NOTDIR) => "; hint: name a directory, not a file",
        Some(Errno::EXIST) => "; hint: choose another directory",
        Some(Errno::NOENT) => "; hint: check the path",
        Some(Errno::XDEV) => "; hint: keep a recording's tables and its journal on one file system",
        Some(Errno::IO) => "; hint: check the disk (the kernel's log has details)",
        Some(Errno::MFILE | Errno::NFILE) => "; hint: raise the limit of open files (ulimit -n)",
        _ => "",
    }
}
