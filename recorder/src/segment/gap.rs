//! The gap that a crash leaves in a recording, as one row of `annotations` under the crashed
//! recorder's own UUID.
//!
//! Recovery plans the gap before anything else, and keeps the plan in a file until everything is
//! done. So a recovery that is killed and run again writes the same gap with the same sequence
//! number: a segment of that number supersedes a second journal of it, and there is only one gap.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use soakbox_schemas::recording::{
    Footer, JournalName, Provenance, RECOVERY_FILE, journal_directory,
};
use soakbox_schemas::tables::{Annotation, AnnotationKind, Table};

use super::durable;
use super::error::SegmentError;
use super::journal::JournalWriter;

/// The cause, which is the text of the annotation.
const CAUSE: &str = "crash";

/// A gap that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gap {
    /// Time of the recorder's last durable row, ns UTC.
    pub(crate) from_ns: i64,
    /// When the first recovery began, ns UTC.
    pub(crate) until_ns: i64,
    /// The recorder's next sequence number of `annotations`.
    pub(crate) sequence: u64,
}

impl Gap {
    /// The plan of an earlier recovery that was interrupted.
    pub(crate) fn planned(root: &Path, uuid: &str) -> Option<Self> {
        let text = std::fs::read(plan_path(root, uuid)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Stores the plan, durably.
    pub(crate) fn plan(&self, root: &Path, uuid: &str) -> Result<(), SegmentError> {
        let path = plan_path(root, uuid);
        let text =
            serde_json::to_vec(self).map_err(|error| SegmentError::io("write", &path, error))?;
        durable::write_whole(&path, &temporary_plan_path(root, uuid), &text)
    }

    /// The journal that it is written to.
    pub(crate) fn journal(&self, uuid: &str) -> JournalName {
        JournalName {
            uuid: uuid.to_owned(),
            table: Table::ANNOTATIONS,
            sequence: self.sequence,
        }
    }

    /// Writes the journal anew, durably.
    pub(crate) fn write(
        &self,
        root: &Path,
        uuid: &str,
        provenance: Provenance,
    ) -> Result<(), SegmentError> {
        let name = self.journal(uuid);
        let path = name.path(root);
        durable::remove(&path)?;
        let annotation = Annotation {
            at_ns: self.from_ns,
            until_ns: Some(self.until_ns.max(self.from_ns)),
            kind: AnnotationKind::Gap,
            text: CAUSE.to_owned(),
        };
        let batch = Annotation::batch(&[annotation])
            .map_err(|source| SegmentError::Encode { path, source })?;
        let footer = Footer::of_journal(name, provenance);
        let mut journal = JournalWriter::create(root, batch.schema_ref(), &footer)?;
        journal.append(&batch)?;
        journal.flush().map(|_| ())
    }

    /// Removes the plan, once it is carried out.
    pub(crate) fn forget(root: &Path, uuid: &str) -> Result<(), SegmentError> {
        durable::remove(&temporary_plan_path(root, uuid))?;
        durable::remove(&plan_path(root, uuid))
    }
}

fn plan_path(root: &Path, uuid: &str) -> PathBuf {
    journal_directory(root, uuid).join(RECOVERY_FILE)
}

fn temporary_plan_path(root: &Path, uuid: &str) -> PathBuf {
    plan_path(root, uuid).with_extension("new")
}
