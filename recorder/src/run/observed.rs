//! The files that are observed now: those of the plan, those that took their places, and without those
//! that no process runs any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::binary::Binary;

/// The files, shared by the threads that find processes by them.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    files: Vec<Arc<Binary>>,
    changes: u64,
    /// A file has another one in its place that is not among them yet.
    is_incomplete: bool,
}

impl Observed {
    pub(super) fn add(&self, file: &Arc<Binary>) {
        let mut known = self.lock();
        known.files.push(file.clone());
        known.changes += 1;
    }

    pub(super) fn remove(&self, file: &Arc<Binary>) {
        let mut known = self.lock();
        known.files.retain(|other| !Arc::ptr_eq(other, file));
        known.changes += 1;
    }

    pub(super) fn set_incomplete(&self, is_incomplete: bool) {
        self.lock().is_incomplete = is_incomplete;
    }

    /// Whether a file may be added soon.
    pub(super) fn is_incomplete(&self) -> bool {
        self.lock().is_incomplete
    }

    pub(super) fn files(&self) -> Vec<Arc<Binary>> {
        self.lock().files.clone()
    }

    /// The files, where they have changed since there were `seen` changes, which is brought up to date.
    pub(super) fn changed(&self, seen: &mut u64) -> Option<Vec<Arc<Binary>>> {
        let known = self.lock();
        let is_new = std::mem::replace(seen, known.changes) != known.changes;
        is_new.then(|| known.files.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
