//! An operation of the plan: its name, its rule, its hooks, and how its halves belong together.

use soakbox_schemas::control::{OperationRule, PairBy};
use soakbox_schemas::tables::OperationInfo;

use super::hook::Hook;

/// One operation of the plan; its index is the operation's number on the wire.
#[derive(Clone, Debug)]
pub struct PlannedOperation {
    /// Name and type.
    pub info: OperationInfo,
    /// How success and the return value are read.
    pub rule: OperationRule,
    /// How a begin finds its finish.
    pub pairing: Pairing,
    /// Where its begins and finishes are seen.
    pub hooks: Vec<Hook>,
}

/// How a begin finds its finish, and the proof that it will never have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Stacks are never switched: by thread and stack pointer, and a frame is gone when the stack
    /// pointer has risen above it.
    StackOrder,
    /// A stack switch cannot be excluded: by process and equal stack pointer; only the end of the
    /// process or of its program proves that no finish will come.
    ExactStackPointer,
    /// By the token that both halves carry, or without one last in, first out per thread.
    Token,
}

impl Pairing {
    /// The same for the kernel side, which asks only at functions.
    pub const fn pair_by(self) -> PairBy {
        match self {
            Self::StackOrder | Self::Token => PairBy::StackOrder,
            Self::ExactStackPointer => PairBy::ExactStackPointer,
        }
    }
}

/// Where success comes from when no rule tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeSource {
    /// The finish brings a return value: without a rule nothing is known of its meaning.
    ReturnValue,
    /// The finish says itself whether the operation succeeded.
    Finish,
}
