//! The kernel side of a recording: its programs and probes, in the process that attaches.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::{Attach, Detach};
use super::switch::{Ledger, Switch};
use crate::binary::Binary;
use crate::costs::PairCost;
use crate::kernel::{
    CountedCpu, Kernel, KernelError, KernelFacts, KernelSettings, Scope, SharedMaps,
};
use crate::plan::{Hook, ProcessFilter, RecordPlan};

/// The BPF programs and their probes. Dropping it detaches every probe.
pub(super) struct Probes {
    kernel: Arc<Mutex<Kernel>>,
    /// Locked after the kernel side, where both are.
    hooks: Arc<Mutex<OperationHooks>>,
    scope: Scope,
}

/// The hooks of operations in the files that are observed, and which of them are attached.
pub(super) struct OperationHooks {
    pub(super) hooks: Vec<Hook>,
    /// By operation, whether its probes are switched off.
    pub(super) is_off: Vec<bool>,
}

impl OperationHooks {
    fn of(plan: &RecordPlan) -> Self {
        let hooks = plan.operations.iter();
        Self {
            hooks: hooks.flat_map(|one| one.hooks.iter().cloned()).collect(),
            is_off: vec![false; plan.operations.len()],
        }
    }

    /// Whether its operation is switched off; a hook without an operation never is.
    fn is_off(&self, hook: &Hook) -> bool {
        let number = hook.cookie.as_ref();
        let number = number.map(|cookie| usize::from(cookie.cookie().operation));
        number.is_some_and(|number| self.is_off.get(number) == Some(&true))
    }

    fn forget(&mut self, file: &Arc<Binary>) {
        self.hooks.retain(|hook| !hook.is_in(file));
    }
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
        if plan.max_overhead.is_some() {
            // A command starts before the limit is held: its first operations are observed.
            kernel.observed_times()?;
        }
        let (maps, without_ages) = kernel.share_maps()?;
        let probes = Self {
            kernel: Arc::new(Mutex::new(kernel)),
            hooks: Arc::new(Mutex::new(OperationHooks::of(plan))),
            scope: scope(plan),
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
    pub(super) fn attach_operations(&self) -> Result<usize, KernelError> {
        let mut kernel = lock(&self.kernel);
        kernel.attach(&lock(&self.hooks).hooks, self.scope)?;
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
        let switch = Switch::new(self.kernel.clone(), self.scope, self.hooks.clone(), times);
        Ok((switch, ledger))
    }

    /// What reads the CPU time of the target, where the kernel side counts it.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub(super) fn target_cpu(&self) -> Result<Option<CountedCpu>, KernelError> {
        lock(&self.kernel).take_target_cpu()
    }

    /// Whether a uprobe needed a perf event of its own. Where none did, none gets one from now on.
    pub(super) fn settle_single_uprobes(&self) -> bool {
        lock(&self.kernel).settle_single_uprobes()
    }

    /// What detaches the probes of one file.
    pub(super) fn detach_file(&self) -> Detach {
        let (kernel, hooks) = (self.kernel.clone(), self.hooks.clone());
        Box::new(move |file| {
            let mut kernel = lock(&kernel);
            kernel.detach_file(file);
            lock(&hooks).forget(file);
        })
    }

    /// What attaches the probes of one more file, but for those of operations that are switched off.
    pub(super) fn attach_file(&self) -> Attach {
        let (kernel, hooks) = (self.kernel.clone(), self.hooks.clone());
        let scope = self.scope;
        Box::new(move |more| {
            let mut kernel = lock(&kernel);
            kernel.load_programs(&more)?;
            let mut hooks = lock(&hooks);
            kernel.attach(more.iter().filter(|hook| !hooks.is_off(hook)), scope)?;
            hooks.hooks.extend(more);
            Ok(())
        })
    }

    /// Whether a process of the command runs.
    pub(super) fn runs_any(&self) -> Result<bool, KernelError> {
        lock(&self.kernel).follows_others()
    }

    /// Number of links to the kernel now.
    pub(super) fn links(&self) -> usize {
        lock(&self.kernel).links()
    }

    pub(super) fn detach_all(&self) {
        lock(&self.kernel).detach_all();
    }
}

/// What the kernel side is loaded with, and its maps are read with.
pub(super) fn settings(plan: &RecordPlan) -> KernelSettings {
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
        places: places(plan),
        switched: plan.max_overhead.is_some(),
        counts_cpu: plan.counts_cpu(),
    }
}

/// Where the operations are kept while they are in flight.
pub(super) fn places(plan: &RecordPlan) -> u32 {
    let operations = plan.operations.iter();
    operations.fold(0, |places, operation| places | operation.pairing.places())
}

fn scope(plan: &RecordPlan) -> Scope {
    match &plan.processes {
        ProcessFilter::Process(process) => Scope::Process(process.pid()),
        ProcessFilter::All | ProcessFilter::Command(_) => Scope::File,
    }
}

pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // After a panic the links still have to be detached.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
