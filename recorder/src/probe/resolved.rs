//! The input and the result of resolving a probe.

use super::{Explanation, Files, Rules};
use crate::binary::KernelVersion;
use crate::plan::{Hook, ObservedFile, OutcomeSource, Pairing};

/// The surroundings in which a probe is resolved.
#[derive(Debug)]
pub struct Context<'a> {
    /// The operation's number on the wire.
    pub operation: u16,
    /// The rules of its operation.
    pub rules: Rules,
    /// The kernel that will run the programs.
    pub kernel: KernelVersion,
    /// The files of this recording.
    pub files: &'a mut Files,
}

/// A probe, resolved on this host.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The programs that are attached for it, with their points.
    pub hooks: Vec<Hook>,
    /// How its begins find their finishes.
    pub pairing: Pairing,
    /// Where success comes from without a rule.
    pub outcome: OutcomeSource,
    /// The files that it touches.
    pub files: Vec<ObservedFile>,
    /// The explanation for `check`.
    pub explanation: Explanation,
}
