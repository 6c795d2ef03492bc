//! How an observed file is kept from being overwritten under its probes: by a read lease, or where there is
//! none, by comparing its size and time of change.

use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::lease::Lease;
use crate::binary::Binary;
use crate::message;

/// How a file is kept from being overwritten under its probes.
pub(super) enum Guard {
    Lease(Lease),
    /// No lease could be taken: a change is detected only afterwards.
    Comparison,
}

/// Why a file's probes must be detached.
pub(super) enum Danger {
    Overwritten,
    /// Whether its lease is intact is not known.
    Unguarded(io::Error),
}

impl Guard {
    /// A lease, for which a writer that is about to close the file is waited for; a warning names
    /// `path` where there can be none.
    pub(super) fn take(binary: &Binary, path: &Path) -> Self {
        Lease::take(binary)
            .map(Self::Lease)
            .unwrap_or_else(|error| Self::without_lease(path, &error))
    }

    /// As [`Self::take`], at once.
    ///
    /// # Errors
    /// Where another process has the file open for writing.
    pub(super) fn take_now(binary: &Binary, path: &Path) -> Result<Self, &'static str> {
        match Lease::take_now(binary) {
            Ok(lease) => Ok(Self::Lease(lease)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err("another process has it open for writing")
            }
            Err(error) => Ok(Self::without_lease(path, &error)),
        }
    }

    fn without_lease(path: &Path, error: &io::Error) -> Self {
        message::line(format_args!(
            "warning: {}: no lease ({error}); if it is overwritten in place, programs that start at that moment may crash; hint: {}",
            path.display(),
            hint(error.kind())
        ));
        Self::Comparison
    }

    /// Whether a change is found only by looking again and again.
    pub(super) fn is_comparison(&self) -> bool {
        matches!(self, Self::Comparison)
    }

    pub(super) fn danger(&self, binary: &Binary) -> Option<Danger> {
        let is_overwritten = match self {
            Self::Lease(lease) => lease.is_breaking(),
            Self::Comparison => Ok(binary.is_changed()),
        };
        match is_overwritten {
            Ok(is_overwritten) => is_overwritten.then_some(Danger::Overwritten),
            Err(error) => Some(Danger::Unguarded(error)),
        }
    }
}

impl Danger {
    /// The cause of the gap.
    pub(super) fn cause(&self) -> &'static str {
        match self {
            Danger::Overwritten => "file overwritten",
            Danger::Unguarded(_) => "file not guarded",
        }
    }
}

impl Display for Danger {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Danger::Overwritten => out.write_str("was opened for writing"),
            Danger::Unguarded(error) => {
                write!(
                    out,
                    "may be opened for writing, as its lease cannot be read ({error})"
                )
            }
        }
    }
}

fn hint(refusal: ErrorKind) -> &'static str {
    match refusal {
        ErrorKind::WouldBlock => {
            "another process has it open for writing: start again when it is complete"
        }
        ErrorKind::PermissionDenied => "run as root, or with CAP_LEASE",
        _ => "replace it by a new file (mv, install)",
    }
}
