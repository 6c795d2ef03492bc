//! Hooks for loading programs; none of them is meant to be attached.

use std::path::PathBuf;
use std::sync::Arc;

use soakbox_recorder::binary::Binary;
use soakbox_recorder::plan::{Hook, Phase, ProgramId, lifecycle_hooks};
use soakbox_recorder::probe::KINDS;

/// One hook for every program of the kind with this name.
pub(crate) fn of_kind(name: &str) -> Vec<Hook> {
    let own = own();
    let kind = KINDS.iter().find(|kind| kind.name() == name).unwrap();
    kind.trial_hooks(&own)
}

/// One hook for every program that every kernel loads.
pub(crate) fn all() -> Vec<Hook> {
    let programs = of_uprobes().into_iter();
    programs.chain(lifecycle_hooks(true)).collect()
}

fn own() -> Arc<Binary> {
    let own = PathBuf::from("/proc/self/exe");
    Arc::new(Binary::open(own).unwrap().0)
}

/// One hook for every program that every kernel loads and that runs at an instruction of a file.
pub(crate) fn of_uprobes() -> Vec<Hook> {
    let kinds = KINDS.iter();
    kinds.flat_map(|kind| of_kind(kind.name())).collect()
}

/// The hooks of the programs that carry out returns.
pub(crate) fn carrying_out() -> [Hook; 2] {
    let own = own();
    ["function_carry_out", "go_carry_out"]
        .map(|name| Hook::uprobe(Phase::Finish, ProgramId::new(name), &own, 0, None))
}
