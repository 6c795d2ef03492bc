//! What resolving a probe needs, and what comes of it.

use super::{Explanation, Files, Rules};
use crate::binary::KernelVersion;
use crate::plan::{Hook, ObservedFile, OutcomeSource, Pairing};

/// What a probe may know and use while it is resolved.
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
    /// What is attached for it.
    pub hooks: Vec<Hook>,
    /// How its begins find their finishes.
    pub pairing: Pairing,
    /// Where success comes from without a rule.
    pub outcome: OutcomeSource,
    /// The files that it touches.
    pub files: Vec<ObservedFile>,
    /// What `check` shows.
    pub explanation: Explanation,
}
