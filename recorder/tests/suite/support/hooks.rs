//! Hooks for loading programs; none of them is meant to be attached.

use std::path::PathBuf;
use std::sync::Arc;

use soakbox_recorder::binary::Binary;
use soakbox_recorder::plan::{Hook, lifecycle_hooks};
use soakbox_recorder::probe::KINDS;

/// One hook for every program of the kind with this name.
pub(crate) fn of_kind(name: &str) -> Vec<Hook> {
    let own = PathBuf::from("/proc/self/exe");
    let own = Arc::new(Binary::open(own.clone(), own).unwrap().0);
    let kind = KINDS.iter().find(|kind| kind.name() == name).unwrap();
    kind.trial_hooks(&own)
}

/// One hook for every program.
pub(crate) fn all() -> Vec<Hook> {
    let kinds = KINDS.iter().flat_map(|kind| of_kind(kind.name()));
    kinds.chain(lifecycle_hooks(true)).collect()
}
