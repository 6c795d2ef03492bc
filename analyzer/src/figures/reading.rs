//! One reading of a recording: the facts that every command needs, read once, so that no command
//! warns less than another.

use std::path::Path;

use soakbox_cli::Result;

use super::annotations::Annotations;
use super::{Coverage, Gap, Moment, OperationCounts, Warning, reconciliation};
use crate::recording::{self, Recording};
use crate::sql::Session;

/// A recording that was opened and examined.
pub struct Reading {
    /// Its files.
    pub recording: Recording,
    /// Its tables, ready for queries.
    pub session: Session,
    /// When observation was incomplete.
    pub gaps: Vec<Gap>,
    /// Annotated moments, in order.
    pub moments: Vec<Moment>,
    /// When it was observed.
    pub coverage: Coverage,
    /// The kernel's counts per operation, compared with the rows; ordered by name.
    pub counts: Vec<OperationCounts>,
    /// Why the recording holds less than everything that happened. Empty if it is complete.
    pub warnings: Vec<Warning>,
}

impl Reading {
    /// Opens the recording at `root`. With `skip_damaged`, unreadable files are left out and become
    /// warnings.
    ///
    /// # Errors
    /// Where there is no recording, a file cannot be read, or a query fails.
    pub fn open(root: &Path, skip_damaged: bool) -> Result<Self> {
        let recording = recording::open(root, skip_damaged)?;
        let session = Session::new(&recording)?;
        let Annotations {
            gaps,
            moments,
            runs,
        } = Annotations::read(&session)?;
        let coverage = Coverage::of(&recording, &runs, &gaps);
        let counts = reconciliation::read(&recording, &session, &coverage)?;
        let warnings = Warning::all(&recording, &counts, &gaps);
        Ok(Self {
            recording,
            session,
            gaps,
            moments,
            coverage,
            counts,
            warnings,
        })
    }

    /// Whether the counts of all operations agree with their rows; `None` where there are no
    /// counters to compare.
    pub fn counts_agree(&self) -> Option<bool> {
        let compared = self.counts.iter().filter_map(|counts| counts.identity_ok);
        compared.reduce(|all, one| all && one)
    }
}
