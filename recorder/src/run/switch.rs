//! Attaches and detaches the probes of operations while they are recorded, and reads what they have
//! cost.

use std::sync::{Arc, Mutex};

use soakbox_schemas::counters::CounterValues;

use super::probes::{OperationHooks, lock};
use crate::costs::PairCost;
use crate::kernel::{Counters, Kernel, KernelError, ObservedTimes, Scope};
use crate::plan::{Hook, Phase};
use crate::sample::cost_of;

/// The phases whose probes make a begin.
const BEGINS: [Phase; 2] = [Phase::Begin, Phase::TailCall];

/// The operations' probes.
pub(super) struct Switch {
    kernel: Arc<Mutex<Kernel>>,
    scope: Scope,
    /// Those with an operation in their cookie are switched.
    hooks: Arc<Mutex<OperationHooks>>,
    times: ObservedTimes,
}

impl Switch {
    pub(super) fn new(
        kernel: Arc<Mutex<Kernel>>,
        scope: Scope,
        hooks: Arc<Mutex<OperationHooks>>,
        times: ObservedTimes,
    ) -> Self {
        Self {
            kernel,
            scope,
            hooks,
            times,
        }
    }

    /// When begins are observed.
    pub(super) fn times(&self) -> &ObservedTimes {
        &self.times
    }

    /// Attaches the probes of operations that have none. Where that fails, they have none.
    ///
    /// # Errors
    /// [`KernelError::Attach`].
    pub(super) fn attach(&self, is_chosen: impl Fn(u16) -> bool) -> Result<(), KernelError> {
        let of = |hook: &&Hook| {
            let cookie = hook.cookie.as_ref();
            cookie.is_some_and(|cookie| is_chosen(cookie.cookie().operation))
        };
        let mut kernel = lock(&self.kernel);
        let mut hooks = lock(&self.hooks);
        let attached = kernel.attach(hooks.hooks.iter().filter(of), self.scope);
        if attached.is_err() {
            kernel.detach_operations(&Phase::DETACH, &is_chosen);
        }
        note(&mut hooks.is_off, &is_chosen, attached.is_err());
        attached
    }

    /// Detaches the probes of begins.
    pub(super) fn detach_begins(&self, is_chosen: impl Fn(u16) -> bool) {
        let mut kernel = lock(&self.kernel);
        kernel.detach_operations(&BEGINS, &is_chosen);
        note(&mut lock(&self.hooks).is_off, &is_chosen, true);
    }

    /// Detaches the others: finishes are missed from `now_ns` on.
    pub(super) fn detach_finishes(&self, is_chosen: impl Fn(u16) -> bool) {
        lock(&self.kernel).detach_operations(&Phase::DETACH, is_chosen);
    }
}

/// Notes which operations are switched off.
fn note(is_off: &mut [bool], is_chosen: impl Fn(u16) -> bool, off: bool) {
    for (operation, is_off) in (0..).zip(is_off) {
        if is_chosen(operation) {
            *is_off = off;
        }
    }
}

/// What the probes of each operation have cost, from the kernel's counters, which it leaves to others
/// to reset.
pub(super) struct Ledger {
    counters: Counters,
    costs: Vec<PairCost>,
    interval_ns: u64,
    /// The current interval and the one before it, with what was seen of them.
    seen: [(u64, Vec<Cost>); 2],
    since: Vec<Cost>,
}

/// Sums over the operations of a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Cost of probes of operations that are observed, ns.
    pub(super) observed_ns: u64,
    /// Cost of others, ns.
    pub(super) unobserved_ns: u64,
    /// Finished operations.
    finished: u64,
    /// Sum of their durations, ns.
    duration_ns: u64,
}

impl Cost {
    fn of(counted: &CounterValues, cost: &PairCost) -> Self {
        let (observed_ns, unobserved_ns) = cost_of(counted, cost);
        Self {
            observed_ns,
            unobserved_ns,
            finished: counted.finished,
            duration_ns: counted.duration_sum_ns,
        }
    }

    /// Without what was seen before; nothing where the counters were reset.
    fn since(self, before: Self) -> Self {
        Self {
            observed_ns: self.observed_ns.saturating_sub(before.observed_ns),
            unobserved_ns: self.unobserved_ns.saturating_sub(before.unobserved_ns),
            finished: self.finished.saturating_sub(before.finished),
            duration_ns: self.duration_ns.saturating_sub(before.duration_ns),
        }
    }

    fn add(&mut self, more: Self) {
        self.observed_ns += more.observed_ns;
        self.unobserved_ns += more.unobserved_ns;
        self.finished += more.finished;
        self.duration_ns += more.duration_ns;
    }

    /// The mean duration, ns; `None` where nothing finished.
    pub(super) fn mean_ns(&self) -> Option<u64> {
        self.duration_ns.checked_div(self.finished)
    }
}

impl Ledger {
    /// `costs`: by operation.
    pub(super) fn new(counters: Counters, costs: Vec<PairCost>, interval_ns: u64) -> Self {
        let none = || (u64::MAX, vec![Cost::default(); costs.len()]);
        Self {
            seen: [none(), none()],
            since: vec![Cost::default(); costs.len()],
            counters,
            costs,
            interval_ns,
        }
    }

    /// Adds what was counted since the last look. An interval is seen as long as its counts have not
    /// been reset, which is a quarter of a second after its end.
    pub(super) fn look(&mut self, now_ns: u64) {
        let current = now_ns / self.interval_ns;
        for interval in [current.saturating_sub(1), current] {
            let place = (interval % 2) as usize;
            if self.seen[place].0 != interval {
                self.seen[place] = (interval, vec![Cost::default(); self.costs.len()]);
            }
            let seen = &mut self.seen[place].1;
            for (operation, cost) in self.costs.iter().enumerate() {
                let counted = self.counters.read(operation as u32, interval);
                let all = Cost::of(&counted, cost);
                let more = all.since(seen[operation]);
                self.since[operation].add(more);
                seen[operation].add(more);
            }
        }
    }

    /// By operation: what was added since the last call.
    pub(super) fn take(&mut self) -> Vec<Cost> {
        let none = vec![Cost::default(); self.costs.len()];
        std::mem::replace(&mut self.since, none)
    }

    /// By operation: what was added so far.
    pub(super) fn so_far(&self) -> &[Cost] {
        &self.since
    }
}
