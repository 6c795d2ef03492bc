//! The input and the result of resolving a probe.

use super::{Explanation, Files, Rules};
use crate::binary::{KernelVersion, NotCarriedOut};
use crate::plan::{Hook, ObservedFile, OutcomeSource, Pairing};

/// The inputs of resolving a probe, besides the probe itself.
#[derive(Debug)]
pub struct Context<'a> {
    /// The operation's index in the plan and in events.
    pub operation: u16,
    /// The rules of the operation.
    pub rules: Rules,
    /// Version of the kernel that will run the programs.
    pub kernel: KernelVersion,
    /// Who does not carry out return instructions there; `None` where the program at one can.
    pub not_carried_out: Option<NotCarriedOut>,
    /// The files of this recording.
    pub files: &'a mut Files,
}

/// A probe, resolved on this host.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The programs to attach, and where.
    pub hooks: Vec<Hook>,
    /// How a finish is paired with its begin.
    pub pairing: Pairing,
    /// Where success comes from if no rule decides it.
    pub outcome: OutcomeSource,
    /// The files that its hooks are in.
    pub files: Vec<ObservedFile>,
    /// The explanation for `check`.
    pub explanation: Explanation,
}
