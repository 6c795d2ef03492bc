//! The kernel side of a recording: its programs and probes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::exits::RunsAny;
use super::files::Detach;
use super::switch::{Ledger, Switch};
use crate::costs::PairCost;
use crate::kernel::{Kernel, KernelError, KernelFacts, KernelSettings, Scope};
use crate::plan::{ProcessFilter, RecordPlan};
use crate::source::ProbeSource;

/// The BPF programs and their probes. Dropping it detaches every probe.
pub(super) struct Probes {
    kernel: Arc<Mutex<Kernel>>,
    /// Why this kernel does not let the age of operations in flight be read.
    without_ages: Option<KernelError>,
}

impl Probes {
    /// Loads the BPF programs and attaches the hooks that keep track of threads and processes.
    pub(super) fn load(
        plan: &RecordPlan,
        facts: &KernelFacts,
    ) -> Result<(Self, ProbeSource), KernelError> {
        let settings = KernelSettings {
            rules: plan
                .operations
                .iter()
                .map(|operation| operation.rule)
                .collect(),
            interval_ns: plan.interval_ns(),
            ring_bytes: plan.limits.ring_bytes,
            in_flight: plan.limits.in_flight,
            tree: plan
                .processes
                .follows_tree()
                .then_some(plan.limits.processes),
            places: plan
                .operations
                .iter()
                .fold(0, |places, operation| places | operation.pairing.places()),
            switched: plan.max_overhead.is_some(),
        };
        let mut kernel = Kernel::load(facts, &settings, plan.hooks())?;
        kernel.attach(&plan.lifecycle, Scope::File)?;
        let (oldest, without_ages) = match kernel.oldest_in_flight() {
            Ok(oldest) => (Some(oldest), None),
            Err(error) => (None, Some(error)),
        };
        let source = ProbeSource::new(kernel.take_ring()?, kernel.counters()?, oldest);
        let probes = Self {
            kernel: Arc::new(Mutex::new(kernel)),
            without_ages,
        };
        Ok((probes, source))
    }

    /// Why this kernel does not let the age of operations in flight be read, where it does not.
    pub(super) fn without_ages(&self) -> Option<&KernelError> {
        self.without_ages.as_ref()
    }

    /// Attaches the operations' probes.
    pub(super) fn attach_operations(&self, plan: &RecordPlan) -> Result<(), KernelError> {
        let mut kernel = lock(&self.kernel);
        if plan.processes.follows_tree() {
            kernel.follow_own_descendants()?;
        }
        let operations = plan.operations.iter();
        kernel.attach(
            operations.flat_map(|operation| &operation.hooks),
            scope(plan),
        )
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

    /// What tells whether a process of the command runs.
    pub(super) fn runs_any(&self) -> RunsAny {
        let kernel = self.kernel.clone();
        Box::new(move || lock(&kernel).follows_others())
    }

    pub(super) fn detach_all(&self) {
        lock(&self.kernel).detach_all();
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
