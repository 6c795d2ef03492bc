//! The files that are observed now: those of the plan and those that took their places, as the threads
//! that find processes need to know them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::{Identity, identity_at};
use crate::binary::Binary;

/// The files, shared by these threads.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    files: Vec<Arc<Binary>>,
    changes: u64,
    /// Paths whose files may change, each with the file that is observed there.
    paths: Vec<(PathBuf, Option<Identity>)>,
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

    /// Paths at which another file will be observed as soon as it is there.
    pub(super) fn set_paths(&self, paths: Vec<(PathBuf, Option<Identity>)>) {
        self.lock().paths = paths;
    }

    /// Whether a file is at one of the paths that is not observed yet.
    pub(super) fn will_change(&self) -> bool {
        let paths = self.lock().paths.clone();
        paths.iter().any(|(path, file)| {
            let found = identity_at(path);
            found.is_some() && found != *file
        })
    }

    pub(super) fn files(&self) -> Vec<Arc<Binary>> {
        self.lock().files.clone()
    }

    /// The files, where they have changed since there were `seen` changes; with the number of changes.
    pub(super) fn changed(&self, seen: u64) -> Option<(Vec<Arc<Binary>>, u64)> {
        let known = self.lock();
        (known.changes != seen).then(|| (known.files.clone(), known.changes))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
