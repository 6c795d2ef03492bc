//! The cost class of a function's observation: which of its probes the kernel single-steps, which
//! decides most of the cost.

use super::disassembly::Cost;
use super::error::Reason;
use super::{Finish, Function, Site};

/// How a function is observed, by cost, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CostClass {
    /// Begin and every finish are at instructions that the kernel emulates.
    Emulated,
    /// The begin is at an instruction that the kernel emulates; a uretprobe finishes it.
    Uretprobe,
    /// One instruction of a call is single-stepped: the begin, or the finish.
    OneStep,
    /// The begin and a finish are single-stepped.
    TwoSteps,
}

impl CostClass {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Emulated,
        Self::Uretprobe,
        Self::OneStep,
        Self::TwoSteps,
    ];

    /// The class of a function with these begins, and these finishes.
    pub(super) fn of(begins: &[Site], finishes: &[Site]) -> Self {
        Self::by_steps(is_stepped(begins), is_stepped(finishes))
    }

    fn by_steps(begin: bool, finish: bool) -> Self {
        match (begin, finish) {
            (false, false) => Self::Emulated,
            (true, true) => Self::TwoSteps,
            _ => Self::OneStep,
        }
    }

    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emulated => "emulated",
            Self::Uretprobe => "uretprobe",
            Self::OneStep => "one_step",
            Self::TwoSteps => "two_steps",
        }
    }
}

/// A function of a file with the cost class of its observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed<'a> {
    /// Its symbol.
    pub symbol: &'a str,
    /// Virtual address.
    pub address: u64,
    /// Its class, or the reason why it cannot be observed.
    pub class: Result<CostClass, Reason>,
    /// Its class if it may finish at jumps that cannot be followed, where it is refused without that.
    pub at_jumps: Option<CostClass>,
}

impl Function {
    /// Its class: that of the most expensive way through it.
    pub fn cost_class(&self) -> CostClass {
        let kept: &[Site] = match &self.finish {
            Finish::Returns { kept, .. } => kept,
            Finish::Callers { .. } => &[],
            Finish::Uretprobe(_) => return by_uretprobe(&self.begins),
        };
        let tails = &self.tail_calls;
        // Of a function that finishes in its callers, the exits may be any instructions.
        let begins = is_stepped(&self.begins) || is_stepped(&tails.begins);
        let mut jumps = self.exits().iter().chain(&tails.jumps).chain(&tails.exits);
        let finishes = is_stepped(kept)
            || is_stepped(&tails.kept)
            || jumps.any(|jump| jump.site.cost == Cost::SingleStepped);
        CostClass::by_steps(begins, finishes)
    }
}

fn by_uretprobe(begins: &[Site]) -> CostClass {
    if is_stepped(begins) {
        CostClass::OneStep
    } else {
        CostClass::Uretprobe
    }
}

fn is_stepped(sites: &[Site]) -> bool {
    sites.iter().any(|site| site.cost == Cost::SingleStepped)
}
