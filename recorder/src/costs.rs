//! The cost of a probe on this host, measured on a function of the recorder's own: with the real
//! programs of the kernel side, in this process alone. It takes a fraction of a second.

mod calls;
mod ways;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Serialize, Serializer};
use soakbox_schemas::control::{OperationRule, places};

use self::calls::{Effort, Halves, RING, recorded_us};
use self::ways::{WAYS, Way, own_binary, refused};
use crate::binary::CostClass;
use crate::kernel::{Kernel, KernelError, KernelFacts, KernelSettings, Scope};
use crate::plan::{FinishPlace, Instructions, PlannedOperation};

/// What the probes of one call cost the thread that makes it, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PairCost {
    /// The probe of the begin.
    #[serde(serialize_with = "to_nanoseconds")]
    pub begin_us: f64,
    /// The probe of the finish.
    #[serde(serialize_with = "to_nanoseconds")]
    pub finish_us: f64,
    /// The part of both that lies between the two readings of the clock, and so in the duration.
    #[serde(serialize_with = "to_nanoseconds")]
    pub inside_us: f64,
}

/// The nearest nanosecond: no clock here is finer.
fn to_nanoseconds<S: Serializer>(us: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((us * 1000.0).round() / 1000.0)
}

/// The costs on this host.
#[derive(Clone, Debug, Default)]
pub struct ProbeCosts {
    /// Of functions whose operations in flight are kept with their thread.
    by_class: BTreeMap<CostClass, PairCost>,
    /// Of the class `emulated` where they are kept in the hash.
    in_hash: PairCost,
}

impl ProbeCosts {
    /// Measures them, for answers to people.
    ///
    /// # Errors
    /// Where the kernel does not allow probes.
    pub fn measure(facts: &KernelFacts) -> Result<Self, KernelError> {
        Self::of_ways(facts, WAYS.iter().collect(), Effort::THOROUGH)
    }

    /// Measures those of these operations, in less time.
    ///
    /// # Errors
    /// Where the kernel does not allow probes.
    pub fn measure_for(
        facts: &KernelFacts,
        operations: &[PlannedOperation],
    ) -> Result<Self, KernelError> {
        let is_needed = |way: &&Way| {
            operations.iter().any(|operation| {
                let (begin, finish) = classes(operation.instructions);
                let is_in_hash = is_in_hash(operation);
                // What the hash costs more is seen from the emulated ones.
                let emulated = is_in_hash && way.class == CostClass::Emulated;
                match way.is_in_hash {
                    true => is_in_hash,
                    false => emulated || [begin, finish].contains(&way.class),
                }
            })
        };
        Self::of_ways(
            facts,
            WAYS.iter().filter(is_needed).collect(),
            Effort::QUICK,
        )
    }

    fn of_ways(
        facts: &KernelFacts,
        ways: Vec<&'static Way>,
        effort: Effort,
    ) -> Result<Self, KernelError> {
        let settings = KernelSettings {
            rules: vec![OperationRule::default(); ways.len()],
            ring_bytes: RING,
            ..KernelSettings::default()
        };
        let own = own_binary()?;
        let mut hooks = Vec::new();
        for (operation, way) in ways.iter().enumerate() {
            hooks.extend(way.hooks(&own, operation as u16)?);
        }
        let mut kernel = Kernel::load(facts, &settings, &hooks)?;
        let mut ring = kernel.take_ring()?;
        let times = || ways.iter().map(|way| effort.typical(way)).collect();
        let bare: Vec<Halves> = times();
        let scope = NonZeroU32::new(std::process::id()).map_or(Scope::File, Scope::Process);
        kernel.attach(&hooks, scope)?;
        let probed: Vec<Halves> = times();
        kernel.detach_all();
        let recorded = recorded_us(&mut ring, ways.len());
        let mut costs = Self::default();
        for (((way, probed), bare), recorded) in
            ways.into_iter().zip(probed).zip(bare).zip(recorded)
        {
            let recorded = recorded.ok_or_else(|| refused("its calls were not recorded"))?;
            let cost = probed.above(bare, recorded);
            match way.is_in_hash {
                true => costs.in_hash = cost,
                false => drop(costs.by_class.insert(way.class, cost)),
            }
        }
        Ok(costs)
    }

    /// The cost of a function of this class. For one step it is the cost of an emulated begin and a
    /// single-stepped finish. 0 where it was not measured.
    pub fn of(&self, class: CostClass) -> PairCost {
        self.by_class.get(&class).copied().unwrap_or_default()
    }

    /// The cost of an operation.
    pub fn of_operation(&self, operation: &PlannedOperation) -> PairCost {
        let with_thread = self.of_instructions(operation.instructions);
        if !is_in_hash(operation) {
            return with_thread;
        }
        let emulated = self.of(CostClass::Emulated);
        let more = |of: fn(&PairCost) -> f64| (of(&self.in_hash) - of(&emulated)).max(0.0);
        PairCost {
            begin_us: with_thread.begin_us + more(|cost| cost.begin_us),
            finish_us: with_thread.finish_us + more(|cost| cost.finish_us),
            inside_us: with_thread.inside_us + more(|cost| cost.inside_us),
        }
    }

    /// The cost of a begin and a finish at these instructions.
    fn of_instructions(&self, instructions: Instructions) -> PairCost {
        let (begin, finish) = classes(instructions);
        PairCost {
            begin_us: self.of(begin).begin_us,
            finish_us: self.of(finish).finish_us,
            // Both read the clock before their instruction: that of the begin is inside, that of the
            // finish is not.
            inside_us: self.of(begin).inside_us,
        }
    }

    /// Each class with its cost.
    pub fn by_class(&self) -> &BTreeMap<CostClass, PairCost> {
        &self.by_class
    }
}

/// The classes whose begin and whose finish are at instructions like these.
fn classes(instructions: Instructions) -> (CostClass, CostClass) {
    let begin = match (instructions.begin_is_stepped, instructions.finish) {
        (true, _) => CostClass::TwoSteps,
        // It also prepares the return.
        (false, FinishPlace::Uretprobe) => CostClass::Uretprobe,
        (false, _) => CostClass::Emulated,
    };
    let finish = match instructions.finish {
        FinishPlace::Emulated => CostClass::Emulated,
        FinishPlace::Stepped => CostClass::OneStep,
        FinishPlace::Uretprobe => CostClass::Uretprobe,
    };
    (begin, finish)
}

fn is_in_hash(operation: &PlannedOperation) -> bool {
    operation.pairing.places() == places::HASH
}

impl Halves {
    /// What probes add to calls without them. `recorded`: the duration that they measured, µs.
    fn above(self, bare: Self, recorded: f64) -> PairCost {
        let begin_us = (self.before - bare.before).max(0.0);
        let finish_us = (self.after - bare.after).max(0.0);
        PairCost {
            begin_us,
            finish_us,
            inside_us: (recorded - bare.before - bare.after).clamp(0.0, begin_us + finish_us),
        }
    }
}
