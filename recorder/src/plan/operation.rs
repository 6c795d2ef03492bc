//! An operation of the plan: its name, its rule, its hooks, and how a finish is paired with its
//! begin.

use std::path::PathBuf;

use soakbox_schemas::control::{OperationRule, PairBy, TailSite, places};
use soakbox_schemas::tables::OperationInfo;

use super::hook::Hook;

/// One operation of the plan; its index is the operation's number in events.
#[derive(Clone, Debug)]
pub struct PlannedOperation {
    /// Name and type.
    pub info: OperationInfo,
    /// How success and the return value are read.
    pub rule: OperationRule,
    /// How a finish is paired with its begin.
    pub pairing: Pairing,
    /// Where its begins and finishes are observed.
    pub hooks: Vec<Hook>,
    /// The files that these are in, as their paths were typed.
    pub paths: Vec<PathBuf>,
    /// The instructions there, as far as they decide the cost.
    pub instructions: Instructions,
}

/// The instructions at which an operation is observed, as far as they decide what that costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions {
    /// Whether the kernel single-steps one at a begin.
    pub begin_is_stepped: bool,
    /// Those of the finishes.
    pub finish: FinishPlace,
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

/// How a finish is paired with its begin, and the proof that a begin will have no finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// By thread and stack pointer, for programs that never switch stacks: a begin has no finish
    /// any more when the stack pointer has risen above its frame.
    StackOrder,
    /// By process and equal stack pointer, where a switch of stacks cannot be excluded: only the
    /// end of the process or an exec proves that no finish will come.
    ExactStackPointer,
    /// By process, operation and equal stack pointer, through all functions that the operation's
    /// function tail-calls: an equal stack pointer of another call, or the end of the process or an
    /// exec, proves that no finish will come.
    TailCalls,
    /// By the token that begin and finish carry; without a token, last in, first out per thread.
    Token,
    /// By goroutine and place on its stack: a begin has no finish any more when the goroutine runs
    /// an operation further up on its stack, or ends.
    Goroutine {
        /// Offset of the id in a goroutine, bytes.
        id_offset: u16,
        /// Whether the goroutines that threads switch to are counted, so that the times of a thread
        /// are the operation's where there was no switch.
        counts_switches: bool,
    },
}

impl Pairing {
    /// Where the kernel side keeps an operation in flight: bits of [`places`].
    pub const fn places(self) -> u32 {
        match self {
            Self::StackOrder => places::THREADS,
            Self::Token => places::THREADS | places::HASH,
            Self::ExactStackPointer | Self::TailCalls | Self::Goroutine { .. } => places::HASH,
        }
    }

    /// The value that the kernel side reads at functions. It does not read it at markers.
    pub const fn pair_by(self) -> PairBy {
        match self {
            Self::StackOrder | Self::Token => PairBy::StackOrder,
            Self::ExactStackPointer => PairBy::ExactStackPointer,
            Self::TailCalls => PairBy::TailCalls(TailSite::Own),
            Self::Goroutine {
                id_offset,
                counts_switches,
            } => PairBy::Goroutine {
                id_offset,
                counts_switches,
            },
        }
    }
}

/// Where success comes from if no rule decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeSource {
    /// The finish has a return value. Without a rule, success is unknown.
    ReturnValue,
    /// The finish carries whether the operation succeeded.
    Finish,
    /// The error of a Go function, whose type is in a register; only with the rule for it.
    GoError {
        /// Its place among the registers for results.
        register: u32,
    },
    /// The finish has nothing that can be read: success and the return value are unknown.
    Nothing,
}
