//! The kernel side of a recording: its programs and probes, in the process that attaches.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::Detach;
use super::switch::{Ledger, Switch};
use crate::costs::PairCost;
use crate::kernel::{Kernel, KernelError, KernelFacts, KernelSettings, Scope, SharedMaps};
use crate::plan::{ProcessFilter, RecordPlan};

/// The BPF programs and their probes. Dropping it detaches every probe.
pub(super) struct Probes {
    kernel: Arc<Mutex<Kernel>>,
}

impl Probes {
    /// Loads the BPF programs and attaches the hooks that keep track of threads and processes. Also
    /// returns the maps that a recording reads, and why the ages of operations in flight are not
    /// among them, where they are not.
    pub(super) fn load(
        plan: &RecordPlan,
        facts: &KernelFacts,
    ) -> Result<(Self, SharedMaps, Option<KernelError>), KernelError> {
        let mut kernel = Kernel::load(facts, &settings(plan), plan.hooks())?;
        kernel.attach(&plan.lifecycle, Scope::File)?;
        let (maps, without_ages) = kernel.share_maps()?;
        let probes = Self {
            kernel: Arc::new(Mutex::new(kernel)),
        };
        Ok((probes, maps, without_ages))
    }

    /// Lets a thread of the recording process register it as the root of the followed tree.
    pub(super) fn begin_registration(
        &self,
        process: NonZeroU32,
        thread: NonZeroU32,
    ) -> Result<(), KernelError> {
        lock(&self.kernel).begin_registration(process, thread)
    }

    /// The thread has done so.
    pub(super) fn end_registration(&self) {
        lock(&self.kernel).end_registration();
    }

    /// Attaches the operations' probes. Returns how many links there are.
    pub(super) fn attach_operations(&self, plan: &RecordPlan) -> Result<usize, KernelError> {
        let mut kernel = lock(&self.kernel);
        let operations = plan.operations.iter();
        kernel.attach(
            operations.flat_map(|operation| &operation.hooks),
            scope(plan),
        )?;
        Ok(kernel.links())
    }

    /// What switches the operations' probes, and what tells how much they cost.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub(super) fn switch(
        &self,
        plan: &RecordPlan,
        costs: Vec<PairCost>,
    ) -> Result<(Switch, Ledger), KernelError> {
        let kernel = lock(&self.kernel);
        let times = kernel.observed_times()?;
        let ledger = Ledger::new(kernel.counters()?, costs, plan.interval_ns());
        let hooks = plan.operations.iter();
        let hooks = hooks.flat_map(|operation| operation.hooks.iter().cloned());
        let switch = Switch::new(self.kernel.clone(), scope(plan), hooks, times);
        Ok((switch, ledger))
    }

    /// What detaches the probes of one file.
    pub(super) fn detach_file(&self) -> Detach {
        let kernel = self.kernel.clone();
        Box::new(move |file| lock(&kernel).detach_file(file))
    }

    /// Whether a process of the command runs.
    pub(super) fn runs_any(&self) -> Result<bool, KernelError> {
        lock(&self.kernel).follows_others()
    }

    pub(super) fn detach_all(&self) {
        lock(&self.kernel).detach_all();
    }
}

/// What the kernel side is loaded with, and its maps are read with.
pub(super) fn settings(plan: &RecordPlan) -> KernelSettings {
    let operations = plan.operations.iter();
    let places = operations.fold(0, |places, operation| places | operation.pairing.places());
    let operations = plan.operations.iter();
    KernelSettings {
        rules: operations.map(|operation| operation.rule).collect(),
        interval_ns: plan.interval_ns(),
        ring_bytes: plan.limits.ring_bytes,
        in_flight: plan.limits.in_flight,
        tree: plan
            .processes
            .follows_tree()
            .then_some(plan.limits.processes),
        places,
        switched: plan.max_overhead.is_some(),
    }
}

fn scope(plan: &RecordPlan) -> Scope {
    match &plan.processes {
        ProcessFilter::Process(process) => Scope::Process(process.pid()),
        ProcessFilter::All | ProcessFilter::Command(_) => Scope::File,
    }
}

pub(super) fn lock(kernel: &Mutex<Kernel>) -> MutexGuard<'_, Kernel> {
    // After a panic the links still have to be detached.
    kernel.lock().unwrap_or_else(PoisonError::into_inner)
}
