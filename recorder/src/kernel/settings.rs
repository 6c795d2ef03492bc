//! The kernel side's settings of one recording, from the plan and the facts about this kernel. No
//! I/O.

use soakbox_schemas::control::Settings;
use soakbox_schemas::durations;

use super::{KernelFacts, KernelSettings};

/// The settings as the loader writes them into the object.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Global(#[allow(dead_code, reason = "read by the kernel side")] Settings);
// SAFETY: repr(C) of integers; their offsets, asserted in the schemas, leave no padding.
unsafe impl aya::Pod for Global {}

impl Global {
    pub(super) fn new(
        facts: &KernelFacts,
        plan: &KernelSettings,
        durations: durations::Size,
    ) -> Self {
        let namespace = facts.pid_namespace;
        Self(Settings {
            interval_ns: plan.interval_ns,
            // Half of the ring: the other half holds the events that come while the recorder wakes
            // up.
            wake_bytes: u64::from(plan.ring_bytes / 2),
            namespace_device: namespace.map_or(0, |namespace| namespace.device),
            namespace_inode: namespace.map_or(0, |namespace| namespace.inode),
            operations: plan.rules.len() as u32,
            follow_tree: u32::from(plan.tree.is_some()),
            page_bytes: rustix::param::page_size() as u32,
            duration_slices: durations.slices,
            in_flight: plan.places,
            switched: u32::from(plan.switched),
            counts_cpu: u32::from(plan.counts_cpu_here(facts)),
            offsets: facts.offsets,
        })
    }
}
