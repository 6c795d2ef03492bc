//! The cost of a probe on this host, measured on a function of the recorder's own: with the real
//! programs of the kernel side, in this process alone. It takes a fraction of a second.

use std::arch::{naked_asm, x86_64::_rdtsc};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use soakbox_schemas::control::{Cookie, OperationRule, PairBy, WayOut};

use crate::binary::{Binary, CostClass};
use crate::kernel::{Kernel, KernelError, KernelFacts, KernelSettings, Scope, own_file_offset};
use crate::plan::{Hook, Phase, ProgramId};

const BEGIN: ProgramId = ProgramId::new("function_begin");
const EXIT: ProgramId = ProgramId::new("function_exit");
const FINISH: ProgramId = ProgramId::new("function_finish");
const RETURN: ProgramId = ProgramId::new("function_return");

/// Rounds of calls; the median of them counts.
const ROUNDS: usize = 7;
/// Calls in a round.
const CALLS: u32 = 300;
/// Holds the events of all calls, so that none is lost, which would be cheaper: bytes.
const RING: u32 = 4 << 20;

/// What the probes of one call cost the thread that makes it, µs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairCost {
    /// The probe of the begin.
    pub begin_us: f64,
    /// The probe of the finish.
    pub finish_us: f64,
}

/// Where a finish is observed, as far as it decides the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishPlace {
    /// At instructions that the kernel emulates.
    Emulated,
    /// At one at least that the kernel single-steps.
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
            interval_ns: 1_000_000_000,
            ring_bytes: RING,
            in_flight: 1,
            tree: None,
        };
        let own = own_binary()?;
        let mut hooks = Vec::new();
        for (operation, way) in WAYS.iter().enumerate() {
            hooks.extend(way.hooks(&own, operation as u16)?);
        }
        let bare: Vec<PairCost> = WAYS.iter().map(|way| median(&rounds(way))).collect();
        let mut kernel = Kernel::load(facts, &settings, &hooks)?;
        let own_pid = NonZeroU32::new(std::process::id()).map_or(Scope::File, Scope::Process);
        for phase in Phase::ATTACH {
            for hook in hooks.iter().filter(|hook| hook.phase == phase) {
                kernel.attach(hook, own_pid)?;
            }
        }
        let probed: Vec<PairCost> = WAYS.iter().map(|way| median(&rounds(way))).collect();
        kernel.detach_all();
        let costs = WAYS.iter().zip(probed.iter().zip(&bare));
        Ok(Self(
            costs
                .map(|(way, (probed, bare))| (way.class, probed.above(bare)))
                .collect(),
        ))
    }

    /// The cost of a function of this class. Of one step, it is that of a begin that is emulated and
    /// a finish that is single-stepped.
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

/// A function of the recorder's own with the way in which it is observed.
struct Way {
    class: CostClass,
    function: extern "C" fn() -> u64,
    begin: Place,
    finish: Place,
    program: ProgramId,
}

/// An instruction of the function: its distance from the first, and the bytes on the stack there.
#[derive(Clone, Copy)]
struct Place(u64, i16);

const PUSH: Place = Place(0, 0);
const MOVE: Place = Place(1, 8);
const JUMP: Place = Place(14, 0);
const RET: Place = Place(16, 0);

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
        begin: PUSH,
        finish: JUMP,
        program: EXIT,
    },
    Way {
        class: CostClass::Uretprobe,
        function: by_uretprobe,
        begin: PUSH,
        finish: PUSH,
        program: RETURN,
    },
    Way {
        class: CostClass::OneStep,
        function: one_step,
        begin: PUSH,
        finish: RET,
        program: FINISH,
    },
    Way {
        class: CostClass::TwoSteps,
        function: two_steps,
        begin: MOVE,
        finish: RET,
        program: FINISH,
    },
];

impl Way {
    fn hooks(&self, own: &Arc<Binary>, operation: u16) -> Result<[Hook; 2], KernelError> {
        let start = self.function as usize as u64;
        let refused = |reason: &str| KernelError::Attach {
            place: "the recorder's own function".to_owned(),
            reason: reason.to_owned(),
            hint: "is /proc mounted?",
        };
        // SAFETY: the function is code of this length at least, which is mapped and readable.
        let code = unsafe { std::slice::from_raw_parts(start as *const u8, CODE.len()) };
        if code != CODE {
            return Err(refused("its code is not as expected"));
        }
        let offset =
            own_file_offset(start).ok_or_else(|| refused("it is not in /proc/self/maps"))?;
        let cookie = |place: Place| {
            Some(Cookie {
                operation,
                stack_delta: place.1,
                pair_by: PairBy::StackOrder,
                by_uretprobe: self.program == RETURN,
                way_out: WayOut::default(),
            })
        };
        let (begin, finish) = (self.begin, self.finish);
        let finishes = if self.program == RETURN {
            Hook::uretprobe(RETURN, own, offset + finish.0, cookie(finish))
        } else {
            let at = offset + finish.0;
            Hook::uprobe(Phase::Finish, self.program, own, at, cookie(finish))
        };
        let begins = Hook::uprobe(Phase::Begin, BEGIN, own, offset + begin.0, cookie(begin));
        Ok([begins, finishes])
    }
}

fn own_binary() -> Result<Arc<Binary>, KernelError> {
    let own = PathBuf::from("/proc/self/exe");
    let (own, _) = Binary::open(own.clone(), own).map_err(|error| KernelError::Attach {
        place: "the recorder itself".to_owned(),
        reason: error.to_string(),
        hint: "is /proc mounted?",
    })?;
    Ok(Arc::new(own))
}

/// The mean of each round, µs.
fn rounds(way: &Way) -> Vec<PairCost> {
    let function = black_box(way.function);
    let round = || {
        let (mut begins, mut finishes) = (0u64, 0u64);
        let started = (Instant::now(), ticks());
        for _ in 0..CALLS {
            let before = ticks();
            let inside = function();
            let after = ticks();
            begins += inside.saturating_sub(before);
            finishes += after.saturating_sub(inside);
        }
        let elapsed_us = started.0.elapsed().as_secs_f64() * 1e6;
        let elapsed_ticks = ticks().saturating_sub(started.1).max(1);
        let us = |sum: u64| sum as f64 / elapsed_ticks as f64 * elapsed_us / f64::from(CALLS);
        PairCost {
            begin_us: us(begins),
            finish_us: us(finishes),
        }
    };
    // The first call of a function reads its page.
    round();
    (0..ROUNDS).map(|_| round()).collect()
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; it reads a counter and nothing else.
    unsafe { _rdtsc() }
}

fn median(rounds: &[PairCost]) -> PairCost {
    let middle = |value: &dyn Fn(&PairCost) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    PairCost {
        begin_us: middle(&|cost| cost.begin_us),
        finish_us: middle(&|cost| cost.finish_us),
    }
}
