//! The cost of a probe on this host, measured on a function of the recorder's own: with the real
//! programs of the kernel side, in this process alone. It takes a fraction of a second.

use std::arch::{naked_asm, x86_64::_rdtsc};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use soakbox_schemas::control::{OperationRule, WayOut};

use crate::binary::{Binary, Cost, CostClass, ExitSite, Finish, Function, Site, TailCalls};
use crate::clock::Stopwatch;
use crate::kernel::{Kernel, KernelError, KernelFacts, KernelSettings, Scope, own_file_offset};
use crate::plan::{Hook, Pairing};
use crate::probe::function_hooks;

/// Rounds of calls; the median of them counts.
const ROUNDS: usize = 7;
/// Calls in a round.
const CALLS: usize = 300;
/// Size of the ring, bytes: it holds the events of all calls, because a lost event costs less.
const RING: u32 = 4 << 20;

/// What the probes of one call cost the thread that makes it, µs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairCost {
    /// The probe of the begin.
    #[serde(serialize_with = "to_nanoseconds")]
    pub begin_us: f64,
    /// The probe of the finish.
    #[serde(serialize_with = "to_nanoseconds")]
    pub finish_us: f64,
}

/// The nearest nanosecond: no clock here is finer.
fn to_nanoseconds<S: Serializer>(us: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((us * 1000.0).round() / 1000.0)
}

/// Where a finish is observed, as far as it decides the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishPlace {
    /// At instructions that the kernel emulates.
    Emulated,
    /// At instructions of which the kernel single-steps one at least.
    Stepped,
    /// At the return address that the kernel puts in place of the function's own.
    Uretprobe,
}

/// The costs on this host.
#[derive(Clone, Debug)]
pub struct ProbeCosts(BTreeMap<CostClass, PairCost>);

impl ProbeCosts {
    /// Measures them.
    ///
    /// # Errors
    /// Where the kernel does not allow probes.
    pub fn measure(facts: &KernelFacts) -> Result<Self, KernelError> {
        let settings = KernelSettings {
            rules: vec![OperationRule::default(); WAYS.len()],
            ring_bytes: RING,
            ..KernelSettings::default()
        };
        let own = own_binary()?;
        let mut hooks = Vec::new();
        for (operation, way) in WAYS.iter().enumerate() {
            hooks.extend(way.hooks(&own, operation as u16)?);
        }
        let bare: Vec<PairCost> = WAYS.iter().map(typical).collect();
        let mut kernel = Kernel::load(facts, &settings, &hooks)?;
        let scope = NonZeroU32::new(std::process::id()).map_or(Scope::File, Scope::Process);
        kernel.attach(&hooks, scope)?;
        let probed: Vec<PairCost> = WAYS.iter().map(typical).collect();
        kernel.detach_all();
        let costs = WAYS.iter().zip(probed.iter().zip(&bare));
        Ok(Self(
            costs
                .map(|(way, (probed, bare))| (way.class, probed.above(bare)))
                .collect(),
        ))
    }

    /// The cost of a function of this class. For one step it is the cost of an emulated begin and a
    /// single-stepped finish.
    pub fn of(&self, class: CostClass) -> PairCost {
        self.0[&class]
    }

    /// The cost of a begin and a finish, where it is known which of them are single-stepped.
    pub fn of_places(&self, begin_is_stepped: bool, finish: FinishPlace) -> PairCost {
        let begin = match (begin_is_stepped, finish) {
            (true, _) => CostClass::TwoSteps,
            // It also prepares the return.
            (false, FinishPlace::Uretprobe) => CostClass::Uretprobe,
            (false, _) => CostClass::Emulated,
        };
        let finish = match finish {
            FinishPlace::Emulated => CostClass::Emulated,
            FinishPlace::Stepped => CostClass::OneStep,
            FinishPlace::Uretprobe => CostClass::Uretprobe,
        };
        PairCost {
            begin_us: self.of(begin).begin_us,
            finish_us: self.of(finish).finish_us,
        }
    }

    /// Each class with its cost.
    pub fn by_class(&self) -> &BTreeMap<CostClass, PairCost> {
        &self.0
    }
}

impl PairCost {
    fn above(self, bare: &Self) -> Self {
        Self {
            begin_us: (self.begin_us - bare.begin_us).max(0.0),
            finish_us: (self.finish_us - bare.finish_us).max(0.0),
        }
    }
}

/// A function of the recorder's own, and the class in which it is observed.
struct Way {
    class: CostClass,
    function: extern "C" fn() -> u64,
}

/// An instruction of the function: its distance from the first, and the bytes on the stack there.
#[derive(Clone, Copy)]
struct Place(u64, i16, Cost);

const PUSH: Place = Place(0, 0, Cost::Emulated);
const MOVE: Place = Place(1, 8, Cost::SingleStepped);
const JUMP: Place = Place(14, 0, Cost::Emulated);
const RET: Place = Place(16, 0, Cost::SingleStepped);

