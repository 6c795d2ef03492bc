//! The kinds of probe, one file each, with everything about the kind: its syntax and help, how it
//! resolves, the programs that it places and where, and how it explains itself. A new kind is a
//! file and an entry in [`KINDS`].

mod function;
mod marker;

use std::fmt;
use std::sync::Arc;

use anyhow::Result;

use super::{Context, Refusal, Resolved};
use crate::binary::Binary;
use crate::plan::Hook;

/// A kind of probe.
pub trait Kind: Sync {
    /// The word before the first colon.
    fn name(&self) -> &'static str;

    /// Its shape, such as `uprobe:FILE:FUNCTION`.
    fn syntax(&self) -> &'static str;

    /// The operation that it observes, in a line of help.
    fn summary(&self) -> &'static str;

    /// Reads the text after the word and its colon, without the rules.
    ///
    /// # Errors
    /// Where it is not written as this kind is.
    fn parse(&self, text: &str) -> Result<Box<dyn Probe>, Refusal>;

    /// Hooks with each of its programs, to see whether the kernel accepts them: loaded, never
    /// attached. Points that need a file are in `file`.
    fn trial_hooks(&self, file: &Arc<Binary>) -> Vec<Hook>;
}

/// A probe as written: shown, it is the text that parses to it, from the kind's word on.
pub trait Probe: fmt::Debug + fmt::Display + Send + Sync {
    /// Finds its places on this host.
    ///
    /// # Errors
    /// Where there is no such thing, or observing it could do harm.
    fn resolve(&self, context: &mut Context<'_>) -> Result<Resolved>;
}

/// A kind that is known and not built yet.
#[derive(Clone, Copy, Debug)]
pub struct Later {
    /// The word before the first colon.
    pub name: &'static str,
    /// Its shape.
    pub syntax: &'static str,
}

/// The kinds of this version.
pub const KINDS: &[&dyn Kind] = &[&function::FunctionKind, &marker::MarkerKind];

/// The kinds that come later.
pub const LATER: &[Later] = &[
    later("syscall", "syscall:NAME"),
    later("kfunc", "kfunc:FUNCTION"),
    later("go", "go:FILE:FUNCTION"),
    later("usdt", "usdt:FILE:PROVIDER:BEGIN..FINISH"),
    later("tracepoint", "tracepoint:CATEGORY:BEGIN..FINISH"),
    later("bpf", "bpf:PROGRAM"),
    later("kmesh", "kmesh:PINNED_MAP"),
];

const fn later(name: &'static str, syntax: &'static str) -> Later {
    Later { name, syntax }
}