/// Defines a function that returns the time stamp counter in its middle: after the places of a
/// begin (`push`, which the kernel emulates, and `mov`, which it single-steps) and before those of
/// a finish (`jmp`, emulated, and `ret`, single-stepped).
macro_rules! measured_function {
    ($name:ident) => {
        #[unsafe(naked)]
        extern "C" fn $name() -> u64 {
            naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "rdtsc",
                "shl rdx, 32",
                "or rax, rdx",
                "pop rbp",
                "jmp 2f",
                "2:",
                "ret",
            )
        }
    };
}

measured_function!(emulated);
measured_function!(by_uretprobe);
measured_function!(one_step);
measured_function!(two_steps);

/// The code of each function.
const CODE: [u8; 17] = [
    0x55, 0x48, 0x89, 0xe5, 0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0x5d, 0xeb, 0x00,
    0xc3,
];

static WAYS: [Way; 4] = [
    Way {
        class: CostClass::Emulated,
        function: emulated,
    },
    Way {
        class: CostClass::Uretprobe,
        function: by_uretprobe,
    },
    Way {
        class: CostClass::OneStep,
        function: one_step,
    },
    Way {
        class: CostClass::TwoSteps,
        function: two_steps,
    },
];

impl Way {
    /// The hooks of a function of this class.
    fn hooks(&self, own: &Arc<Binary>, operation: u16) -> Result<Vec<Hook>, KernelError> {
        let start = self.function as usize as u64;
        // SAFETY: the function is code of this length at least, which is mapped and readable.
        let code = unsafe { std::slice::from_raw_parts(start as *const u8, CODE.len()) };
        if code != CODE {
            return Err(refused("its code is not as expected"));
        }
        let offset =
            own_file_offset(start).ok_or_else(|| refused("it is not in /proc/self/maps"))?;
        let site = |Place(distance, stack_delta, cost)| Site {
            address: start + distance,
            file_offset: offset + distance,
            stack_delta,
            cost,
            may_be_carried_out: false,
        };
        let finish = |exits, kept| Finish::Returns {
            sites: vec![site(RET)],
            exits,
            kept,
            why: String::new(),
        };
        let on_the_way = ExitSite {
            site: site(JUMP),
            way_out: WayOut::default(),
        };
        let (begin, finish) = match self.class {
            CostClass::Emulated => (PUSH, finish(vec![on_the_way], Vec::new())),
            CostClass::Uretprobe => (PUSH, Finish::Uretprobe(site(PUSH))),
            CostClass::OneStep => (PUSH, finish(Vec::new(), vec![site(RET)])),
            CostClass::TwoSteps => (MOVE, finish(Vec::new(), vec![site(RET)])),
        };
        let function = Function {
            symbol: String::new(),
            aliases: Vec::new(),
            copies: Vec::new(),
            address: start,
            begins: vec![site(begin)],
            finish,
            stack_switch: None,
            vouched: None,
            tail_calls: TailCalls::default(),
            left_at: Vec::new(),
        };
        Ok(function_hooks(
            &function,
            own,
            operation,
            Pairing::StackOrder,
        ))
    }
}

fn refused(reason: &str) -> KernelError {
    KernelError::Attach {
        place: "a function of the recorder itself".to_owned(),
        reason: reason.to_owned(),
        hint: "is /proc mounted?",
    }
}

fn own_binary() -> Result<Arc<Binary>, KernelError> {
    let own = PathBuf::from("/proc/self/exe");
    let opened = Binary::open(own.clone(), own);
    let (own, _) = opened.map_err(|error| refused(&error.to_string()))?;
    Ok(Arc::new(own))
}

/// The median of the calls of each round, µs.
fn rounds(way: &Way) -> Vec<PairCost> {
    let function = black_box(way.function);
    // The first call of a function reads its page.
    function();
    let round = |_| {
        let mut begins = Vec::with_capacity(CALLS);
        let mut finishes = Vec::with_capacity(CALLS);
        let (watch, started) = (Stopwatch::start(), ticks());
        for _ in 0..CALLS {
            let before = ticks();
            let inside = function();
            let after = ticks();
            begins.push(inside.saturating_sub(before) as f64);
            finishes.push(after.saturating_sub(inside) as f64);
        }
        let elapsed_us = watch.elapsed().as_secs_f64() * 1e6;
        let us_per_tick = elapsed_us / ticks().saturating_sub(started).max(1) as f64;
        PairCost {
            begin_us: median(begins) * us_per_tick,
            finish_us: median(finishes) * us_per_tick,
        }
    };
    (0..ROUNDS).map(round).collect()
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; it reads a counter and nothing else.
    unsafe { _rdtsc() }
}

/// The cost of a call. It is made of medians, which an interruption of the thread does not change.
fn typical(way: &Way) -> PairCost {
    let rounds = rounds(way);
    PairCost {
        begin_us: median(rounds.iter().map(|cost| cost.begin_us).collect()),
        finish_us: median(rounds.iter().map(|cost| cost.finish_us).collect()),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
